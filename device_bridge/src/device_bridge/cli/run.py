"""`run`: pull and push until stopped, whatever is unplugged, killed or down."""

import argparse
import contextlib
import errno
import signal
import threading
import time
from collections.abc import Iterator

from device_bridge.api import Api
from device_bridge.cli.console import Output
from device_bridge.cli.delivery import describe_delivered, judge, open_api, report_problems
from device_bridge.cli.devices import connected, describe_sealed, pull_with_bar, warn_about_pull
from device_bridge.device import LinkedSmartDot
from device_bridge.errors import BridgeError, ExitCode, NotUnderstoodError, PortError
from device_bridge.reader import RecordReader
from device_bridge.settings import Settings, resolve
from device_bridge.spool import CaptureRow, CaptureState, Spool, SpoolError, SpoolLock
from device_bridge.uploader import Backoff, Uploader

_RECONNECT_S = 1.0
_JOIN_S = 5.0
_DISK_RETRY_S = 2.0
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


def run(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Pull and push until SIGTERM or Ctrl-C, or once."""
    settings = resolve(vars(chosen))
    with contextlib.closing(open_api(settings)) as api, SpoolLock(settings.spool):
        if chosen.once:
            return _run_once(settings, api, output)
        return _Daemon(settings, api, output, chosen.poll).run()


def _run_once(settings: Settings, api: Api, output: Output) -> ExitCode:
    """Pull, then push also when the pull failed; the pull's failure is the one that is returned."""
    with contextlib.closing(Spool(settings.spool)) as spool:
        failed: BridgeError | None = None
        try:
            with connected(settings) as device:
                result = pull_with_bar(device, spool, output)
            for row in result.sealed:
                output.result(describe_sealed(row))
            if not result.sealed:
                output.message(f"device_bridge: {result.device}: no new records")
            warn_about_pull(result, output)
        except (PortError, NotUnderstoodError) as error:
            failed = error
        pushed = Uploader(spool, api, lambda row: output.result(describe_delivered(row))).push()
        report_problems(pushed, output)
        if failed is not None:
            raise failed
        return judge(pushed, len(spool.captures(CaptureState.QUARANTINED)))


class _Daemon:
    """Two loops, one that reads devices and one that uploads, joined by the spool alone.

    Args:
        settings: What was asked for.
        api: Where captures go.
        output: Where progress is printed.
        poll_s: How often to look for new records.
    """

    def __init__(self, settings: Settings, api: Api, output: Output, poll_s: float) -> None:
        self._settings = settings
        self._api = api
        self._output = output
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._sealed = threading.Event()
        self._upload_failure: BaseException | None = None
        self._last_said: dict[str, str] = {}

    def run(self) -> ExitCode:
        """Run until a signal asks to stop."""
        with _signals_to(self._stop), contextlib.closing(Spool(self._settings.spool)) as spool:
            uploads = threading.Thread(target=self._upload, name="uploads", daemon=True)
            uploads.start()
            try:
                self._read(spool)
            finally:
                self._stop.set()
                self._sealed.set()
                # An upload under way may hang; its capture stays sealed and is sent again at the next start.
                uploads.join(_JOIN_S)
        if self._upload_failure is not None:
            raise self._upload_failure
        self._output.message("device_bridge: stopped")
        return ExitCode.FINE

    def _say(self, text: str) -> None:
        """Print a line, but not the same one again and again while a device is away."""
        thread = threading.current_thread().name
        if text != self._last_said.get(thread):
            # The messages may go to the disk that is full.
            with contextlib.suppress(OSError):
                self._output.message(f"device_bridge: {text}")
        self._last_said[thread] = text

    def _wait_for_disk(self, error: SpoolError | OSError) -> None:
        """Say what failed and wait a little. Raises the error when it is none of the disk's."""
        if isinstance(error, OSError) and error.errno not in _DISK_ERRORS:
            raise error
        self._say(f"{error}. Trying again")
        self._stop.wait(_DISK_RETRY_S)

    def _read(self, spool: Spool) -> None:
        while not self._stop.is_set():
            try:
                with connected(self._settings) as device:
                    self._say(f"{device.first.serial} is connected")
                    self._read_device(device, spool)
            except (PortError, NotUnderstoodError) as error:
                self._say(f"{error}. Trying again")
            self._stop.wait(_RECONNECT_S)

    def _read_device(self, device: LinkedSmartDot, spool: Spool) -> None:
        something_new = threading.Event()
        device.on_event = lambda _: something_new.set()
        reader = RecordReader(device, spool, should_stop=self._stop.is_set, on_sealed=self._note_sealed)
        warned: tuple[object, ...] = (0, ())
        while not self._stop.is_set():
            something_new.clear()
            device.refresh_clock()
            try:
                result = reader.pull()
            except (SpoolError, OSError) as error:
                self._wait_for_disk(error)
                continue
            # Said once, not at every look at the device.
            if (result.damaged_slots, result.vanished) != warned:
                warned = (result.damaged_slots, result.vanished)
                warn_about_pull(result, self._output)
            ends_at_s = time.monotonic() + self._poll_s
            while time.monotonic() < ends_at_s and not (self._stop.is_set() or something_new.is_set()):
                device.wait_for_event()

    def _note_sealed(self, row: CaptureRow) -> None:
        self._output.result(describe_sealed(row))
        self._sealed.set()

    def _upload(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    with contextlib.closing(Spool(self._settings.spool)) as spool:
                        self._upload_until_stopped(spool)
                except (SpoolError, OSError) as error:
                    self._wait_for_disk(error)
        except BaseException as error:  # noqa: BLE001 - carried to the main thread, which ends with it
            self._upload_failure = error
            self._stop.set()

    def _upload_until_stopped(self, spool: Spool) -> None:
        uploader = Uploader(
            spool, self._api, lambda row: self._output.result(describe_delivered(row)), self._stop.is_set
        )
        backoff = Backoff()
        while not self._stop.is_set():
            self._sealed.clear()
            result = uploader.push()
            report_problems(result, self._output, retries_itself=True)
            if result.delivered or not result.waiting:
                backoff.reset()
            if result.is_cut_short:
                self._stop.wait(backoff.delay_s(result.retry_after_s))
                continue
            # What failed by itself is tried again later, and does not hold up a capture that is sealed meanwhile.
            self._sealed.wait(backoff.delay_s(None) if result.waiting else self._poll_s)


@contextlib.contextmanager
def _signals_to(stop: threading.Event) -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
