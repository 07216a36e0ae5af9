"""Taking a user out of the User database: closed first, swept, and the user's own item last."""

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from chalicelib import partition
from chalicelib.accounts import codes, throttling
from chalicelib.accounts.closing import CLOSING, IS_OPEN, ErasedItem, OpennessItem
from chalicelib.accounts.items import EmailItem, LoginItem, RefreshItem, UserItem, UsernameItem
from chalicelib.accounts.names import fold_email, fold_username
from chalicelib.dynamodb import ConditionFailedError, write_together
from chalicelib.partition import AccountsRow, Row

ERASED_KEPT_S = 30 * 24 * 3600
"""That an id was erased is remembered, by its hash, for longer than any message of a queue waits (14 days)."""
_TOKENS_A_STEP = 50
_USER = UserItem.SK


def close(user_id: str) -> datetime | None:
    """Close an account, so that nothing new comes into it, and return when it was; None when there is none.

    Closed again it stays closed since the first time.
    """
    state = OpennessItem(_key(user_id), _USER)
    now = datetime.now(UTC).isoformat()
    closed, at = OpennessItem.state.set(CLOSING), OpennessItem.closed_at.set(now)
    try:
        write_together(lambda write: write.update(state, actions=[closed, at], condition=IS_OPEN))
    except ConditionFailedError:
        row = partition.find(AccountsRow, _key(user_id), _USER)
        if row is None:
            return None
        now = row.text("closed_at") or now
    return datetime.fromisoformat(now)


Leads: TypeAlias = Mapping[str, Callable[[Row, str], None]]
"""What removes, for a user, what a row whose sort key begins so leads to outside of the user's partition."""


def sweep(user_id: str, leads: Leads) -> None:
    """Remove everything of a closed account but the user's item; repeated, it goes on where it was.

    What a row leads to goes before the row, so that nothing is left which cannot be found any more.

    Args:
        user_id: Whose.
        leads: Of the rows that belong to a domain above.
    """
    every = {LoginItem.SK_PREFIX: _end_login, **leads}
    for rows in partition.pages(AccountsRow, _key(user_id)):
        going = [row for row in rows if row.sk != _USER]
        for row in going:
            for remove in (every[prefix] for prefix in every if row.sk.startswith(prefix)):
                remove(row, user_id)
        partition.remove(AccountsRow, going)


def finish(user_id: str) -> None:
    """Remove the user's item, with its pseudonym, and free the username and the address: the last step.

    That this id was erased is kept, by its hash alone.
    """
    row = partition.find(AccountsRow, _key(user_id), _USER)
    if row is None:
        return
    ErasedItem(_erased_key(user_id), ErasedItem.SK, expires_at=int(time.time()) + ERASED_KEPT_S).save()
    folded = fold_username(row.text("username") or "")
    addresses = {fold_email(row.text(name) or "") for name in ("verified_email", "email")}
    for counter in throttling.keys_of(user_id, folded, addresses):
        partition.sweep(AccountsRow, counter)
    for address in addresses:
        partition.sweep(AccountsRow, _key(codes.nobody_of(address)))
        partition.remove_of_user(f"E#{address}", EmailItem.SK, user_id)
    partition.remove_of_user(f"N#{folded}", UsernameItem.SK, user_id)
    partition.remove(AccountsRow, [row])


def was_erased(user_id: str) -> bool:
    """Return whether there was such a user, erased within the last 30 days."""
    return partition.find(AccountsRow, _erased_key(user_id), ErasedItem.SK) is not None


def is_closing(user_id: str) -> bool:
    """Return whether an account is closed and its user still there."""
    row = partition.find(AccountsRow, _key(user_id), _USER)
    return row is not None and row.text("state") == CLOSING


def _key(user_id: str) -> str:
    return f"U#{user_id}"


def _erased_key(user_id: str) -> str:
    return f"X#{hashlib.sha256(user_id.encode()).hexdigest()}"


def _end_login(row: Row, user_id: str) -> None:
    """End a login, after which no refresh succeeds, then remove its refresh tokens from the first to the last."""
    partition.set_text(row, "ended_at", datetime.now(UTC).isoformat())
    login_id = row.sk.removeprefix(LoginItem.SK_PREFIX)
    partition.sweep(AccountsRow, throttling.partition_key(throttling.failures_of_known_login(), login_id))
    first = row.text("first_refresh")
    if first is None:
        # A login of the time before it kept its first token.
        partition.remove(AccountsRow, partition.scan_of_user("R#", user_id))
        return
    while tokens := _tokens_from(first):
        following = tokens[-1].text("successor")
        # Together with the new beginning, or a crash would lose the thread.
        partition.remove_and_set_text(tokens, row, "first_refresh", following or "none")
        if following is None:
            return
        first = following


def _tokens_from(token_sha256: str) -> list[Row]:
    tokens: list[Row] = []
    following: str | None = token_sha256
    while following is not None and len(tokens) < _TOKENS_A_STEP:
        token = partition.find(AccountsRow, f"R#{following}", RefreshItem.SK)
        if token is None:
            break
        tokens.append(token)
        following = token.text("successor")
    return tokens
