"""What can go wrong in the bridge. Each message says what happened, what was kept and what to do."""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the command line's exit codes mean."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    NO_DEVICE = 3
    NOT_UNDERSTOOD = 4
    NOT_DELIVERED = 5
    CREDENTIAL_REFUSED = 6
    BAD_RECORDING = 7
    LOOK_AT_IT = 8


class BridgeError(Exception):
    """Anything the bridge cannot do; its message is one line for a person.

    Attributes:
        exit_code: The command line's exit code for it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class UsageError(BridgeError):
    """A setting is missing or makes no sense."""

    exit_code = ExitCode.USAGE


class PortError(BridgeError):
    """The port to a device cannot be used."""

    exit_code = ExitCode.NO_DEVICE


class PortMissingError(PortError):
    """There is no such port."""


class PortBusyError(PortError):
    """Another program holds the port."""


class PortPermissionError(PortError):
    """This user may not open the port."""


class DisconnectedError(PortError):
    """The device went away, or stopped answering, after it was connected."""


class DeviceChangedError(DisconnectedError):
    """Another device answers where one was connected, or the same began anew: what is not confirmed is dropped."""


class NotUnderstoodError(BridgeError):
    """What is on the port is no SmartDot that this bridge can read."""

    exit_code = ExitCode.NOT_UNDERSTOOD


class NotASmartDotError(NotUnderstoodError):
    """Nothing on the port answers as a SmartDot does."""


class RecordingError(BridgeError):
    """A recording CSV that cannot be put into a device."""

    exit_code = ExitCode.BAD_RECORDING
