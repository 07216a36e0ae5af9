"""What the algorithm unit keeps: the results, beside the capture rows."""

from typing import Any, ClassVar

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.dynamodb import CapturesTable

SCHEMA_VERSION = 1


class MetricsItem(Model):
    """A capture's result: `U#<user>`, `M#<sha256>#<algorithm>#<version>`. An upsert that needs no row."""

    SK_PREFIX: ClassVar[str] = "M#"
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default=SCHEMA_VERSION)
    state = UnicodeAttribute()
    result: Any = JSONAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    computed_at = UnicodeAttribute()

    class Meta(CapturesTable):
        """Where it stands."""
