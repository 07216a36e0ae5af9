"""What a person does about a damaged spool, said with whatever found it."""

import contextlib
from collections.abc import Iterator

from device_bridge.spool import SpoolCorruptError

SET_ASIDE = "device_bridge doctor --set-aside-spool"


@contextlib.contextmanager
def saying_how_to_set_aside() -> Iterator[None]:
    """Add to what is said of a damaged spool the command that makes room for a new one; nothing else does."""
    try:
        yield
    except SpoolCorruptError as error:
        text = str(error)
        raise SpoolCorruptError(text if SET_ASIDE in text else f"{text}. Run: {SET_ASIDE}") from error
