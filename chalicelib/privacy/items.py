"""What privacy keeps: the state of a user's one export (docs/decisions/0020-privacy.md)."""

from typing import ClassVar

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.dynamodb import AccountsTable
from chalicelib.versions import VersionedItem


class ExportItem(VersionedItem):
    """The last export that a user asked for: `U#<user>`, `EXPORT`.

    While a job writes the archive it holds the export until `held_until`, so that no second one writes beside it; the
    message that it came by may take it up again at any time.
    """

    SK: ClassVar[str] = "EXPORT"
    export_id = UnicodeAttribute()
    state = UnicodeAttribute()
    requested_at = UnicodeAttribute()
    held_by = UnicodeAttribute(null=True)
    held_until = NumberAttribute(null=True)
    ready_at = UnicodeAttribute(null=True)
    size_bytes = NumberAttribute(null=True)
    expires_at = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""
