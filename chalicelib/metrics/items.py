"""What the algorithm unit keeps: the results, beside the capture rows."""

from typing import Any, ClassVar

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from chalicelib.dynamodb import CapturesTable
from chalicelib.versions import VersionedItem


class MetricsItem(VersionedItem):
    """A capture's result: `U#<user>`, `M#<sha256>#<algorithm>#<version>`. An upsert that needs no row."""

    SK_PREFIX: ClassVar[str] = "M#"
    state = UnicodeAttribute()
    result: Any = JSONAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    computed_at = UnicodeAttribute()

    class Meta(CapturesTable):
        """Where it stands."""
