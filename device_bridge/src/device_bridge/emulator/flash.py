"""The emulated device's memory, and the file that may stand behind it as its flash chip."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from device_bridge.emulator.whole_file import write_whole
from device_bridge.errors import RecordingError
from smartdot import PAGE_SIZE_BYTES, DirectorySlot, FormatError, MemoryImage

# Given a page's number, what stands there and what is to be written, returns what a power cut leaves; None has power.
Cut = Callable[[int, bytes, bytes], bytes | None]


class PowerLostError(Exception):
    """The battery ran out while a page was being written; the page is torn, what was to follow was not written."""


class _FlashImage(MemoryImage):
    """A memory that knows which pages are not in the file yet, and whose power may end within a write."""

    def __init__(self, data: bytearray) -> None:
        self.unwritten: list[int] = []
        self.cut: Cut | None = None
        super().__init__(data)

    def write_page(self, number: int, data: bytes) -> None:
        torn = self.cut(number, self.page(number), data) if self.cut is not None else None
        super().write_page(number, data if torn is None else torn)
        self.unwritten.append(number)
        if torn is not None:
            raise PowerLostError(f"power was lost while page {number} was being written")


class Flash:
    """A device's memory. With a file, every change is in the file before the device reports it as done.

    Args:
        image: The memory; its bytes are used in place.
        path: The file that holds it; None keeps it in this process only.

    Attributes:
        image: The memory.
        path: The file.
    """

    def __init__(self, image: MemoryImage, path: Path | None = None) -> None:
        self._image = _FlashImage(image.data)
        self.path = path

    @property
    def image(self) -> MemoryImage:
        """The memory."""
        return self._image

    @classmethod
    def create(cls, image: MemoryImage, path: Path) -> "Flash":
        """Write a memory to a new file, whole or not at all."""
        write_whole(path, image.data)
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

    def cut_power_by(self, cut: Cut | None) -> None:
        """Let a function end the device's power within a write from now on, as `PowerLostError`."""
        self._image.cut = cut

    def write_page(self, number: int, data: bytes) -> None:
        """Write a page of memory, and of the file."""
        with self._written_back():
            self._image.write_page(number, data)

    def store_record(self, pages: list[bytes]) -> DirectorySlot:
        """Write a record's pages, and only then the directory slot that says they are there (FORMAT.md 3.2).

        Raises:
            MemoryFullError: There is no room for it.
        """
        with self._written_back():
            return self._image.store_record(pages)

    def repair(self) -> list[int]:
        """Do what a firmware does at its start (FORMAT.md 3.3); return the pages that were written."""
        with self._written_back():
            return self._image.repair()

    def erase_record(self, record: int) -> bool:
        """Free a record by erasing its directory slot; return whether it was there (FORMAT.md 3.2)."""
        with self._written_back():
            return self._image.erase_record(record)

    @contextlib.contextmanager
    def _written_back(self) -> Iterator[None]:
        try:
            yield
        finally:
            unwritten, self._image.unwritten = self._image.unwritten, []
            # The last page says that those before it are there: after a crash of this computer as well.
            self._write_back(unwritten[:-1])
            self._write_back(unwritten[-1:])

    def _write_back(self, numbers: list[int]) -> None:
        if self.path is None or not numbers:
            return
        with self.path.open("r+b") as file:
            for number in numbers:
                file.seek(number * PAGE_SIZE_BYTES)
                file.write(self._image.page(number))
            file.flush()
            os.fsync(file.fileno())
