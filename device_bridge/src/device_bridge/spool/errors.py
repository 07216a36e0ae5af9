"""What can go wrong with the spool."""

from device_bridge.errors import BridgeError


class SpoolError(BridgeError):
    """The spool's file cannot be used."""


class SpoolCorruptError(SpoolError):
    """The spool's file is damaged, or is no spool at all. Nothing was changed; `set_aside` makes room for a new one."""


class SpoolGoneError(SpoolError):
    """The spool's file was deleted or replaced while it was in use."""


class LowDiskError(SpoolError):
    """The disk is too full to keep more; nothing was deleted."""


class SpoolDamagedError(BridgeError):
    """A capture's bytes in the spool are not those that were sealed."""
