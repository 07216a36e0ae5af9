"""The emulated device behind TCP, as a device server shows a serial port."""

from device_bridge.emulator.device import EmulatedDevice
from device_bridge.emulator.faults import Faults
from device_bridge.emulator.firmware import Firmware
from device_bridge.emulator.tcp_port import TcpPort


class TcpDevice(EmulatedDevice):
    """A socket on whose other end the firmware answers, one host at a time.

    Args:
        firmware: The device's program.
        host: The address to listen on.
        port: The port; 0 takes any free one.
        baud: Limits what it sends, as a line of this speed would.
        faults: What goes wrong; None lets nothing go wrong.

    Raises:
        UsageError: The address cannot be listened on.
    """

    def __init__(
        self,
        firmware: Firmware,
        host: str = "127.0.0.1",
        port: int = 0,
        baud: int | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(firmware, TcpPort(host, port), baud, faults)
