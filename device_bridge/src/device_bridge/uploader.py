"""From the spool to the cloud: every sealed capture is sent until the cloud acknowledged its hash."""

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from device_bridge.api import (
    MAX_INLINE_BYTES,
    Acknowledgement,
    Api,
    ApiError,
    CredentialRefusedError,
    EndpointError,
    RefusedError,
    TryLaterError,
    UnreachableError,
)
from device_bridge.spool import CaptureRow, CaptureState, Spool, SpoolDamagedError, SpoolError

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 300.0


class TooLargeError(ApiError):
    """A capture is larger than the API takes in one request."""


@dataclass(slots=True)
class Backoff:
    """How long to wait after a failure: full jitter between 0 and a bound that doubles from 1 s to 5 min.

    Attributes:
        failures: Failures in a row.
        draw: A random number from 0 to 1.
    """

    failures: int = 0
    draw: Callable[[], float] = random.random

    def delay_s(self, retry_after_s: float | None) -> float:
        """Return the wait after one more failure; never less than the API asked for."""
        bound = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return max(bound * self.draw(), retry_after_s or 0.0)

    def reset(self) -> None:
        """Begin anew after a success."""
        self.failures = 0


@dataclass(slots=True)
class PushResult:
    """What one pass over the spool gave.

    Attributes:
        delivered: Captures that the cloud acknowledged.
        quarantined: Captures that were set aside.
        waiting: Captures that stay sealed.
        problems: Why, one line for each capture that was not delivered.
        retry_after_s: How long the API asked to wait.
        credential_problem: Set when the credential was refused; sending paused there.
        is_cut_short: Whether captures were not tried, because the next would have failed as well.
    """

    delivered: list[CaptureRow] = field(default_factory=list)
    quarantined: list[CaptureRow] = field(default_factory=list)
    waiting: list[CaptureRow] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    retry_after_s: float | None = None
    credential_problem: str | None = None
    is_cut_short: bool = False


class Uploader:
    """Sends what is sealed in a spool.

    Args:
        spool: Where the captures are.
        api: Where they go.
        on_capture: Called after each capture with its new row.
        should_stop: Asked before each capture.
    """

    def __init__(
        self,
        spool: Spool,
        api: Api,
        on_capture: Callable[[CaptureRow], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._spool = spool
        self._api = api
        self._on_capture = on_capture
        self._should_stop = should_stop

    def push(self) -> PushResult:
        """Send every sealed capture once, by device and record. One that fails does not hold up the next.

        When the API cannot be reached, is not what answers, asks to wait or refuses the credential, the rest of the
        pass is left out.
        """
        result = PushResult()
        pending = self._spool.captures(CaptureState.SEALED)
        for place, row in enumerate(pending):
            if self._should_stop() or not self._send_one(row, result):
                result.waiting += [other for other in pending[place:] if other not in result.waiting]
                result.is_cut_short = True
                break
        return result

    def _send_one(self, row: CaptureRow, result: PushResult) -> bool:
        """Send a capture and note what came of it; return whether to go on with the next."""
        try:
            acknowledged = self._deliver(row)
        except SpoolDamagedError as error:
            # Where its row is damaged as well it cannot be marked, and is only passed over.
            with contextlib.suppress(SpoolError):
                self._spool.mark_quarantined(row.id, str(error))
            result.quarantined.append(row)
            result.problems.append(f"{_name(row)}: {error}")
            return True
        except RefusedError as error:
            self._spool.mark_quarantined(row.id, str(error))
            result.quarantined.append(row)
            result.problems.append(f"{_name(row)}: {error}; it is kept: `device_bridge push --retry-quarantined`")
            return True
        except ApiError as error:
            self._spool.note_attempt(row.id, str(error))
            result.waiting.append(row)
            return _note_failure(row, error, result)
        self._spool.mark_delivered(row.id, acknowledged.state)
        result.delivered.append(row)
        self._on_capture(row)
        return True

    def _deliver(self, row: CaptureRow) -> Acknowledgement:
        data = self._spool.load(row)
        if len(data) > MAX_INLINE_BYTES:
            raise TooLargeError(f"{len(data)} bytes are more than the 4 MiB that this bridge can send; update it")
        return self._api.send_capture(data, row.provenance or {})


def _note_failure(row: CaptureRow, error: ApiError, result: PushResult) -> bool:
    result.problems.append(f"{_name(row)}: {error}; it stays in the spool")
    if isinstance(error, CredentialRefusedError):
        result.credential_problem = str(error)
        return False
    if isinstance(error, TryLaterError) and error.retry_after_s is not None:
        result.retry_after_s = error.retry_after_s
        return False
    return not isinstance(error, (UnreachableError, EndpointError))


def _name(row: CaptureRow) -> str:
    return f"record {row.record} of {row.device}"


def push_until_done(uploader: Uploader, patience_s: float, sleep: Callable[[float], object] = time.sleep) -> PushResult:
    """Push, and push again with growing waits while captures wait, for at most this long.

    Returns:
        The last pass, with everything that was delivered or set aside in any pass.
    """
    backoff = Backoff()
    ends_at_s = time.monotonic() + patience_s
    total = PushResult()
    while True:
        result = uploader.push()
        total.delivered += result.delivered
        total.quarantined += result.quarantined
        total.waiting, total.problems = result.waiting, result.problems
        total.retry_after_s, total.credential_problem = result.retry_after_s, result.credential_problem
        delay_s = backoff.delay_s(result.retry_after_s)
        if not result.waiting or result.credential_problem or time.monotonic() + delay_s > ends_at_s:
            return total
        sleep(delay_s)
