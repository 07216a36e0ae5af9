"""What a disk may hold after the power went away: only what was synced is certain (SQLite's own model of a disk).

A file's bytes are certain up to its last sync. Each write and truncation after that was kept, was dropped, or reached
the disk in part, sector by sector, in any order. Names made and removed are certain from the next sync of the folder;
those after it were kept up to some point, as a journaling file system does.
"""

import random
from dataclasses import dataclass, field

SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Created:
    """A file of this name came to be."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """The name was removed; `is_synced`: the folder was synced with it."""

    name: str
    is_synced: bool


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes were written."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    """A file was cut or grown to a size."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """A file's bytes are on the disk; `with_folder`: so are the names in its folder."""

    file: int
    with_folder: bool


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A transaction has returned: from here on the spool must hold at least this state."""

    state: int


Event = Created | Deleted | Written | Truncated | Synced | Acknowledged


@dataclass(slots=True)
class Disk:
    """A disk as it goes through events.

    Attributes:
        acknowledged: The last state that was acknowledged.
    """

    acknowledged: int = 0
    _synced: dict[int, bytes] = field(default_factory=dict)
    _pending: dict[int, list[Written | Truncated]] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)
    _pending_names: list[Created | Deleted] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        """Go on by one event."""
        match event:
            case Created(_, file):
                self._synced[file], self._pending[file] = b"", []
                self._pending_names.append(event)
            case Deleted(_, is_synced):
                self._pending_names.append(event)
                if is_synced:
                    self._sync_names()
            case Written(file) | Truncated(file):
                self._pending[file].append(event)
            case Synced(file, with_folder):
                self._synced[file] = _after(self._synced[file], self._pending[file])
                self._pending[file] = []
                if with_folder:
                    self._sync_names()
            case Acknowledged(state):
                self.acknowledged = state

    def _sync_names(self) -> None:
        for change in self._pending_names:
            _rename(self._names, change)
        self._pending_names = []

    def cut(self, chance: random.Random | None, *, keep: bool) -> dict[str, bytes]:
        """Return the files after the power went away here.

        Args:
            chance: Draws what becomes of each unsynced write; without it all are kept, or all dropped.
            keep: Which of both.
        """
        kept_names = len(self._pending_names) if keep else 0
        if chance is not None:
            kept_names = chance.randint(0, len(self._pending_names))
        names = dict(self._names)
        for change in self._pending_names[:kept_names]:
            _rename(names, change)
        return {name: self._content(file, chance, keep=keep) for name, file in names.items()}

    def _content(self, file: int, chance: random.Random | None, *, keep: bool) -> bytes:
        if chance is None:
            return _after(self._synced[file], self._pending[file] if keep else [])
        survived: list[Written | Truncated] = []
        for change in self._pending[file]:
            match chance.randrange(3):
                case 0:
                    survived.append(change)
                case 1 if isinstance(change, Written):
                    survived += _tear(change, chance)
        return _after(self._synced[file], survived)


def _rename(names: dict[str, int], change: Created | Deleted) -> None:
    if isinstance(change, Created):
        names[change.name] = change.file
    else:
        names.pop(change.name, None)


def _tear(write: Written, chance: random.Random) -> list[Written]:
    """Return the sectors of a write that reached the disk, each by itself."""
    parts = []
    begin = 0
    while begin < len(write.data):
        end = begin + SECTOR_BYTES - (write.offset + begin) % SECTOR_BYTES
        if chance.random() < 0.5:
            parts.append(Written(write.file, write.offset + begin, write.data[begin:end]))
        begin = end
    return parts


def _after(content: bytes, changes: list[Written | Truncated]) -> bytes:
    data = bytearray(content)
    for change in changes:
        if isinstance(change, Truncated):
            del data[change.size :]
            data += bytes(change.size - len(data))
        else:
            data += bytes(max(0, change.offset - len(data)))
            data[change.offset : change.offset + len(change.data)] = change.data
    return bytes(data)
