"""A user's partition of a table as plain rows, whatever their classes: for those who must see all of them.

Export tells every row by the rule of its kind, erasure removes every row. Neither may overlook a class of items that
was added later, so both begin with the partition and not with the classes.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.operand import Path
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.dynamodb import AccountsTable, CapturesTable, ConditionFailedError, write_together
from chalicelib.versions import RawItem, VersionedItem

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

ROWS_A_PAGE = 200


class Row(Model):
    """A row of a table: its key, and everything else as it came.

    Attributes:
        raw: All of it.
    """

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    raw: RawItem

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        """Return the row and keep all of it."""
        row = super().from_raw_data(data)
        row.raw = data
        return row

    def text(self, name: str) -> str | None:
        """Return an attribute that is a text, None when there is none."""
        value = self.raw.get(name, {}).get("S")
        return None if value is None else str(value)


class AccountsRow(Row):
    """A row of the accounts table."""

    class Meta(AccountsTable):
        """Where it stands."""


class CapturesRow(Row):
    """A row of the captures table."""

    class Meta(CapturesTable):
        """Where it stands."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an export tells of the items of a class, and where they stand.

    Attributes:
        item: The class.
        pk: How its partition key begins.
        sk: How its sort key begins.
        section: The file of the export that tells of it.
        told: The attributes that are told; a class that is told elsewhere has none.
        withheld: The attributes that are not: secrets and their hashes, and what only this system needs.
    """

    item: type[VersionedItem]
    pk: str
    sk: str
    section: str = ""
    told: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    def has(self, item: RawItem) -> bool:
        """Return whether an item is of this kind."""
        return str(item["pk"]["S"]).startswith(self.pk) and str(item["sk"]["S"]).startswith(self.sk)

    def tell(self, row: Row) -> dict[str, Any]:
        """Return what an export tells of a row, read as today's code reads it."""
        item = self.item.from_raw_data(row.raw)
        return {"key": row.sk, **{name: getattr(item, name) for name in self.told}}


class UnknownKindError(Exception):
    """The item is of no kind that the export knows, so it cannot say what may be told of it."""


def kind_of(kinds: Sequence[Kind], item: RawItem) -> Kind:
    """Return the kind of an item.

    Raises:
        UnknownKindError: It is of none.
    """
    for kind in kinds:
        if kind.has(item):
            return kind
    raise UnknownKindError(f"{item['sk']['S'].partition('#')[0]}: {UnknownKindError.__doc__}")


def page(rows: type[Row], key: str, prefix: str = "", after: str | None = None) -> list[Row]:
    """Return the next rows of a partition, read consistently, in the order of their sort keys.

    Args:
        rows: Of which table.
        key: The partition.
        prefix: Only those whose sort key begins so.
        after: Only those behind this sort key.
    """
    start = None if after is None else {"pk": {"S": key}, "sk": {"S": after}}
    condition = rows.sk.startswith(prefix) if prefix else None
    found = rows.query(key, condition, consistent_read=True, limit=ROWS_A_PAGE, last_evaluated_key=start)
    return list(found)


def pages(rows: type[Row], key: str, prefix: str = "", after: str | None = None) -> Iterator[list[Row]]:
    """Yield the rows of a partition in pages, none of them empty."""
    while found := page(rows, key, prefix, after):
        yield found
        after = found[-1].sk


def find(rows: type[Row], key: str, sort_key: str) -> Row | None:
    """Return a row."""
    try:
        return rows.get(key, sort_key, consistent_read=True)
    except DoesNotExist:
        return None


def remove(rows: type[Row], found: Iterable[Row]) -> None:
    """Remove rows; those that are gone already are no error."""
    with rows.batch_write() as batch:
        for row in found:
            batch.delete(row)


def sweep(rows: type[Row], key: str, keep: Callable[[Row], bool] = lambda _: False) -> None:
    """Remove the rows of a partition but those to keep; done again it removes what came meanwhile."""
    for found in pages(rows, key):
        remove(rows, [row for row in found if not keep(row)])


def remove_of_user(key: str, sort_key: str, user_id: str) -> None:
    """Remove an item of the accounts table that names its user, if it is there and names this one."""
    remove_if_text(AccountsRow(key, sort_key), "user_id", user_id)


def remove_if_text(row: Row, name: str, value: str) -> None:
    """Remove a row, if it is there and an attribute of it has this value."""
    with contextlib.suppress(ConditionFailedError):
        write_together(lambda write: write.delete(row, condition=Path(name) == value))


def replace_text(row: Row, name: str, old: str, new: str) -> None:
    """Set an attribute of a row, if it is there and has the old value."""
    change: list[Action] = [Path(name).set(new)]
    with contextlib.suppress(ConditionFailedError):
        write_together(lambda write: write.update(row, actions=change, condition=Path(name) == old))


def scan_of_user(pk: str, user_id: str) -> Iterator[Row]:
    """Yield the items of the accounts table outside of the user's partition that name the user, by reading all of it.

    Args:
        pk: How their partition keys begin.
        user_id: Whom they name.
    """
    return iter(_OwnedItem.scan(_OwnedItem.pk.startswith(pk) & (_OwnedItem.user_id == user_id), consistent_read=True))


def set_text(row: Row, name: str, value: str) -> None:
    """Set an attribute of a row, if the row is still there."""
    with contextlib.suppress(ConditionFailedError):
        remove_and_set_text([], row, name, value)


def remove_and_set_text(going: Sequence[Row], row: Row, name: str, value: str) -> None:
    """Remove some rows and set an attribute of another one, wholly or not at all.

    Raises:
        ConditionFailedError: The row to be changed is gone.
    """
    change: list[Action] = [Path(name).set(value)]

    def actions(write: TransactWrite) -> None:
        for each in going:
            write.delete(each)
        write.update(row, actions=change, condition=Row.pk.exists())

    write_together(actions)


class _OwnedItem(AccountsRow):
    user_id = UnicodeAttribute()

    class Meta(AccountsTable):
        """Where it stands."""
