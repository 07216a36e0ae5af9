"""Lists of entries, page by page: sessions by time, what belongs to a session in the order of the tree, others by id.

A page reads what it needs and at most 1,000 entries: where a filter leaves few of them, it is shorter than was asked
for, and the next one goes on.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import FieldError, InvalidQuery
from chalicelib.lists import decode_position, encode_position
from chalicelib.operation import ListQuery
from chalicelib.scorebook import pages, reading, rows, store, tree
from chalicelib.scorebook.entry_model import EntryList, SessionListQuery
from chalicelib.scorebook.entry_types import EntryType
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.pages import Place, Stretch
from chalicelib.scorebook.scoring import answer_of
from chalicelib.versions import RawItem

MOST_READ = 1000
_SHORTEST_READ = 25
_LAST = "~"
"""Comes after every letter of an id."""
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_POSITION = re.compile(r"[!-~]{1,256}")
_PARENTS = ("session_id", "game_id")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a list is read.

    Attributes:
        read: Returns at most so many entries after a place.
        forms: What a cursor of this list is made of.
        place: Returns the place of an entry.
        check: Whether a cursor's place is one of this list.
    """

    read: Callable[[tuple[str, ...] | None, int], Sequence[RawItem]]
    forms: Sequence[re.Pattern[str]]
    place: Callable[[RawItem], tuple[str, ...]]
    check: Callable[[tuple[str, ...]], bool]


def page(user_id: str, entry_type: EntryType, query: ListQuery) -> EntryList:
    """Return a page of a list.

    Raises:
        InvalidQuery: The cursor is none of this list's.
        AccountClosing: The account is being deleted, or was.
    """
    head = reading.open_head(user_id)
    source = None if head is None else _source(user_id, entry_type, query)
    if head is None or source is None:
        return EntryList((), None)
    after = None if query.cursor is None else decode_position(query.cursor, source.forms)
    if after is not None and not source.check(after):
        raise InvalidQuery("The cursor is not one that this list gave; begin without one.")
    found: list[Row] = []
    left = MOST_READ
    while left:
        asked = min(left, max(query.limit - len(found), _SHORTEST_READ))
        items = source.read(after, asked)
        left -= len(items)
        seen = {row.key for row in reading.visible(user_id, head, map(rows.read_row, items))}
        for item in items:
            row = rows.read_row(item)
            if row.key in seen and row.type == entry_type.name and _fits(row, query):
                found.append(row)
            after = source.place(item)
            if len(found) == query.limit:
                return _answer(found, after)
        if len(items) < asked:
            return _answer(found, None)
    return _answer(found, after)


def _answer(found: Sequence[Row], after: tuple[str, ...] | None) -> EntryList:
    return EntryList(tuple(map(answer_of, found)), encode_position(after))


def _fits(row: Row, query: ListQuery) -> bool:
    """Return whether an entry has the links that a query asks for."""
    asked = {name: getattr(query, name) for name in query.__struct_fields__ if name.endswith("_id")}
    return all(row.fields.get(name) == value for name, value in asked.items() if value is not None)


def _source(user_id: str, entry_type: EntryType, query: ListQuery) -> _Source | None:
    """Return where a list is read; None when nothing can be in it."""
    if isinstance(query, SessionListQuery):
        return _by_position(user_id, sessions_between(query.begins, query.ends))
    if any(getattr(query, name, None) is not None for name in _PARENTS):
        return _of_parent(user_id, query)
    return _by_id(user_id, entry_type.name)


def sessions_between(begins: str | None, ends: str | None) -> Stretch:
    """Return where the sessions of a time stand, the newest first.

    Args:
        begins: They started then or later.
        ends: They started before then.

    Raises:
        InvalidQuery: There is no such moment.
    """
    first = tree.SESSIONS + ("" if begins is None else _key("from", begins))
    last = tree.SESSIONS + (_LAST if ends is None else _key("to", ends))
    # Where it begins after it ends nothing is asked for; DynamoDB takes no such stretch.
    return Stretch(min(first, last), last, newest_first=True)


def _key(name: str, moment: str) -> str:
    try:
        return tree.started_key(moment)
    except ValueError as error:
        raise InvalidQuery(f"{name}: {error}.", errors=(FieldError(f"$.{name}", str(error)),)) from error


def _of_parent(user_id: str, query: Any) -> _Source | None:
    session_id, game_id = getattr(query, "session_id", None), getattr(query, "game_id", None)
    if game_id is None:
        below = tree.below_session(str(session_id))
        return _by_position(user_id, Stretch(below, below + _LAST))
    game = store.find_row(user_id, ("game", game_id))
    if game is None or game.deleted or game.tree is None:
        return None
    below = tree.below_game(game.tree)
    return _by_position(user_id, Stretch(below, below + _LAST))


def _by_position(user_id: str, stretch: Stretch) -> _Source:
    def read(after: tuple[str, ...] | None, limit: int) -> list[RawItem]:
        place: Place | None = None if after is None else (after[0], after[1])
        return list(pages.by_position(user_id, stretch, place, limit))

    return _Source(
        read,
        (_POSITION, re.compile(r"E#[a-z]{1,16}#[A-Za-z0-9_.-]{1,64}")),
        lambda item: (item["tree"]["S"], item["sk"]["S"]),
        lambda after: stretch.begins <= after[0] <= stretch.ends,
    )


def _by_id(user_id: str, kind: str) -> _Source:
    return _Source(
        lambda after, limit: pages.by_id(user_id, kind, None if after is None else after[0], limit),
        (_ID,),
        lambda item: (rows.entry_key(item["sk"]["S"])[1],),
        lambda _: True,
    )
