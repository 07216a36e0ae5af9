"""What captures keeps beside the objects: the rows of the captures table."""

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
    """A capture of a user: `U#<user>`, `C#<sha256>`. Written once; what follows from the bytes is kept elsewhere."""

    SK_PREFIX: ClassVar[str] = "C#"
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default=SCHEMA_VERSION)
    received_key = UnicodeAttribute()
    by_received = ByReceived()
    object_key = UnicodeAttribute()
    size_bytes = NumberAttribute()
    state = UnicodeAttribute()
    bad_pages: Any = JSONAttribute()
    bad_page_count = NumberAttribute()
    device = UnicodeAttribute(null=True)
    record = NumberAttribute(null=True)
    format_version = NumberAttribute(null=True)
    provenance: Any = JSONAttribute(null=True)
    bridge_id = UnicodeAttribute(null=True)
    received_at = UnicodeAttribute()
    write_id = UnicodeAttribute()

    class Meta(CapturesTable):
        """Where it stands."""
