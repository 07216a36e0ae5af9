"""What captures keeps beside the objects: the rows of the captures table, and the tickets of uploads to S3."""

from typing import Any, ClassVar

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, LocalSecondaryIndex

from chalicelib.captures import upgrades
from chalicelib.dynamodb import CapturesTable
from chalicelib.versions import VersionedItem


class ByReceived(LocalSecondaryIndex["CaptureItem"]):  # type: ignore[no-untyped-call]  # pynamodb leaves it untyped
    """The captures of a user by the time they were received."""

    pk = UnicodeAttribute(hash_key=True)
    received_key = UnicodeAttribute(range_key=True)

    class Meta:
        """Which index it is."""

        index_name = "by_received"
        projection = AllProjection()


class CaptureItem(VersionedItem):
    """A capture in a place: `U#<place>`, `C#<sha256>`. Written once; what follows from the bytes is kept elsewhere.

    `brought_by` is the owner of the bridge that brought it; `start_at` when the shot began, as far as that is known.
    Only the row of a rejected upload is ever replaced: by that of the right bytes, or of the next rejected upload.
    """

    SK_PREFIX: ClassVar[str] = "C#"
    UPGRADES = (upgrades.capture_with_start,)
    received_key = UnicodeAttribute()
    by_received = ByReceived()
    object_key = UnicodeAttribute()
    size_bytes = NumberAttribute()
    state = UnicodeAttribute()
    reason = UnicodeAttribute(null=True)
    bad_pages: Any = JSONAttribute()
    bad_page_count = NumberAttribute()
    device = UnicodeAttribute(null=True)
    record = NumberAttribute(null=True)
    format_version = NumberAttribute(null=True)
    provenance: Any = JSONAttribute(null=True)
    bridge_id = UnicodeAttribute(null=True)
    brought_by = UnicodeAttribute(null=True)
    bridge_kind = UnicodeAttribute(null=True)
    ticket_id = UnicodeAttribute(null=True)
    start_at = UnicodeAttribute(null=True)
    received_at = UnicodeAttribute()
    write_id = UnicodeAttribute()

    class Meta(CapturesTable):
        """Where it stands."""


class TicketItem(VersionedItem):
    """Leave to put an object into the raw bucket: `U#<place>`, `T#<sha256>`. No capture, and in no list.

    It keeps what cannot be read from the bytes until they have arrived and were looked at. `open_until` ends the leave
    to send; `expires_at`, when DynamoDB removes the item, comes long after the last event that may need it.
    """

    SK_PREFIX: ClassVar[str] = "T#"
    UPGRADES = (upgrades.ticket_with_bringer,)
    ticket_id = UnicodeAttribute()
    size_bytes = NumberAttribute()
    provenance: Any = JSONAttribute(null=True)
    bridge_id = UnicodeAttribute(null=True)
    brought_by = UnicodeAttribute(null=True)
    bridge_kind = UnicodeAttribute(null=True)
    open_until = NumberAttribute()
    expires_at = NumberAttribute()

    class Meta(CapturesTable):
        """Where it stands."""


class WaitingItem(VersionedItem):
    """A capture of a device that waits in an inbox: `D#<serial>`, `W#<start>#<bridge's owner>#<sha256>`."""

    SK_PREFIX: ClassVar[str] = "W#"

    class Meta(CapturesTable):
        """Where it stands."""


class BroughtItem(VersionedItem):
    """Where a capture went that a user's bridge brought: `U#<bridge's owner>`, `B#<sha256>`."""

    SK_PREFIX: ClassVar[str] = "B#"
    place = UnicodeAttribute()
    bridge_id = UnicodeAttribute()
    brought_at = UnicodeAttribute()

    class Meta(CapturesTable):
        """Where it stands."""
