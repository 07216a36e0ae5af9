"""What accounts keeps: the items of the accounts table and of the audit table (docs/decisions/0018-accounts.md)."""

from typing import Any, ClassVar

from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chalicelib.accounts import upgrades
from chalicelib.dynamodb import AccountsTable, AuditTable
from chalicelib.versions import VersionedItem


def user_key(user_id: str) -> str:
    """Return the partition of everything that belongs to a user."""
    return f"U#{user_id}"


class UserItem(VersionedItem):
    """A user: `U#<user>`, `USER`."""

    SK: ClassVar[str] = "USER"
    UPGRADES = (upgrades.user_with_profile,)
    username = UnicodeAttribute()
    email = UnicodeAttribute()
    email_verified_at = UnicodeAttribute(null=True)
    verified_email = UnicodeAttribute(null=True)
    """The folded address that the user's item of unique addresses holds: the one that a forgotten password goes to."""
    first_name = UnicodeAttribute(null=True)
    last_name = UnicodeAttribute(null=True)
    phone = UnicodeAttribute(null=True)
    handedness = UnicodeAttribute(null=True)
    role = UnicodeAttribute(default="bowler")
    locked_at = UnicodeAttribute(null=True)
    state = UnicodeAttribute(default="open")
    accepts_lane_bridges = BooleanAttribute(default=True)
    version = NumberAttribute(default=1)
    password_hash = UnicodeAttribute()
    password_changed_at = UnicodeAttribute(null=True)
    pseudonym = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute(null=True)

    class Meta(AccountsTable):
        """Where it stands."""


class NamesByUsername(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call] # pynamodb has no type for it
    """The admins' list of users, in the order of their folded names; it follows within moments."""

    LISTING: ClassVar[str] = "USERS"
    listing = UnicodeAttribute(hash_key=True)
    folded = UnicodeAttribute(range_key=True)

    class Meta:
        """What of each item is in it."""

        index_name = "by_username"
        projection = IncludeProjection(["user_id"])


class UsernameItem(VersionedItem):
    """The one user of a username: `N#<folded username>`, `NAME`. Written in the user's transaction."""

    SK: ClassVar[str] = "NAME"
    UPGRADES = (upgrades.listed_username,)
    user_id = UnicodeAttribute()
    listing = UnicodeAttribute(null=True)
    folded = UnicodeAttribute(null=True)
    by_username = NamesByUsername()

    class Meta(AccountsTable):
        """Where it stands."""


class EmailItem(VersionedItem):
    """The one user of a verified address: `E#<folded address>`, `EMAIL`."""

    SK: ClassVar[str] = "EMAIL"
    user_id = UnicodeAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class CodeItem(VersionedItem):
    """A one-time code that was sent by mail: `U#<user>`, `CODE#<purpose>`."""

    SK_PREFIX: ClassVar[str] = "CODE#"
    salt = UnicodeAttribute()
    code_sha256 = UnicodeAttribute()
    tries_left = NumberAttribute()
    email = UnicodeAttribute()
    expires_at = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class LimiterItem(VersionedItem):
    """What was tried in a window of time: `L#<limiter>#<hash of the key>`, `W#<window>`.

    The tries are a set of random names: the same try added again, after a lost reply, is one try.
    """

    tries = UnicodeSetAttribute(null=True)
    expires_at = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class LoginItem(VersionedItem):
    """A signed-in client, the family of its refresh tokens: `U#<user>`, `LOGIN#<login>`."""

    SK_PREFIX: ClassVar[str] = "LOGIN#"
    created_at = UnicodeAttribute()
    client = UnicodeAttribute(null=True)
    first_refresh = UnicodeAttribute(null=True)
    """The hash of its first refresh token, from which its successors are found."""
    last_used_at = UnicodeAttribute(null=True)
    ended_at = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class RefreshItem(VersionedItem):
    """A refresh token, by its SHA-256: `R#<hash>`, `REFRESH`."""

    SK: ClassVar[str] = "REFRESH"
    user_id = UnicodeAttribute()
    login_id = UnicodeAttribute()
    successor = UnicodeAttribute(null=True)
    rotated_at = NumberAttribute(null=True)
    voided_at = NumberAttribute(null=True)
    """When its reply was taken for lost, and its successor given in its place: whoever uses it is not the only one."""
    expires_at = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class AuditItem(VersionedItem):
    """What an admin did, or what was denied: `A#<yyyy-mm-dd>`, `<time>#<id>`, in a table of its own."""

    actor = UnicodeAttribute()
    action = UnicodeAttribute()
    outcome = UnicodeAttribute()
    target = UnicodeAttribute(null=True)
    detail = UnicodeAttribute(null=True)

    class Meta(AuditTable):
        """Where it stands."""


class CredentialItem(VersionedItem):
    """A bridge's credential, by its SHA-256: `B#<hash>`, `CREDENTIAL`."""

    SK: ClassVar[str] = "CREDENTIAL"
    user_id = UnicodeAttribute()
    bridge_id = UnicodeAttribute()

    class Meta(AccountsTable):
        """Where it stands."""
