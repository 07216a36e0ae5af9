"""The emulated device at work: what a port brings goes to the firmware, and its answers go back."""

import select
import time
from collections.abc import Callable
from typing import Protocol

from device_bridge.emulator.faults import Faults
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.flash import PowerLostError
from device_bridge.emulator.recorder import Recorder

# A device has no room for more replies than this; it drops requests, and the host asks again.
_MOST_UNSENT_BYTES = 65_536
_SILENCE_S = 1.0
_BITS_PER_BYTE = 10
_PACED_CHUNK_S = 0.01


class DevicePort(Protocol):
    """What the device is plugged in with."""

    path: str

    def plug_in(self) -> None:
        """Be there for hosts."""

    def unplug(self) -> None:
        """Be gone."""

    def readers(self) -> list[int]:
        """Return the descriptors that may have something for `receive`."""

    def writers(self) -> list[int]:
        """Return the descriptors that must be writable before `send`."""

    def receive(self, readable: list[int]) -> bytes:
        """Return what a host sent."""

    def idle(self) -> None:
        """Do what is to be done when the line was quiet for a while."""

    def send(self, data: bytes) -> int:
        """Send what the line takes now; return how many bytes are done with."""


def _ignore_path(_: str) -> None:
    """Tell nobody of a new path."""


class EmulatedDevice:
    """A device that is plugged in.

    Args:
        firmware: Its program.
        port: Its plug.
        baud: Limits what it sends to a line of this speed at 10 bits a byte; None sends as fast as the port takes it.
        faults: What goes wrong; None lets nothing go wrong.

    Attributes:
        tell_path: Is called with the path each time that it is plugged in again.
    """

    def __init__(
        self, firmware: Firmware, port: DevicePort, baud: int | None = None, faults: Faults | None = None
    ) -> None:
        self.tell_path: Callable[[str], None] = _ignore_path
        self._firmware = firmware
        self._port = port
        self._faults = faults or Faults(())
        self._bytes_per_s = None if baud is None else baud / _BITS_PER_BYTE
        self._may_send_at_s = 0.0
        self._unsent = bytearray()
        self._hung_until_s = 0.0
        self._away_until_s: float | None = None
        self._is_dead = False
        if faults is not None:
            firmware.flash.cut_power_by(faults.cut_power)

    @property
    def path(self) -> str:
        """What a host opens."""
        return self._port.path

    def close(self) -> None:
        """Unplug the device."""
        self._port.unplug()

    def serve(self, stop: int, recorder: Recorder | None = None) -> None:
        """Answer until there is something to read on the descriptor `stop`.

        Args:
            stop: A descriptor.
            recorder: Makes new records meanwhile, each of which is reported as an event.
        """
        while not self._turn(stop, recorder):
            pass

    def _turn(self, stop: int, recorder: Recorder | None) -> bool:
        """Do what is due and wait for the next thing; return whether it is told to stop."""
        if self._is_back():
            self._guarded(lambda: self._work(recorder))
        readers, writers = self._waited_for()
        readable, writable, _ = select.select([stop, *readers], writers, [], self._longest_wait_s(recorder))
        if stop in readable:
            return True
        if readable:
            self._guarded(lambda: self._receive(readable))
        if writable:
            self._send()
        if not readable and not writable and not self._pause_s():
            self._port.idle()
        return False

    def _waited_for(self) -> tuple[list[int], list[int]]:
        if self._away_until_s is not None or time.monotonic() < self._hung_until_s:
            return [], []
        writers = self._port.writers()
        if not writers:
            # Nobody is there; the next host shall not get another's replies.
            self._unsent.clear()
        return self._port.readers(), writers if self._unsent and not self._pause_s() else []

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PowerLostError:
            self._is_dead = True
            self._go_away(self._faults.power_is_back_in_s())

    def _go_away(self, seconds: float) -> None:
        self._port.unplug()
        self._unsent.clear()
        for way in (self._faults.to_host, self._faults.to_device):
            way.forget()
        self._away_until_s = time.monotonic() + seconds

    def _is_back(self) -> bool:
        """Plug in again when it is time; return whether the device is plugged in and not hung."""
        if self._away_until_s is None:
            return time.monotonic() >= self._hung_until_s
        if time.monotonic() < self._away_until_s:
            return False
        self._away_until_s = None
        if self._is_dead:
            self._is_dead = False
            repaired = self._firmware.restart()
            self._faults.tell(f"power is back, power-up {self._firmware.state.power_up}, pages repaired: {repaired}")
        self._port.plug_in()
        self._faults.tell(f"plugged in again as {self.path}")
        self.tell_path(self.path)
        return True

    def _pause_s(self) -> float:
        """Return the seconds until the line is free for the next bytes, 0 when it is, or there are none."""
        return max(0.0, self._may_send_at_s - time.monotonic()) if self._unsent else 0.0

    def _longest_wait_s(self, recorder: Recorder | None) -> float:
        now_s = time.monotonic()
        if self._away_until_s is not None:
            return max(0.0, self._away_until_s - now_s)
        if now_s < self._hung_until_s:
            return self._hung_until_s - now_s
        waits = [_SILENCE_S, self._pause_s() or _SILENCE_S]
        if recorder is not None:
            waits.append(recorder.due_in_s())
        due_s = self._faults.next_due_s()
        if due_s is not None:
            waits.append(max(0.0, due_s - now_s))
        return min(waits)

    def _work(self, recorder: Recorder | None) -> None:
        """Do what the device does of its own accord: record, report, and let go on what faults held back."""
        now_s = time.monotonic()
        self._queue(self._faults.to_host.due(now_s))
        late = self._faults.to_device.due(now_s)
        if late:
            self._queue_packets(self._firmware.receive(late))
        self._queue_packets(self._firmware.own_events())
        if recorder is not None and recorder.due_in_s() == 0:
            self._queue_packets([self._firmware.event(text) for text in recorder.record()])

    def _receive(self, readable: list[int]) -> None:
        data = self._faults.to_device.carry_bytes(self._port.receive(readable), time.monotonic())
        if not data:
            return
        fault = self._faults.on_request()
        if fault is not None and fault.kind == "unplug":
            self._go_away(fault.seconds)
            return
        if fault is not None:
            self._hung_until_s = time.monotonic() + fault.seconds
        self._queue_packets(self._firmware.receive(data))

    def _queue_packets(self, packets: list[bytes]) -> None:
        for packet in packets:
            self._queue(self._faults.to_host.carry([packet], time.monotonic()))

    def _queue(self, data: bytes) -> None:
        if len(self._unsent) < _MOST_UNSENT_BYTES:
            self._unsent += data

    def _send(self) -> None:
        chunk = len(self._unsent)
        if self._bytes_per_s is not None:
            chunk = min(chunk, max(1, int(self._bytes_per_s * _PACED_CHUNK_S)))
        sent = self._port.send(bytes(self._unsent[:chunk]))
        del self._unsent[:sent]
        if self._bytes_per_s is not None:
            self._may_send_at_s = max(self._may_send_at_s, time.monotonic()) + sent / self._bytes_per_s
