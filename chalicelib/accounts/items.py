"""What accounts keeps: the items of the accounts table (docs/decisions/0004-passwords-and-tokens.md)."""

from typing import Any, ClassVar

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.dynamodb import AccountsTable

SCHEMA_VERSION = 1


class _Item(Model):
    """What every item of the accounts table has: its key and the version of its schema."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default=SCHEMA_VERSION)


class UserItem(_Item):
    """A user: `U#<user>`, `USER`."""

    SK: ClassVar[str] = "USER"
    username = UnicodeAttribute()
    email = UnicodeAttribute()
    password_hash = UnicodeAttribute()
    created_at = UnicodeAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class UsernameItem(_Item):
    """The one user of a username: `N#<folded username>`, `NAME`. Written in the user's transaction."""

    SK: ClassVar[str] = "NAME"
    user_id = UnicodeAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class LoginItem(_Item):
    """A signed-in client, the family of its refresh tokens: `U#<user>`, `LOGIN#<login>`."""

    created_at = UnicodeAttribute()
    ended_at = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class RefreshItem(_Item):
    """A refresh token, by its SHA-256: `R#<hash>`, `REFRESH`."""

    SK: ClassVar[str] = "REFRESH"
    user_id = UnicodeAttribute()
    login_id = UnicodeAttribute()
    successor = UnicodeAttribute(null=True)
    rotated_at = NumberAttribute(null=True)
    expires_at = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


class BridgeItem(_Item):
    """A bridge of a user: `U#<user>`, `BRIDGE#<bridge>`. Its last heartbeat is kept with it, as it was sent."""

    SK_PREFIX: ClassVar[str] = "BRIDGE#"
    bridge_id = UnicodeAttribute()
    name = UnicodeAttribute()
    created_at = UnicodeAttribute()
    credential_sha256 = UnicodeAttribute()
    heartbeat: Any = JSONAttribute(null=True)
    heartbeat_received_at = UnicodeAttribute(null=True)

    class Meta(AccountsTable):
        """Where it stands."""


class CredentialItem(_Item):
    """A bridge's credential, by its SHA-256: `B#<hash>`, `CREDENTIAL`."""

    SK: ClassVar[str] = "CREDENTIAL"
    user_id = UnicodeAttribute()
    bridge_id = UnicodeAttribute()

    class Meta(AccountsTable):
        """Where it stands."""
