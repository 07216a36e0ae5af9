"""Refreshing a login: each refresh token works once and gives the next."""

import time
from datetime import UTC, datetime
from typing import NoReturn

from chalicelib.accounts import login_store, store
from chalicelib.accounts.issuing import refresh_item, token_view
from chalicelib.accounts.items import RefreshItem
from chalicelib.accounts.model import TokenView
from chalicelib.accounts.tokens import REFRESH_PREFIX, new_secret, secret_sha256
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import NotAuthenticated

LOST_REPLY_GRACE_S = 10
_RACING_REFRESHES = 20


class RefreshTokenInvalid(NotAuthenticated):
    """The refresh token is not valid."""

    name = "refresh-token-invalid"


def refresh(refresh_token: str) -> TokenView:
    """Give new tokens for a refresh token, which is void afterwards.

    A token that is used again shows that two hold it, so its whole login ends. Only a client whose reply was lost may
    ask again: within 10 seconds, while the successor is unused, it gets a fresh one and the first is void (RFC 9700
    section 4.14.2, with that grace). A reply that was lost is used by nobody, so a void successor that is used ends the
    login too.

    Raises:
        RefreshTokenInvalid: It is unknown, expired, used before, or its login has ended, or its user has no logins any
            more: the account is locked, being deleted, or gone.
    """
    token = _unexpired(secret_sha256(refresh_token), at_once=False)
    # Whoever ends all logins changes the user first: from then on none is refreshed, though it may not have ended yet.
    if store.find_usable_user(token.user_id) is None:
        raise RefreshTokenInvalid("This login has ended. Log in again.")
    successor = new_secret(REFRESH_PREFIX)
    item = refresh_item(successor, token.user_id, token.login_id, int(token.expires_at))
    if token.successor is not None or not _rotated(token, item):
        _replace_lost_successor(secret_sha256(refresh_token), item)
    return token_view(token.user_id, token.login_id, successor)


def _unexpired(token_sha256: str, *, at_once: bool = True) -> RefreshItem:
    token = login_store.find_refresh(token_sha256, at_once=at_once)
    if token is None and not at_once:
        # It may be younger than what was read. One that was used since is refused by the write, and then read again.
        token = login_store.find_refresh(token_sha256)
    if token is None or token.expires_at <= time.time():
        raise RefreshTokenInvalid("Log in again.")
    return token


def _rotated(token: RefreshItem, item: RefreshItem) -> bool:
    try:
        login_store.rotate_refresh(token, item, int(time.time()), _now())
    except ConditionFailedError:
        return False
    return True


def _replace_lost_successor(token_sha256: str, item: RefreshItem) -> None:
    """Put a fresh successor in the place of an unused one, beside others who may be doing the same."""
    for _ in range(_RACING_REFRESHES):
        # Read at each try: a request beside this one may have used or replaced the successor since.
        token = _unexpired(token_sha256)
        if token.successor is None:
            raise RefreshTokenInvalid("This login has ended. Log in again.")
        lost = _successor_in_force(token)
        if lost is None:
            break
        in_grace = time.time() - int(token.rotated_at or 0) <= LOST_REPLY_GRACE_S
        if not in_grace or token.voided_at is not None or lost.successor is not None:
            _end_login_of(token)
        try:
            login_store.replace_lost(lost, item, int(time.time()), _now())
        except ConditionFailedError:
            continue
        return
    raise RefreshTokenInvalid("Too many refreshes of one token at the same moment. Log in again.")


def _successor_in_force(token: RefreshItem) -> RefreshItem | None:
    """Return what followed a token last, past those that are void; None when it is gone or too far away."""
    for _ in range(_RACING_REFRESHES):
        following = login_store.find_refresh(str(token.successor))
        if following is None or following.voided_at is None:
            return following
        token = following
    return None


def _end_login_of(token: RefreshItem) -> NoReturn:
    try:
        login_store.end_login(token.user_id, token.login_id, _now())
    except ConditionFailedError as error:
        raise RefreshTokenInvalid("This login has ended. Log in again.") from error
    raise RefreshTokenInvalid("This token was used before, so its login has ended. Log in again.")


def _now() -> str:
    return datetime.now(UTC).isoformat()
