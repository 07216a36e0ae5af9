"""Tokens: signed access tokens, and opaque secrets that are kept as hashes only."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec

from chalicelib.errors import NotAuthenticated
from chalicelib.secrets import SigningKeys

ACCESS_TOKEN_LIFETIME_S = 15 * 60
BRIDGE_PREFIX = "rmb_"
REFRESH_PREFIX = "rmr_"
_ISSUER = "revmetrix"
_AUDIENCE = "revmetrix-api"
_PURPOSE = "access"
_LONGEST_TOKEN = 4096
_NOT_VALID = "The access token is not valid."
_REQUIRED = ["exp", "nbf", "iat", "aud", "iss", "sub", "sid"]


class _Header(msgspec.Struct):
    kid: str


_header_decoder = msgspec.json.Decoder(_Header)


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says of its holder."""

    user_id: str
    login_id: str


def issue_access_token(keys: SigningKeys, claims: AccessClaims) -> str:
    """Return a signed access token that is valid for 15 minutes."""
    now_s = int(time.time())
    payload: dict[str, Any] = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": claims.user_id,
        "sid": claims.login_id,
        "use": _PURPOSE,
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + ACCESS_TOKEN_LIFETIME_S,
    }
    return jwt.encode(payload, keys.keys[keys.active], algorithm="HS256", headers={"kid": keys.active})


def read_access_token(keys_having: Callable[[str], SigningKeys], token: str) -> AccessClaims:
    """Return what a token says, when it is ours, unexpired and an access token (RFC 8725).

    Args:
        keys_having: Gives the signing keys, for the kid that the token names.
        token: What was sent.

    Raises:
        NotAuthenticated: Anything about it is wrong; the detail tells an expired one apart, for clients that refresh.
    """
    kid = _kid(token)
    key = keys_having(kid).keys.get(kid)
    if key is None:
        raise NotAuthenticated(_NOT_VALID)
    try:
        claims = jwt.decode(
            token, key, algorithms=["HS256"], audience=_AUDIENCE, issuer=_ISSUER, options={"require": _REQUIRED}
        )
    except jwt.ExpiredSignatureError as error:
        raise NotAuthenticated("The access token has expired; get a new one with the refresh token.") from error
    except jwt.InvalidTokenError as error:
        raise NotAuthenticated(_NOT_VALID) from error
    if claims.get("use") != _PURPOSE:
        raise NotAuthenticated(_NOT_VALID)
    return AccessClaims(str(claims["sub"]), str(claims["sid"]))


def _kid(token: str) -> str:
    """Return the key that a token says it was signed with; which chooses a key and is trusted for nothing else.

    PyJWT has a function for this, which decodes and checks the whole token: a third of a request's cost for one word.
    """
    header = token.partition(".")[0]
    if len(token) > _LONGEST_TOKEN:
        raise NotAuthenticated(_NOT_VALID)
    try:
        return _header_decoder.decode(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))).kid
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise NotAuthenticated(_NOT_VALID) from error


def new_secret(prefix: str) -> str:
    """Return a new opaque secret of 256 random bits, its purpose readable in front."""
    return prefix + secrets.token_urlsafe(32)


def secret_sha256(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
