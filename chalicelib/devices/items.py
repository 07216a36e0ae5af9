"""What is kept of devices, bridges and pairings (docs/decisions/0019-devices-and-ownership.md)."""

from typing import Any, ClassVar

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.dynamodb import AccountsTable
from chalicelib.versions import VersionedItem

NOBODY = "nobody"
"""Stands where an erased user stood in the history of a device; no user has this id."""


class HolderItem(VersionedItem):
    """Who has a device now, or had it last: `D#<serial>`, `HOLDER`. Every change of a claim has a condition on it.

    `until` is null while it is held. `not_before` is when the claim before this one ended; null for the first one.
    `version` grows with every change of whatever kind, so no two states of a device have the same one.
    """

    SK: ClassVar[str] = "HOLDER"
    number = NumberAttribute()
    user_id = UnicodeAttribute()
    from_ = UnicodeAttribute(attr_name="from")
    until = UnicodeAttribute(null=True)
    not_before = UnicodeAttribute(null=True)
    version = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class ClaimItem(VersionedItem):
    """One of a device's claims: `D#<serial>`, `CLAIM#<number>`. They are numbered as they follow, and never overlap."""

    SK_PREFIX: ClassVar[str] = "CLAIM#"
    user_id = UnicodeAttribute()
    from_ = UnicodeAttribute(attr_name="from")
    until = UnicodeAttribute(null=True)

    class Meta(AccountsTable):
        """Where it stands."""


class DeviceItem(VersionedItem):
    """The same claim as its user sees it: `U#<user>`, `DEVICE#<serial>#<number>`."""

    SK_PREFIX: ClassVar[str] = "DEVICE#"
    serial = UnicodeAttribute()
    name = UnicodeAttribute()
    ball_id = UnicodeAttribute(null=True)
    from_ = UnicodeAttribute(attr_name="from")
    until = UnicodeAttribute(null=True)
    version = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class BridgeItem(VersionedItem):
    """A bridge of a user: `U#<user>`, `BRIDGE#<bridge>`. Its last heartbeat is kept with it, as it was sent."""

    SK_PREFIX: ClassVar[str] = "BRIDGE#"
    bridge_id = UnicodeAttribute()
    name = UnicodeAttribute()
    kind = UnicodeAttribute(null=True)
    """`personal` or `lane`; null for one of the time before there were two: it is personal."""
    created_at = UnicodeAttribute()
    credential_sha256 = UnicodeAttribute()
    pairing_sha256 = UnicodeAttribute(null=True)
    heartbeat: Any = JSONAttribute(null=True)
    heartbeat_received_at = UnicodeAttribute(null=True)

    class Meta(AccountsTable):
        """Where it stands."""


class PairingItem(VersionedItem):
    """A bridge's wish to belong to somebody: `P#<sha256 of its code>`, `PAIRING`. Void after ten minutes."""

    SK: ClassVar[str] = "PAIRING"
    secret_sha256 = UnicodeAttribute()
    created_at = UnicodeAttribute()
    expires_at = NumberAttribute()
    user_id = UnicodeAttribute(null=True)
    bridge_id = UnicodeAttribute(null=True)

    class Meta(AccountsTable):
        """Where it stands."""
