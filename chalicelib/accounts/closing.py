"""Whether an account is open: what every write asks that makes an item which names a user.

An account that is being erased is closed first, and its item goes last. A write that makes something for a user checks
in its own transaction that the account is open; so nothing new comes once it is closed, whatever token is still alive.
A write that only changes an item which must exist needs no such check: erasure removes what it would change.
"""

from typing import ClassVar

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.dynamodb import AccountsTable
from chalicelib.errors import NotAuthenticated
from chalicelib.versions import VersionedItem

CLOSING = "closing"


class AccountClosing(NotAuthenticated):
    """This account is being deleted, or was."""

    name = "account-closing"


class OpennessItem(VersionedItem):
    """What of a user's item says whether the account is open: `U#<user>`, `USER`.

    An item without a state is of the time before there was one, and open.
    """

    SK: ClassVar[str] = "USER"
    state = UnicodeAttribute(null=True)
    closed_at = UnicodeAttribute(null=True)

    class Meta(AccountsTable):
        """Where it stands."""


class ErasedItem(VersionedItem):
    """That a user was erased: `X#<SHA-256 of the id>`, `ERASED`. The id was random, so this tells nothing of anyone.

    It is kept for longer than any message of a queue waits, which may tell of an object of this user's.
    """

    SK: ClassVar[str] = "ERASED"
    expires_at = NumberAttribute()

    class Meta(AccountsTable):
        """Where it stands."""


IS_OPEN = OpennessItem.pk.exists() & (OpennessItem.state.does_not_exist() | (OpennessItem.state != CLOSING))
"""Holds for an account's item unless it is closing; for one that is gone it does not hold."""


def require_open(write: TransactWrite, user_id: str) -> None:
    """Let a transaction fail unless the user is there and the account open."""
    write.condition_check(OpennessItem, f"U#{user_id}", OpennessItem.SK, condition=IS_OPEN)


def check_open(user_id: str, detail: str = "There is nothing to be done for this account any more.") -> None:
    """Let pass a user who is there and whose account is open, at this moment.

    Args:
        user_id: The user.
        detail: What is told otherwise.

    Raises:
        AccountClosing: It is being deleted, or was.
    """
    try:
        item = OpennessItem.get(f"U#{user_id}", OpennessItem.SK, consistent_read=True)
    except DoesNotExist:
        item = None
    if item is None or item.state == CLOSING:
        raise AccountClosing(detail)
