"""What stands in the scorebook table: a user's head, entries, the outcomes of pushes, and deletions under way.

The classes say what an item holds, for whoever migrates or exports it. `rows.py` reads and writes plain items: for a
page of 1,000 entries that takes 1 ms, and objects of these classes 90 (2 cores, CPython 3.11).
"""

from typing import ClassVar

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, LocalSecondaryIndex

from chalicelib.dynamodb import ScorebookTable
from chalicelib.partition import Row
from chalicelib.versions import VersionedItem


class ScorebookRow(Row):
    """A row of the scorebook table, whatever its class."""

    class Meta(ScorebookTable):
        """Where it stands."""


class BySeq(LocalSecondaryIndex["EntryItem"]):  # type: ignore[no-untyped-call]  # pynamodb leaves it untyped
    """The entries of a user by when they changed last: the feed."""

    pk = UnicodeAttribute(hash_key=True)
    seq = NumberAttribute(range_key=True)

    class Meta:
        """Which index it is."""

        index_name = "by_seq"
        projection = AllProjection()


class ByTree(LocalSecondaryIndex["EntryItem"]):  # type: ignore[no-untyped-call]  # pynamodb leaves it untyped
    """The sessions of a user by time, and all of a session in one place (`tree.py`)."""

    pk = UnicodeAttribute(hash_key=True)
    tree = UnicodeAttribute(range_key=True)

    class Meta:
        """Which index it is."""

        index_name = "by_tree"
        projection = AllProjection()


class HeadItem(VersionedItem):
    """How far a user's feed is: `U#<user>`, `HEAD`. Every write moves it on, so writes follow one another.

    `n` is the last sequence, `prev` that before the last write, `at` when that was, in microseconds since 1970. `epoch`
    is random: a cursor of another user, or of before a restore, has another one. `count`, here `live`, counts live
    entries, `sweeping` the deletions whose descendants are still to go. `digest` is the checksum as of `digest_seq`;
    `digest_at` is when it was computed last, or tried.
    """

    SK: ClassVar[str] = "HEAD"
    n = NumberAttribute()
    prev = NumberAttribute()
    at = NumberAttribute()
    epoch = UnicodeAttribute()
    min_seq = NumberAttribute()
    state = UnicodeAttribute()
    # Under this name a model has a method.
    live = NumberAttribute(attr_name="count")
    sweeping = NumberAttribute()
    digest = UnicodeAttribute(null=True)
    digest_seq = NumberAttribute(null=True)
    digest_at = NumberAttribute(null=True)

    class Meta(ScorebookTable):
        """Where it stands."""


class EntryItem(VersionedItem):
    """An entry, or its tombstone: `U#<user>`, `E#<type>#<id>`.

    `fields` is the JSON of what was sent. `created` is when the edit was made that made the entry; `field_vers` and
    `field_times` hold what differs from version 1 and from then. Tombstones have `deleted` and expire.
    """

    SK_PREFIX: ClassVar[str] = "E#"
    by_seq = BySeq()
    by_tree = ByTree()
    ver = NumberAttribute()
    seq = NumberAttribute()
    deleted = BooleanAttribute(null=True)
    fields = UnicodeAttribute()
    created = NumberAttribute()
    field_vers = UnicodeAttribute(null=True)
    field_times = UnicodeAttribute(null=True)
    updated = NumberAttribute()
    tree = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)

    class Meta(ScorebookTable):
        """Where it stands."""


class BatchItem(VersionedItem):
    """What became of a part of a push: `U#<user>`, `B#<batch>#<part>`; statuses and versions alone."""

    SK_PREFIX: ClassVar[str] = "B#"
    digest = UnicodeAttribute()
    begins = NumberAttribute()
    outcomes = UnicodeAttribute()
    expires_at = NumberAttribute()

    class Meta(ScorebookTable):
        """Where it stands."""


class SweepItem(VersionedItem):
    """A deletion whose descendants are still to go: `U#<user>`, `D#<type>#<id>`.

    `below` is how the positions of the descendants begin.
    """

    SK_PREFIX: ClassVar[str] = "D#"
    below = UnicodeAttribute()

    class Meta(ScorebookTable):
        """Where it stands."""
