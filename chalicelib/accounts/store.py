"""The User database in DynamoDB: each function is one read, or one write that happens wholly or not at all."""

from typing import TYPE_CHECKING, TypeAlias

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.closing import CLOSING, IS_OPEN
from chalicelib.accounts.decoys import read_nothing
from chalicelib.accounts.items import (
    AuditItem,
    CodeItem,
    EmailItem,
    NamesByUsername,
    UserItem,
    UsernameItem,
    user_key,
)
from chalicelib.accounts.names import fold_email
from chalicelib.dynamodb import told_conditions, write_together

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition
    from pynamodb.expressions.update import Action


Changes: TypeAlias = "list[Action]"
"""What a write changes of an item."""


def username_item(folded: str, user_id: str) -> UsernameItem:
    """Return the claim on a folded username."""
    key = f"N#{folded}"
    return UsernameItem(key, UsernameItem.SK, user_id=user_id, listing=NamesByUsername.LISTING, folded=folded)


def add_user(user: UserItem, name: UsernameItem) -> None:
    """Write a user and the claim on the username together.

    Raises:
        ConditionFailedError: The username is taken.
    """

    def actions(write: TransactWrite) -> None:
        write.save(name, condition=UsernameItem.pk.does_not_exist())
        write.save(user, condition=UserItem.pk.does_not_exist())

    write_together(actions)


def find_user_id(folded_username: str, *, at_once: bool = True) -> str | None:
    """Return the user of a folded username; what is not read at once costs half, and may be a moment old."""
    try:
        return UsernameItem.get(f"N#{folded_username}", UsernameItem.SK, consistent_read=at_once).user_id
    except DoesNotExist:
        read_nothing(UsernameItem)
        return None


def find_user(user_id: str, *, at_once: bool = True) -> UserItem | None:
    """Return a user; one that is not read at once costs half, and may be a moment old."""
    try:
        return UserItem.get(user_key(user_id), UserItem.SK, consistent_read=at_once)
    except DoesNotExist:
        read_nothing(UserItem)
        return None


def find_usable_user(user_id: str) -> UserItem | None:
    """Return a user who may have logins: one who is there, neither locked nor closing."""
    user = find_user(user_id)
    return user if user is not None and user.state != CLOSING and not user.locked_at else None


def find_email_owner(folded_email: str) -> str | None:
    """Return the user who has confirmed a folded address."""
    try:
        return EmailItem.get(f"E#{folded_email}", EmailItem.SK, consistent_read=True).user_id
    except DoesNotExist:
        read_nothing(EmailItem)
        return None


def change_user(user: UserItem, changes: Changes, claim: UsernameItem | None = None, release: str = "") -> None:
    """Change a user as it was read, with another username when there is one to claim, and count its version up.

    Args:
        user: The user as it was read.
        changes: What changes.
        claim: The item of a new username.
        release: The folded username that becomes free.

    Raises:
        ConditionFailedError: The user was changed meanwhile or is closing, or the new username is taken.
    """

    def actions(write: TransactWrite) -> None:
        if claim is not None:
            write.save(claim, condition=UsernameItem.pk.does_not_exist())
            write.delete(UsernameItem(f"N#{release}", UsernameItem.SK), condition=UsernameItem.user_id == _id_of(user))
        write.update(user, actions=[*changes, _next_version(user)], condition=_is_as_read(user))

    write_together(actions)


def confirm_email(user: UserItem, code: CodeItem, folded: str, changes: Changes) -> None:
    """Make an address the user's own, in the place of the one confirmed before, and use its code up.

    Raises:
        ConditionFailedError: It is another user's, the code was used, or the user was changed meanwhile or is closing.
    """
    owner = EmailItem(f"E#{folded}", EmailItem.SK, user_id=_id_of(user))
    is_free = EmailItem.pk.does_not_exist() | (EmailItem.user_id == owner.user_id)
    before = fold_email(user.verified_email or "")

    def actions(write: TransactWrite) -> None:
        write.save(owner, condition=is_free)
        if before and before != folded:
            write.delete(EmailItem(f"E#{before}", EmailItem.SK), condition=is_free)
        write.delete(code, condition=CodeItem.code_sha256 == code.code_sha256)
        new = [*changes, UserItem.verified_email.set(code.email), _next_version(user)]
        write.update(user, actions=new, condition=_is_as_read(user))

    write_together(actions)


def set_password(user: UserItem, changes: Changes, code: CodeItem | None = None) -> None:
    """Change a password, and use up the code that allowed it.

    Raises:
        ConditionFailedError: The password was changed or the code used meanwhile, or the user is closing.
    """
    unchanged = (UserItem.password_hash == user.password_hash) & IS_OPEN

    def actions(write: TransactWrite) -> None:
        write.update(user, actions=changes, condition=unchanged)
        if code is not None:
            write.delete(code, condition=CodeItem.code_sha256 == code.code_sha256)

    write_together(actions)


def manage_user(user_id: str, changes: Changes, record: AuditItem) -> None:
    """Change a user as an admin does, whatever else changes it, count its version up, and record it with that.

    Raises:
        ConditionFailedError: There is no such user.
    """
    # Users of version 1 of the schema have none.
    next_version = UserItem.version.set((UserItem.version | 1) + 1)

    def actions(write: TransactWrite) -> None:
        user = UserItem(user_key(user_id), UserItem.SK)
        write.update(user, actions=[*changes, next_version], condition=UserItem.pk.exists())
        write.save(record, condition=AuditItem.pk.does_not_exist())

    write_together(actions)


def update_user(user_id: str, changes: Changes, condition: "Condition | None" = None) -> None:
    """Change a user in a way that is the same when it is done twice.

    Raises:
        ConditionFailedError: There is no such user, or not as the condition wants it.
    """
    wanted = UserItem.pk.exists() if condition is None else UserItem.pk.exists() & condition
    with told_conditions():
        UserItem(user_key(user_id), UserItem.SK).update(actions=changes, condition=wanted)


def _id_of(user: UserItem) -> str:
    return str(user.pk).removeprefix("U#")


def _next_version(user: UserItem) -> "Action":
    return UserItem.version.set(int(user.version) + 1)


def _is_as_read(user: UserItem) -> "Condition":
    unchanged: Condition = UserItem.version == user.version
    if int(user.version) == 1:
        # Users of version 1 of the schema have none.
        unchanged |= UserItem.version.does_not_exist()
    is_as_read: Condition = unchanged & IS_OPEN
    return is_as_read
