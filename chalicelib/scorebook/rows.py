"""From plain items of the scorebook table to values and back. Pure."""

from dataclasses import dataclass
from typing import Any

import msgspec

from chalicelib.scorebook.items import BatchItem, EntryItem, HeadItem, SweepItem
from chalicelib.scorebook.merging import Row
from chalicelib.versions import RawItem, VersionedItem, upgraded, version_of

OPEN = "open"
CLOSED = "closed"
Key = tuple[str, str]
"""An entry's type and id."""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a user's feed is; the attributes are those of `HeadItem`."""

    n: int
    prev: int
    at: int
    epoch: str
    min_seq: int
    state: str
    count: int
    sweeping: int
    digest: str | None = None
    digest_seq: int | None = None
    digest_at: int = 0


def partition(user_id: str) -> str:
    """Return the partition of a user."""
    return f"U#{user_id}"


def sort_key(key: Key) -> str:
    """Return the sort key of an entry."""
    return f"{EntryItem.SK_PREFIX}{key[0]}#{key[1]}"


def sweep_key(key: Key) -> str:
    """Return the sort key of a deletion under way."""
    return f"{SweepItem.SK_PREFIX}{key[0]}#{key[1]}"


def batch_key(batch_id: str, part: int) -> str:
    """Return the sort key of a part of a push."""
    return f"{batch_prefix(batch_id)}{part:04}"


def batch_prefix(batch_id: str) -> str:
    """Return how the sort keys of the parts of a push begin."""
    return f"{BatchItem.SK_PREFIX}{batch_id}#"


def entry_key(sk: str) -> Key:
    """Return which entry a sort key is of, or the sort key of a deletion."""
    _, kind, entry_id = sk.split("#", 2)
    return kind, entry_id


def today(kind: type[VersionedItem], item: RawItem) -> RawItem:
    """Return an item in today's form."""
    return item if version_of(item) >= kind.schema_version() else upgraded(kind, item)


def read_head(item: RawItem) -> Head:
    """Return a head."""
    item = today(HeadItem, item)
    return Head(
        n=int(item["n"]["N"]),
        prev=int(item["prev"]["N"]),
        at=int(item["at"]["N"]),
        epoch=item["epoch"]["S"],
        min_seq=int(item["min_seq"]["N"]),
        state=item["state"]["S"],
        count=int(item["count"]["N"]),
        sweeping=int(item["sweeping"]["N"]),
        digest=_text(item, "digest"),
        digest_seq=_integer(item, "digest_seq"),
        digest_at=_integer(item, "digest_at") or 0,
    )


def head_item(user_id: str, head: Head) -> RawItem:
    """Return a head as an item."""
    item = _item(HeadItem, user_id, HeadItem.SK)
    for name in ("n", "prev", "at", "min_seq", "count", "sweeping"):
        item[name] = _n(getattr(head, name))
    return {**item, "epoch": _s(head.epoch), "state": _s(head.state)}


def read_row(item: RawItem) -> Row:
    """Return an entry."""
    item = today(EntryItem, item)
    kind, entry_id = entry_key(item["sk"]["S"])
    return Row(
        id=entry_id,
        type=kind,
        ver=int(item["ver"]["N"]),
        seq=int(item["seq"]["N"]),
        deleted="deleted" in item,
        fields=msgspec.json.decode(item["fields"]["S"]),
        created=int(item["created"]["N"]),
        field_vers=_numbers(item, "field_vers"),
        field_times=_numbers(item, "field_times"),
        updated=int(item["updated"]["N"]),
        tree=_text(item, "tree"),
        expires_s=_integer(item, "expires_at"),
    )


def row_item(user_id: str, row: Row) -> RawItem:
    """Return an entry as an item, with nothing in it that need not be: rows are read by the thousand."""
    item = _item(EntryItem, user_id, sort_key(row.key))
    item |= {"ver": _n(row.ver), "seq": _n(row.seq), "created": _n(row.created), "updated": _n(row.updated)}
    item["fields"] = _s(_json(row.fields))
    if row.deleted:
        item["deleted"] = {"BOOL": True}
    if row.field_vers:
        item["field_vers"] = _s(_json(row.field_vers))
    if row.field_times:
        item["field_times"] = _s(_json(row.field_times))
    if row.tree is not None:
        item["tree"] = _s(row.tree)
    if row.expires_s is not None:
        item["expires_at"] = _n(row.expires_s)
    return item


def sweep_item(user_id: str, key: Key, below: str) -> RawItem:
    """Return a deletion under way as an item."""
    return {**_item(SweepItem, user_id, sweep_key(key)), "below": _s(below)}


def batch_item(user_id: str, sk: str, digest: str, begins: int, outcomes: str, expires_s: int) -> RawItem:
    """Return what became of a part of a push as an item."""
    item = _item(BatchItem, user_id, sk)
    return {
        **item,
        "digest": _s(digest),
        "begins": _n(begins),
        "outcomes": _s(outcomes),
        "expires_at": _n(expires_s),
    }


def _item(kind: type[VersionedItem], user_id: str, sk: str) -> RawItem:
    return {"pk": _s(partition(user_id)), "sk": _s(sk), "v": _n(kind.schema_version())}


def _s(text: str) -> dict[str, Any]:
    return {"S": text}


def _n(number: int) -> dict[str, Any]:
    return {"N": str(number)}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _text(item: RawItem, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _integer(item: RawItem, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None


def _numbers(item: RawItem, name: str) -> dict[str, int]:
    return msgspec.json.decode(item[name]["S"]) if name in item else {}
