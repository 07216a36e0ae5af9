"""One capture on its way to the cloud, and whether what stopped it would stop any other."""

from collections.abc import Callable, Iterator

from device_bridge.api import (
    MAX_CAPTURE_BYTES,
    MAX_INLINE_BYTES,
    Acknowledgement,
    Api,
    ApiError,
    BusyError,
    CredentialRefusedError,
    EndpointError,
    RefusedError,
    TicketExpiredError,
    TryLaterError,
    UnreachableError,
)
from device_bridge.api_values import PENDING
from device_bridge.spool import CaptureRow, CaptureState, Spool


class TooLargeError(RefusedError):
    """A capture is larger than the API takes at all."""


class StoppedError(ApiError):
    """The bridge was asked to stop in the middle of sending."""


class Sender:
    """Brings single captures of a spool further.

    Args:
        spool: Where they are.
        api: Where they go.
        should_stop: Asked while a large one is sent.
    """

    def __init__(self, spool: Spool, api: Api, should_stop: Callable[[], bool]) -> None:
        self._spool = spool
        self._api = api
        self._should_stop = should_stop

    def bring_further(self, row: CaptureRow) -> Acknowledgement | None:
        """Send a sealed capture, or ask after a sent one; return what the cloud says, None when it does not know it.

        Raises:
            ApiError: One of its kinds.
            SpoolDamagedError: Its bytes in the spool are not those that were sealed.
            StoppedError: It was asked to stop.
        """
        return self._ask(row) if row.state is CaptureState.SENT else self._send(row)

    def _ask(self, row: CaptureRow) -> Acknowledgement | None:
        try:
            return self._api.capture_state(row.sha256 or "")
        except RefusedError as error:
            # It was a question: nothing of the capture was refused.
            raise TryLaterError(str(error)) from error

    def _send(self, row: CaptureRow) -> Acknowledgement:
        size_bytes = row.size_bytes or 0
        if size_bytes > MAX_CAPTURE_BYTES:
            raise TooLargeError(
                f"its {size_bytes} bytes are more than the 64 MiB that the API takes; `device_bridge export` writes "
                "them to a file",
                was_sent=False,
            )
        if size_bytes <= MAX_INLINE_BYTES:
            return self._api.send_capture(self._spool.load(row), row.provenance or {})
        self._spool.verify(row)
        try:
            return self._send_by_ticket(row)
        except TicketExpiredError:
            # The way to the storage may have taken longer than a ticket lasts: once more, by a fresh one.
            return self._send_by_ticket(row)

    def _send_by_ticket(self, row: CaptureRow) -> Acknowledgement:
        ticket = self._api.request_ticket(row.sha256 or "", row.size_bytes or 0, row.provenance or {})
        if isinstance(ticket, Acknowledgement):
            return ticket
        self._api.send_by_ticket(ticket, self._chunks(row))
        return Acknowledgement(PENDING)

    def _chunks(self, row: CaptureRow) -> Iterator[bytes]:
        for chunk in self._spool.stream(row):
            if self._should_stop():
                raise StoppedError("stopped while sending")
            yield chunk

    def general_cause(self, error: ApiError) -> ApiError | None:
        """Return what would keep any capture from being sent now, None when only this one was."""
        if isinstance(error, BusyError | CredentialRefusedError) and error.is_apis_own:
            return error
        if not isinstance(error, UnreachableError | EndpointError | CredentialRefusedError | BusyError):
            return None
        # A proxy's size limit, a firewall that takes offence, a line that breaks at this capture: the API itself is
        # there. Asked without the capture it then answers.
        try:
            self._api.who_am_i()
        except (UnreachableError, EndpointError, CredentialRefusedError, BusyError) as cause:
            return cause
        except ApiError:
            return None
        return None
