"""The archive of everything that is held about a user: asked for, waited for, fetched whole."""

import zipfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from phone_client.answers import Answer, read_json
from phone_client.download import fetch_by_links
from phone_client.errors import ArchiveChangedError, ClientError, ExportFailedError, StillPendingError
from phone_client.request import ALWAYS, JSON, Request, reading
from phone_client.timing import Timing
from phone_client.transport import Transport
from phone_client.users import Export

_PATH = "/v1/users/me/export"
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 5.0


class Exports:
    """A user's exports; the server holds one at a time.

    Args:
        send: Sends a request with the user's credential.
        transport: Follows the archive's link, without it.
        timing: The clocks and the waiting.
    """

    def __init__(self, send: Callable[[Request], Answer], transport: Transport, timing: Timing) -> None:
        self._send = send
        self._transport = transport
        self._timing = timing

    def request(self) -> Export:
        """Ask for one; while one is on its way, that one is returned."""
        if_lost = "The export may have been asked for; ask again, which begins no second one while it is on its way."
        return read_json(self._send(Request("POST", _PATH, if_lost, ALWAYS, headers={"Accept": JSON})), Export)

    def show(self) -> Export:
        """Return the one that was asked for last."""
        return read_json(self._send(reading(_PATH)), Export)

    def wait(self, timeout_s: float, on_progress: Callable[[Export], None]) -> Export:
        """Return the one that was asked for last, once it is ready; see `Account.wait_for_export`."""
        give_up_at_s = self._timing.monotonic_s() + timeout_s
        told, wait_s = "", _FIRST_WAIT_S
        while True:
            export = self.show()
            if export.state != told:
                on_progress(export)
                told = export.state
            if export.state == "ready":
                return export
            if self._timing.monotonic_s() + wait_s > give_up_at_s or export.state == "failed":
                raise _not_ready(export)
            self._timing.sleep(wait_s)
            wait_s = min(1.5 * wait_s, _LONGEST_WAIT_S)

    def save(self, file: BinaryIO) -> int:
        """Write the archive into a file and return how many bytes it has; see `Account.save_export`."""
        export = self.show()
        if export.archive is None or export.size_bytes is None:
            raise _not_ready(export)
        # One byte more than there should be, so that a longer one is seen and not only cut off.
        fetch_by_links(self._transport, self._timing, self._links(export), file, export.size_bytes + 1)
        _check(file, export.size_bytes)
        return export.size_bytes

    def _links(self, export: Export) -> Iterator[str]:
        while export.archive is not None:
            yield export.archive.url
            export = self.show()
        raise _not_ready(export)


def _not_ready(export: Export) -> ClientError:
    if export.state == "failed":
        return ExportFailedError("The server could not make the export. Nothing was changed; ask for another one.")
    return StillPendingError(
        f"The export is not ready yet ({export.state}). The server goes on with it; ask for it again later."
    )


def _check(file: BinaryIO, size_bytes: int) -> None:
    found_bytes = file.seek(0, 2)
    try:
        with zipfile.ZipFile(file) as archive:
            is_whole = found_bytes == size_bytes and archive.testzip() is None
    except (zipfile.BadZipFile, EOFError) as error:
        raise _changed(found_bytes, size_bytes) from error
    if not is_whole:
        raise _changed(found_bytes, size_bytes)


def _changed(found_bytes: int, size_bytes: int) -> ArchiveChangedError:
    return ArchiveChangedError(
        f"The {found_bytes} bytes that arrived are not the export's archive of {size_bytes} bytes, whole. They were "
        "thrown away; try again, and report it when it stays so."
    )
