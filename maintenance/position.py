"""How far a walk through a table is, in a file, so that it can be stopped at any moment and gone on with."""

import os
from pathlib import Path
from typing import Any

import msgspec

Key = dict[str, Any]


class PositionError(Exception):
    """The position file cannot be used for this walk; the message says why and what to do."""


class Segment(msgspec.Struct):
    """How far one part of the table is.

    Attributes:
        after: The key of the last item that is done; None at the beginning.
        is_done: Whether nothing is left.
    """

    after: Key | None = None
    is_done: bool = False


class Position(msgspec.Struct):
    """How far a walk is.

    Attributes:
        table: The table's name.
        segments: Its parts, which are walked beside each other; as many as when the walk began.
        counts: How many items were met, by class, version and what became of them.
    """

    table: str
    segments: list[Segment]
    counts: dict[str, int] = {}


def load(path: Path, table: str, segments: int) -> Position:
    """Return the position in a file, the beginning when there is no file.

    Raises:
        PositionError: The file is of another walk, or cannot be read.
    """
    if not path.exists():
        return Position(table, [Segment() for _ in range(segments)])
    try:
        position = msgspec.json.decode(path.read_bytes(), type=Position)
    except (OSError, msgspec.MsgspecError) as error:
        raise PositionError(f"{path} cannot be read ({error}). Remove it to begin again; that is safe.") from error
    if position.table != table:
        raise PositionError(f"{path} is of the table {position.table}, not {table}. Give another file, or remove it.")
    if len(position.segments) != segments:
        raise PositionError(
            f"{path} is of a walk in {len(position.segments)} segments, not {segments}."
            f" Give --segments {len(position.segments)}, or remove the file to begin again; that is safe."
        )
    return position


def save(path: Path, position: Position) -> None:
    """Write a position in the place of the last one, wholly or not at all."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(position)))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
