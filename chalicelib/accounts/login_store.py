"""Logins and their refresh tokens in DynamoDB: each function is one read, or one write that happens wholly or not."""

from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.items import LoginItem, RefreshItem, user_key
from chalicelib.dynamodb import told_conditions, write_together

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

_UNUSED = RefreshItem.pk.exists() & RefreshItem.successor.does_not_exist()


def add_login(login: LoginItem, refresh: RefreshItem) -> None:
    """Write a login, then its first refresh token, to which it leads: after a crash no token is out of reach.

    No transaction: either alone gives nothing, and it would cost twice as much.
    """
    login.save()
    refresh.save()


def drop_login(login: LoginItem, refresh: RefreshItem) -> None:
    """Take a login that was just written back."""
    refresh.delete()
    login.delete()


def find_login(user_id: str, login_id: str) -> LoginItem | None:
    """Return a login of a user."""
    try:
        return LoginItem.get(user_key(user_id), LoginItem.SK_PREFIX + login_id, consistent_read=True)
    except DoesNotExist:
        return None


def logins_of(user_id: str, limit: int, after: str | None) -> tuple[list[LoginItem], str | None]:
    """Return a part of a user's logins in the order of their ids, and the sort key where the next part begins."""
    start = None if after is None else {"pk": {"S": user_key(user_id)}, "sk": {"S": after}}
    found = LoginItem.query(
        user_key(user_id),
        LoginItem.sk.startswith(LoginItem.SK_PREFIX),
        consistent_read=True,
        limit=limit,
        last_evaluated_key=start,
    )
    items = list(found)
    last = found.last_evaluated_key
    return items, last["sk"]["S"] if last else None


def end_login(user_id: str, login_id: str, ended_at: str) -> None:
    """End a login: none of its refresh tokens works any more. One that has ended keeps its end.

    Raises:
        ConditionFailedError: There is no such login.
    """
    login = LoginItem(user_key(user_id), LoginItem.SK_PREFIX + login_id)
    ended: list[Action] = [LoginItem.ended_at.set(LoginItem.ended_at | ended_at)]
    with told_conditions():
        login.update(actions=ended, condition=LoginItem.pk.exists())


def find_refresh(token_sha256: str, *, at_once: bool = True) -> RefreshItem | None:
    """Return a refresh token by its hash; one that is not read at once costs half, and may be a moment old."""
    try:
        return RefreshItem.get(f"R#{token_sha256}", RefreshItem.SK, consistent_read=at_once)
    except DoesNotExist:
        return None


def rotate_refresh(old: RefreshItem, new: RefreshItem, rotated_at_s: int, used_at: str) -> None:
    """Put a new refresh token in the place of one that was never used, while its login is open.

    Raises:
        ConditionFailedError: It was used meanwhile, or the login has ended.
    """
    successor: list[Action] = [RefreshItem.successor.set(_hash_of(new)), RefreshItem.rotated_at.set(rotated_at_s)]

    def actions(write: TransactWrite) -> None:
        write.update(old, actions=successor, condition=_UNUSED)
        write.save(new)
        _use(write, old, used_at)

    write_together(actions)


def replace_lost(lost: RefreshItem, new: RefreshItem, voided_at_s: int, used_at: str) -> None:
    """Void an unused refresh token, whose reply was lost, and let a fresh one follow it, while the login is open.

    Raises:
        ConditionFailedError: It was used or voided meanwhile, or the login has ended.
    """
    voided: list[Action] = [RefreshItem.successor.set(_hash_of(new)), RefreshItem.voided_at.set(voided_at_s)]

    def actions(write: TransactWrite) -> None:
        write.update(lost, actions=voided, condition=_UNUSED)
        write.save(new)
        _use(write, lost, used_at)

    write_together(actions)


def _hash_of(refresh: RefreshItem) -> str:
    return str(refresh.pk).removeprefix("R#")


def _use(write: TransactWrite, refresh: RefreshItem, used_at: str) -> None:
    write.update(
        LoginItem(user_key(refresh.user_id), LoginItem.SK_PREFIX + refresh.login_id),
        actions=[LoginItem.last_used_at.set(used_at)],
        condition=LoginItem.pk.exists() & LoginItem.ended_at.does_not_exist(),
    )
