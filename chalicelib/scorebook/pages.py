"""Parts of a user's entries, by id or by position in the tree, from where the part before ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.scorebook import actions, rows
from chalicelib.scorebook.items import EntryItem
from chalicelib.scorebook.store import query
from chalicelib.versions import RawItem


def by_id(user_id: str, kind: str, after: str | None, limit: int) -> list[RawItem]:
    """Return at most so many entries and tombstones of a type as plain items, in the order of their ids.

    Args:
        user_id: Whose.
        kind: The type.
        after: The id that they come after.
        limit: At most so many.
    """
    start = {} if after is None else {"ExclusiveStartKey": actions.key_of(user_id, rows.sort_key((kind, after)))}
    values = {":prefix": {"S": rows.sort_key((kind, ""))}}
    return list(query(user_id, "begins_with(sk, :prefix)", values, limit, **start))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the tree.

    Attributes:
        begins: The first position.
        ends: The last position.
        newest_first: Whether it is read from its end.
    """

    begins: str
    ends: str
    newest_first: bool = False


Place = tuple[str, str]
"""Where an entry stands: its position in the tree and its sort key."""


def by_position(user_id: str, stretch: Stretch, after: Place | None, limit: int | None) -> Iterator[RawItem]:
    """Yield at most so many entries of a part of the tree, in its order, as plain items.

    Args:
        user_id: Whose.
        stretch: Which part.
        after: The entry that they come after, in this part.
        limit: At most so many; None for all.
    """
    request: dict[str, Any] = {"IndexName": EntryItem.by_tree.Meta.index_name}
    if after is not None:
        request["ExclusiveStartKey"] = {**actions.key_of(user_id, after[1]), "tree": {"S": after[0]}}
    if stretch.newest_first:
        request["ScanIndexForward"] = False
    values = {":begins": {"S": stretch.begins}, ":ends": {"S": stretch.ends}}
    return query(user_id, "tree BETWEEN :begins AND :ends", values, limit, **request)
