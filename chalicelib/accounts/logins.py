"""Logins: opened with a password, listed and ended."""

import contextlib
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from chalicelib.accounts import login_store, store, throttling
from chalicelib.accounts.closing import CLOSING, AccountClosing
from chalicelib.accounts.issuing import refresh_item, token_view
from chalicelib.accounts.items import LoginItem, RefreshItem, UserItem, user_key
from chalicelib.accounts.model import PasswordGrant, TokenView
from chalicelib.accounts.names import LONGEST_KEY_BYTES, fold_username
from chalicelib.accounts.passwords import hash_password, needs_rehash, verify_password
from chalicelib.accounts.tokens import REFRESH_PREFIX, new_secret, secret_sha256
from chalicelib.accounts.user_model import LoginList
from chalicelib.accounts.views import login_view
from chalicelib.call import Caller
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import NotAuthenticated, NotFound, Problem
from chalicelib.lists import decode_position, encode_position

LOGIN_LIFETIME_S = 90 * 24 * 3600
"""A login ends this long after its password was typed, however often it was refreshed."""
LONGEST_CLIENT = 200
LONGEST_SINCE_PASSWORD = timedelta(minutes=10)
"""What an access token alone must not do asks for a login whose password was typed so recently."""
NOBODY = "nobody"
_Holder: TypeAlias = tuple[str | None, UserItem | None]
"""A username's user, by id and item; nobody for one that is not known."""
_PAGE = 100
_SORT_KEY = re.compile(r"LOGIN#[0-9a-f-]{36}")


class WrongPassword(NotAuthenticated):
    """The username or the password is wrong."""

    name = "wrong-password"


class AccountLocked(Problem):
    """This account was locked by an admin."""

    status = 403
    name = "account-locked"


class LoginTooOld(Problem):
    """This needs a login of the last 10 minutes."""

    status = 403
    name = "login-too-old"


def log_in(grant: PasswordGrant, client: str | None = None, address: str = "") -> TokenView:
    """Open a login.

    Args:
        grant: Username and password, and a refresh token of before when the client has one.
        client: What the client calls itself.
        address: The client's address.

    Raises:
        WrongPassword: The username is unknown or the password wrong; neither text nor time tells which.
        TooManyTries: Too many wrong passwords came, for this username or from this address; whether the username is
            known or not.
        AccountLocked: The password is right, and an admin locked the account.
        AccountClosing: The password is right, and the account is being deleted.
    """
    folded = fold_username(grant.username)
    # The same two reads for an unknown name, so that time does not tell; no key of the database is longer than this.
    folded = folded if len(folded.encode()) <= LONGEST_KEY_BYTES else ""
    holder = _holder_of(folded, at_once=False)
    attempts = _take_tries(folded, address, _known_login(grant.refresh_token, holder[0]))
    user_id, user = _proved(folded, holder, grant.password)
    if user is None or user_id is None:
        raise WrongPassword("Check both and try again.")
    for attempt in attempts:
        attempt.give_back()
    require_usable(user)
    _rehash_if_needed(user, grant.password)
    return _open(user_id, user, client)


def _holder_of(folded: str, *, at_once: bool) -> _Holder:
    user_id = store.find_user_id(folded, at_once=at_once)
    return user_id, store.find_user(user_id or NOBODY, at_once=at_once)


def _proved(folded: str, holder: _Holder, password: str) -> _Holder:
    """Return who has the username when the password is right, nobody otherwise.

    What was read may be a moment old. A password that is right by it is looked at once more when the login is written;
    one that is wrong is compared with what stands there now, when that is another.
    """
    if verify_password(_hash_of(holder), password):
        return holder
    now = _holder_of(folded, at_once=True)
    is_right = _hash_of(now) != _hash_of(holder) and verify_password(_hash_of(now), password)
    return now if is_right else (None, None)


def _hash_of(holder: _Holder) -> str | None:
    return holder[1].password_hash if holder[1] else None


def _known_login(refresh_token: str | None, user_id: str | None) -> str | None:
    """Return the login that a refresh token was of, also one that has ended, when it was this user's."""
    token = None if refresh_token is None else login_store.find_refresh(secret_sha256(refresh_token))
    return None if token is None or token.user_id != user_id else str(token.login_id)


def _take_tries(folded: str, address: str, known_login: str | None) -> tuple[throttling.Try, ...]:
    if known_login is not None:
        # Whoever tries wrong passwords elsewhere cannot hold up a client that was logged in before.
        return (throttling.take(throttling.failures_of_known_login(), known_login),)
    of_address = throttling.take(throttling.failures_of_address(), address)
    try:
        return of_address, throttling.take(throttling.failures_of_account(), folded)
    except throttling.TooManyTries:
        # No password was looked at, so others at this address lose nothing by it.
        of_address.give_back()
        raise


def require_usable(user: UserItem) -> None:
    """Let pass a user who may have logins.

    Raises:
        AccountLocked: An admin locked the account.
        AccountClosing: It is being deleted.
    """
    if user.state == CLOSING:
        raise AccountClosing("It cannot be used any more.")
    if user.locked_at is not None:
        raise AccountLocked("Ask those who run this service.")


def _rehash_if_needed(user: UserItem, password: str) -> None:
    if not needs_rehash(user.password_hash):
        return
    try:
        store.set_password(user, [UserItem.password_hash.set(hash_password(password))])
    except ConditionFailedError:
        # The password was changed between the read and this write; its hash is of today's making already.
        return


def _open(user_id: str, user: UserItem, client: str | None) -> TokenView:
    login_id, refresh_token = str(uuid.uuid4()), new_secret(REFRESH_PREFIX)
    expires_at_s = int(time.time()) + LOGIN_LIFETIME_S
    login = LoginItem(
        user_key(user_id),
        LoginItem.SK_PREFIX + login_id,
        created_at=_now(),
        client=client[:LONGEST_CLIENT] if client else None,
        first_refresh=secret_sha256(refresh_token),
        expires_at=expires_at_s,
    )
    refresh = refresh_item(refresh_token, user_id, login_id, expires_at_s)
    login_store.add_login(login, refresh)
    # Whoever ends all logins changes the user first. Either that is seen here, or this login was there to be ended.
    _require_unchanged(user_id, user, login, refresh)
    return token_view(user_id, login_id, refresh_token)


def _require_unchanged(user_id: str, before: UserItem, login: LoginItem, refresh: RefreshItem) -> None:
    now = store.find_user(user_id)
    try:
        if now is None or now.password_changed_at != before.password_changed_at:
            raise WrongPassword("The password was changed at this moment. Log in with the new one.")
        require_usable(now)
    except Problem:
        login_store.drop_login(login, refresh)
        raise


def overview(user_id: str, current: str | None, limit: int, cursor: str | None) -> LoginList:
    """Return a part of a user's logins that are open, and where the next part begins.

    Raises:
        InvalidQuery: The cursor is none of ours.
    """
    after = None if cursor is None else decode_position(cursor, (_SORT_KEY,))[0]
    items, last = login_store.logins_of(user_id, limit, after)
    shown = tuple(login_view(item, current) for item in items if is_open(item))
    return LoginList(shown, encode_position(None if last is None else (last,)))


def is_open(login: LoginItem) -> bool:
    """Tell whether a login works: it was not ended and has not expired."""
    return login.ended_at is None and int(login.expires_at) > time.time()


def require_recent(caller: Caller, not_done: str) -> None:
    """Let pass a login whose password was typed a moment ago.

    Args:
        caller: The login.
        not_done: What the user is told when it is not.

    Raises:
        NotAuthenticated: It has ended.
        LoginTooOld: The password was typed longer than 10 minutes ago.
    """
    login = login_store.find_login(caller.user_id, caller.login_id or "")
    if login is None:
        raise NotAuthenticated("This login has ended.")
    if datetime.now(UTC) - datetime.fromisoformat(login.created_at) > LONGEST_SINCE_PASSWORD:
        raise LoginTooOld(not_done)


def end(user_id: str, login_id: str) -> None:
    """End a login; one that has ended already stays so.

    Raises:
        NotFound: The user has no such login.
    """
    try:
        login_store.end_login(user_id, login_id, _now())
    except ConditionFailedError as error:
        raise NotFound("There is no such login in your account.") from error


def log_out(caller: Caller) -> None:
    """End the login that asks; one that is gone has ended."""
    with contextlib.suppress(ConditionFailedError):
        login_store.end_login(caller.user_id, caller.login_id or "", _now())


def end_all(user_id: str, *, but: str | None = None) -> None:
    """End all logins of a user, except perhaps one."""
    for login in _all(user_id):
        login_id = str(login.sk).removeprefix(LoginItem.SK_PREFIX)
        if is_open(login) and login_id != but:
            # One that was removed meanwhile has ended too.
            with contextlib.suppress(ConditionFailedError):
                login_store.end_login(user_id, login_id, _now())


def _all(user_id: str) -> Iterator[LoginItem]:
    after: str | None = None
    while True:
        items, after = login_store.logins_of(user_id, _PAGE, after)
        yield from items
        if after is None:
            return


def _now() -> str:
    return datetime.now(UTC).isoformat()
