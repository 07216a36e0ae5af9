"""A zip archive that is written in pieces, by one process after another. Pure: members in, bytes out.

Nothing is ever written over: each member's sizes and checksum follow its bytes (a data descriptor), and the directory
comes last. So all that must be kept from one piece to the next is the list of members and how long the archive is.
Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16; from 4 GiB or 65,535 members on with its ZIP64 extensions.
"""

import hashlib
import re
import zipfile
from collections import Counter
from collections.abc import Iterable
from typing import IO, cast

import msgspec

_WHOLE_FILE_TIME = (1980, 1, 1, 0, 0, 0)
_COMPRESSED = (".json", ".txt")


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A member that was written.

    Attributes:
        name: Its path in the archive.
        size_bytes: How many bytes it has.
        sha256: Their SHA-256, in hex.
        stored_bytes: How many bytes it takes in the archive.
        crc32: Its checksum in the archive.
        offset: Where it begins in the archive.
        method: How it is compressed: 0 stored, 8 deflated.
        flags: The archive's flags of the member.
    """

    name: str
    size_bytes: int
    sha256: str
    stored_bytes: int
    crc32: int
    offset: int
    method: int
    flags: int


class _Tail:
    """The end of the archive that is still in memory; zipfile writes to it and cannot go back in it."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.data = bytearray()

    def tell(self) -> int:
        return self.offset + len(self.data)

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


class Archive:
    """An archive that is being written.

    Args:
        members: What was written before.
        offset: How many bytes of the archive were taken before.

    Attributes:
        members: What was written so far.
    """

    def __init__(self, members: Iterable[Member] = (), offset: int = 0) -> None:
        self.members = list(members)
        self._counts = Counter(map(_section, self.members))
        self._tail = _Tail(offset)
        self._zip = zipfile.ZipFile(cast("IO[bytes]", self._tail), "w", allowZip64=True)
        for member in self.members:
            info = _info(member.name)
            info.file_size, info.compress_size, info.CRC = member.size_bytes, member.stored_bytes, member.crc32
            info.header_offset, info.compress_type, info.flag_bits = member.offset, member.method, member.flags
            self._zip.filelist.append(info)
            self._zip.NameToInfo[info.filename] = info

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait to be taken."""
        return len(self._tail.data)

    @property
    def offset(self) -> int:
        """How many bytes were taken."""
        return self._tail.offset

    def count(self, section: str) -> int:
        """Return how many files of a section there are."""
        return self._counts[section]

    def add(self, name: str, size_bytes: int, chunks: Iterable[bytes]) -> None:
        """Add a member.

        Args:
            name: Its path; the caller gives each one once.
            size_bytes: About how many bytes it has.
            chunks: The bytes.
        """
        info = _info(name)
        info.file_size = size_bytes
        info.compress_type = zipfile.ZIP_DEFLATED if name.endswith(_COMPRESSED) else zipfile.ZIP_STORED
        hashed = hashlib.sha256()
        with self._zip.open(info, "w") as file:
            for chunk in chunks:
                hashed.update(chunk)
                file.write(chunk)
        written = (info.compress_size, info.CRC, info.header_offset, info.compress_type, info.flag_bits)
        member = Member(name, info.file_size, hashed.hexdigest(), *written)
        self.members.append(member)
        self._counts[_section(member)] += 1

    def take(self) -> bytes:
        """Return the bytes that were written since the last time; they are not kept here any longer."""
        data = bytes(self._tail.data)
        self._tail.offset += len(data)
        self._tail.data = bytearray()
        return data

    def finish(self) -> None:
        """Write the directory; nothing can be added any more."""
        self._zip.close()

    def abandon(self) -> None:
        """Write no directory; what was not taken is lost."""
        self._zip.fp = None


def _section(member: Member) -> str:
    """Return `logins` for `logins.json` and for `logins-2.json`; other files are counted and never asked for."""
    return re.sub(r"(-\d+)?\.json$", "", member.name)


def _info(name: str) -> zipfile.ZipInfo:
    # Members of one archive are of one moment, which its README tells; a moment of each would say nothing.
    return zipfile.ZipInfo(name, _WHOLE_FILE_TIME)
