"""The emulated device's memory, and the file that may stand behind it as its flash chip."""

import os
from pathlib import Path

from device_bridge.errors import RecordingError
from smartdot import ERASED_PAGE, PAGE_SIZE_BYTES, FormatError, MemoryImage


class Flash:
    """A device's memory. With a file, every change is in the file before the device reports it as done.

    Args:
        image: The memory.
        path: The file that holds it; None keeps it in this process only.
    """

    def __init__(self, image: MemoryImage, path: Path | None = None) -> None:
        self.image = image
        self.path = path

    @classmethod
    def create(cls, image: MemoryImage, path: Path) -> "Flash":
        """Write a memory to a new file, whole or not at all."""
        unfinished = path.with_name(path.name + ".new")
        with unfinished.open("wb") as file:
            file.write(image.data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        return cls(image, path)

    @classmethod
    def load(cls, path: Path) -> "Flash":
        """Use a file that holds a device's memory as it is.

        Raises:
            RecordingError: It does not begin with a SmartDot's first page, is of another length than that says, or
                cannot be read.
        """
        try:
            return cls(MemoryImage(bytearray(path.read_bytes())), path)
        except FormatError as error:
            raise RecordingError(f"{path} is no SmartDot's memory: {error}. It was left as it is") from error
        except OSError as error:
            raise RecordingError(f"{path} cannot be read: {error.strerror}") from error

    def write_page(self, number: int, data: bytes) -> None:
        """Write a page of memory, and of the file."""
        self.image.write_page(number, data)
        self._write_back([number])

    def store_record(self, pages: list[bytes]) -> None:
        """Write a record's pages, and only then the directory slot that says they are there (FORMAT.md 3.2).

        Raises:
            MemoryFullError: There is no room for it.
        """
        slot = self.image.store_record(pages)
        self._write_back(slot.pages(self.image.first))
        self._write_back([1 + slot.record % self.image.first.directory_pages])

    def _write_back(self, numbers: list[int]) -> None:
        if self.path is None:
            return
        with self.path.open("r+b") as file:
            for number in numbers:
                file.seek(number * PAGE_SIZE_BYTES)
                file.write(self.image.page(number))
            file.flush()
            os.fsync(file.fileno())

    def erase_record(self, record: int) -> bool:
        """Free a record by erasing its directory slot; return whether it was there (FORMAT.md 3.2)."""
        if all(slot.record != record for slot in self.image.slots()):
            return False
        self.write_page(1 + record % self.image.first.directory_pages, ERASED_PAGE)
        return True
