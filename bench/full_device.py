"""A device that one record fills, the processes that take part, and captures: what several benchmarks need."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from smartdot import PAGE_SIZE_BYTES, DirectorySlot, FirstPage, PageKind, Version, build_page
from smartdot.layout import pack_first, pack_slot

_BODY_BYTES = 240
_RING_BEGIN = 2


def make_first_page(page_count: int) -> bytes:
    """Return the first page of a memory of so many pages, one of which is its directory."""
    return pack_first(FirstPage("BENCH-1", Version(1, 0, 0), Version(1, 0, 0), page_count, 1))


def capture_of(pages: list[bytes]) -> bytes:
    """Return the capture of a record's pages."""
    return make_first_page(_RING_BEGIN + len(pages)) + b"".join(pages)


def write_memory(path: Path, record_pages: int) -> int:
    """Write a device's memory that one record of so many pages fills; return the size of its capture in bytes.

    Its pages are right and of random bytes: what they mean is nothing to whoever carries them.
    """
    with path.open("wb") as memory:
        memory.write(make_first_page(_RING_BEGIN + record_pages))
        memory.write(pack_slot(DirectorySlot(1, _RING_BEGIN, record_pages), 1))
        for number in range(record_pages):
            is_last = number == record_pages - 1
            kind = PageKind.HEADER if number == 0 else PageKind.END if is_last else PageKind.DATA
            memory.write(build_page(kind, 1, number, os.urandom(_BODY_BYTES)))
    return (1 + record_pages) * PAGE_SIZE_BYTES


@contextlib.contextmanager
def started(module: str, *arguments: str) -> Iterator[str]:
    """Start a module as a process of its own, and give the last word of its first line: where it is reached.

    Raises:
        RuntimeError: It ended without a line.
    """
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError(f"did not start: python {' '.join(command[1:])}")
            yield line.split()[-1]
        finally:
            process.kill()
