"""The emulated device on a pty: real bytes through a real terminal device, until it is told to stop."""

from device_bridge.emulator.device import EmulatedDevice
from device_bridge.emulator.faults import Faults
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.pty_port import PtyPort


class PtyDevice(EmulatedDevice):
    """A pty on whose other end the firmware answers.

    Args:
        firmware: The device's program.
        baud: Limits what it sends to a line of this speed at 10 bits a byte; None sends as fast as the pty takes it.
        faults: What goes wrong; None lets nothing go wrong.
    """

    def __init__(self, firmware: Firmware, baud: int | None = None, faults: Faults | None = None) -> None:
        super().__init__(firmware, PtyPort(), baud, faults)
