"""What captures keeps beside the objects: the rows of the captures table, and the tickets of uploads to S3."""

from typing import Any, ClassVar

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, LocalSecondaryIndex
from pynamodb.models import Model

from chalicelib.dynamodb import CapturesTable

SCHEMA_VERSION = 1


class ByReceived(LocalSecondaryIndex["CaptureItem"]):  # type: ignore[no-untyped-call]  # pynamodb leaves it untyped
    """The captures of a user by the time they were received."""

    pk = UnicodeAttribute(hash_key=True)
    received_key = UnicodeAttribute(range_key=True)

    class Meta:
        """Which index it is."""

        index_name = "by_received"
        projection = AllProjection()


class CaptureItem(Model):
    """A capture of a user: `U#<user>`, `C#<sha256>`. Written once; what follows from the bytes is kept elsewhere.

    Only the row of a rejected upload is ever replaced: by that of the right bytes, or of the next rejected upload.
    """

    SK_PREFIX: ClassVar[str] = "C#"
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default=SCHEMA_VERSION)
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
    ticket_id = UnicodeAttribute(null=True)
    received_at = UnicodeAttribute()
    write_id = UnicodeAttribute()

    class Meta(CapturesTable):
        """Where it stands."""


class TicketItem(Model):
    """Leave to put an object into the raw bucket: `U#<user>`, `T#<sha256>`. No capture, and in no list.

    It keeps what cannot be read from the bytes until they have arrived and were looked at. `open_until` ends the leave
    to send; `expires_at`, when DynamoDB removes the item, comes long after the last event that may need it.
    """

    SK_PREFIX: ClassVar[str] = "T#"
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default=SCHEMA_VERSION)
    ticket_id = UnicodeAttribute()
    size_bytes = NumberAttribute()
    provenance: Any = JSONAttribute(null=True)
    bridge_id = UnicodeAttribute(null=True)
    open_until = NumberAttribute()
    expires_at = NumberAttribute()

    class Meta(CapturesTable):
        """Where it stands."""
