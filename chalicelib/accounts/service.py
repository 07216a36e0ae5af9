"""Accounts: what can be done with users, logins, tokens and bridges."""

import time
import unicodedata
import uuid
from datetime import UTC, datetime
from typing import NoReturn

from chalicelib.accounts import store
from chalicelib.accounts.items import BridgeItem, CredentialItem, LoginItem, RefreshItem, UserItem, UsernameItem
from chalicelib.accounts.model import BridgeView, Registration, TokenView, UserView
from chalicelib.accounts.passwords import hash_password, needs_rehash, verify_password
from chalicelib.accounts.tokens import (
    ACCESS_TOKEN_LIFETIME_S,
    BRIDGE_PREFIX,
    REFRESH_PREFIX,
    AccessClaims,
    issue_access_token,
    new_secret,
    read_access_token,
    secret_sha256,
)
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import FieldError, InvalidRequest, NotAuthenticated, Problem
from chalicelib.secrets import signing_keys
from chalicelib.web import Caller

LOGIN_LIFETIME_S = 90 * 24 * 3600
"""A login ends this long after its password was typed, however often it was refreshed."""
LOST_REPLY_GRACE_S = 10
LONGEST_FOLDED_USERNAME_BYTES = 512
NOBODY = "nobody"
_RACING_REFRESHES = 20


class UsernameTaken(Problem):
    """This username is taken."""

    status = 409
    name = "username-taken"


class WrongPassword(NotAuthenticated):
    """The username or the password is wrong."""

    name = "wrong-password"


class RefreshTokenInvalid(NotAuthenticated):
    """The refresh token is not valid."""

    name = "refresh-token-invalid"


def fold_username(username: str) -> str:
    """Return what usernames are compared by: NFKC, case-folded, NFKC again (Unicode 16 section 3.13, D147)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())


def check_username(username: str) -> str:
    """Return the folded username, once it is one that people can read and type.

    Raises:
        InvalidRequest: Folded it is empty, has space at an end, holds an invisible or control character, or is longer
            than a key of the database may be.
    """
    folded = fold_username(username)
    is_readable = not any(unicodedata.category(character).startswith("C") for character in username + folded)
    is_trimmed = bool(folded) and folded == folded.strip()
    if not is_readable or not is_trimmed or len(folded.encode()) > LONGEST_FOLDED_USERNAME_BYTES:
        detail = "A username has no control or invisible characters, no space at its ends, and at most 64 characters."
        raise InvalidRequest(f"$.username: {detail}", errors=(FieldError("$.username", detail),))
    return folded


def register(registration: Registration) -> UserView:
    """Make a user, usable at once.

    Raises:
        InvalidRequest: The username cannot be one.
        UsernameTaken: Someone has this username, in whatever capitals.
    """
    folded = check_username(registration.username)
    user_id, now = str(uuid.uuid4()), datetime.now(UTC)
    user = UserItem(
        store.user_key(user_id),
        UserItem.SK,
        username=registration.username,
        email=registration.email,
        password_hash=hash_password(registration.password),
        created_at=now.isoformat(),
    )
    name = UsernameItem(f"N#{folded}", UsernameItem.SK, user_id=user_id)
    try:
        store.add_user(user, name)
    except ConditionFailedError as error:
        raise UsernameTaken("Choose another username.") from error
    return UserView(user_id, registration.username, registration.email, now)


def log_in(username: str, password: str) -> TokenView:
    """Open a login.

    Raises:
        WrongPassword: The username is unknown or the password wrong; neither text nor time tells which.
    """
    folded = fold_username(username)
    # The same two reads for an unknown name, so that time does not tell; no key of the database is longer than this.
    user_id = store.find_user_id(folded if len(folded.encode()) <= LONGEST_FOLDED_USERNAME_BYTES else "")
    user = store.find_user(user_id or NOBODY)
    if not verify_password(user.password_hash if user else None, password) or user is None or user_id is None:
        raise WrongPassword("Check both and try again.")
    _rehash_if_needed(user, password)
    login_id, refresh_token = str(uuid.uuid4()), new_secret(REFRESH_PREFIX)
    expires_at_s = int(time.time()) + LOGIN_LIFETIME_S
    login = LoginItem(
        store.user_key(user_id), f"LOGIN#{login_id}", created_at=datetime.now(UTC).isoformat(), expires_at=expires_at_s
    )
    store.add_login(login, _refresh_item(refresh_token, user_id, login_id, expires_at_s))
    return _token_view(user_id, login_id, refresh_token)


def _rehash_if_needed(user: UserItem, password: str) -> None:
    if not needs_rehash(user.password_hash):
        return
    try:
        store.replace_password_hash(user, hash_password(password))
    except ConditionFailedError:
        # The password was changed between the read and this write; its hash is of today's making already.
        return


def refresh(refresh_token: str) -> TokenView:
    """Give new tokens for a refresh token, which is void afterwards.

    A token that is used again shows that two hold it, so its whole login ends. Only a client whose reply was lost may
    ask again: within 10 seconds, while the successor is unused, it gets a fresh one and the first is void (RFC 9700
    section 4.14.2, with that grace).

    Raises:
        RefreshTokenInvalid: It is unknown, expired, used before, or its login has ended.
    """
    token = _unexpired(secret_sha256(refresh_token))
    successor = new_secret(REFRESH_PREFIX)
    item = _refresh_item(successor, token.user_id, token.login_id, int(token.expires_at))
    if token.successor is not None or not _rotated(token, item):
        _replace_lost_successor(secret_sha256(refresh_token), item)
    return _token_view(token.user_id, token.login_id, successor)


def _unexpired(token_sha256: str) -> RefreshItem:
    token = store.find_refresh(token_sha256)
    if token is None or token.expires_at <= time.time():
        raise RefreshTokenInvalid("Log in again.")
    return token


def _rotated(token: RefreshItem, item: RefreshItem) -> bool:
    try:
        store.rotate_refresh(token, item, int(time.time()))
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
        in_grace = time.time() - int(token.rotated_at or 0) <= LOST_REPLY_GRACE_S
        if not in_grace or _is_used(token.successor):
            _end_login_of(token)
        try:
            store.replace_successor(token, item)
        except ConditionFailedError:
            continue
        return
    raise RefreshTokenInvalid("Too many refreshes of one token at the same moment. Log in again.")


def _is_used(token_sha256: str) -> bool:
    token = store.find_refresh(token_sha256)
    return token is not None and token.successor is not None


def _end_login_of(token: RefreshItem) -> NoReturn:
    store.end_login(token.user_id, token.login_id, datetime.now(UTC).isoformat())
    raise RefreshTokenInvalid("This token was used before, so its login has ended. Log in again.")


def _refresh_item(refresh_token: str, user_id: str, login_id: str, expires_at_s: int) -> RefreshItem:
    return RefreshItem(
        f"R#{secret_sha256(refresh_token)}",
        RefreshItem.SK,
        user_id=user_id,
        login_id=login_id,
        expires_at=expires_at_s,
    )


def _token_view(user_id: str, login_id: str, refresh_token: str) -> TokenView:
    access_token = issue_access_token(signing_keys(), AccessClaims(user_id, login_id))
    return TokenView(access_token, refresh_token, "Bearer", ACCESS_TOKEN_LIFETIME_S)


def add_bridge(user_id: str, name: str) -> BridgeView:
    """Make a bridge, whose own credential uploads captures into the user's account and does nothing else."""
    bridge_id, credential, now = str(uuid.uuid4()), new_secret(BRIDGE_PREFIX), datetime.now(UTC)
    hashed = secret_sha256(credential)
    bridge = BridgeItem(
        store.user_key(user_id),
        BridgeItem.SK_PREFIX + bridge_id,
        bridge_id=bridge_id,
        name=name,
        created_at=now.isoformat(),
        credential_sha256=hashed,
    )
    store.add_bridge(bridge, CredentialItem(f"B#{hashed}", CredentialItem.SK, user_id=user_id, bridge_id=bridge_id))
    return BridgeView(bridge_id, name, now, credential)


def authenticate(credential: str) -> Caller:
    """Return who holds a Bearer credential: a user's access token or a bridge's credential.

    Raises:
        NotAuthenticated: It is neither.
    """
    if credential.startswith(BRIDGE_PREFIX):
        return _authenticate_bridge(credential)
    claims = read_access_token(lambda kid: signing_keys(having=kid), credential)
    return Caller(user_id=claims.user_id, login_id=claims.login_id)


def _authenticate_bridge(credential: str) -> Caller:
    item = store.find_credential(secret_sha256(credential))
    if item is None:
        raise NotAuthenticated("The bridge's credential is not valid.")
    return Caller(user_id=item.user_id, bridge_id=item.bridge_id)
