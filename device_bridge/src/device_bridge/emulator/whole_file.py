"""Files beside an emulated device that are there whole, or as they were before."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes | bytearray) -> None:
    """Write a file so that it survives a loss of power: whole or not at all.

    Raises:
        OSError: It cannot be written; what was there before is there still.
    """
    unfinished = path.with_name(f"{path.name}.new")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
