"""Access tokens: what is accepted, and every forgery that is not."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from chalicelib.accounts.tokens import AccessClaims, issue_access_token, new_secret, read_access_token
from chalicelib.errors import NotAuthenticated
from chalicelib.secrets import SecretInvalidError, SigningKeys, _parse

KEYS = SigningKeys("k2", {"k1": b"1" * 64, "k2": b"2" * 64})
CLAIMS = AccessClaims("user", "login")


def _payload(**changed: Any) -> dict[str, Any]:
    now_s = int(time.time())
    whole = {
        "iss": "revmetrix",
        "aud": "revmetrix-api",
        "sub": "user",
        "sid": "login",
        "use": "access",
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + 900,
    }
    return {name: value for name, value in {**whole, **changed}.items() if value is not None}


def _signed(kid: str | None = "k2", key: bytes = b"2" * 64, algorithm: str = "HS256", **changed: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(_payload(**changed), key, algorithm=algorithm, headers=headers)


def _unsigned() -> str:
    parts = [{"alg": "none", "kid": "k2"}, _payload()]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def test_an_issued_token_is_read_back() -> None:
    """A token says who it was issued to, and carries the active key's kid."""
    token = issue_access_token(KEYS, CLAIMS)
    assert read_access_token(lambda _: KEYS, token) == CLAIMS
    assert jwt.get_unverified_header(token)["kid"] == "k2"


def test_a_token_of_the_key_before_is_still_read() -> None:
    """After a rotation the tokens of the older key work until they expire."""
    assert read_access_token(lambda _: KEYS, _signed(kid="k1", key=b"1" * 64)) == CLAIMS


def test_the_tests_own_token_is_accepted() -> None:
    """The forgeries below start from a token that would be accepted."""
    assert read_access_token(lambda _: KEYS, _signed()) == CLAIMS


FORGERIES = {
    "algorithm none": _unsigned(),
    "another algorithm": _signed(algorithm="HS512"),
    "another key": _signed(key=b"3" * 64),
    "the key of another kid": _signed(kid="k1"),
    "an unknown kid": _signed(kid="k9"),
    "no kid": _signed(kid=None),
    "expired": _signed(exp=int(time.time()) - 1),
    "not yet valid": _signed(nbf=int(time.time()) + 600),
    "another audience": _signed(aud="someone-else"),
    "another issuer": _signed(iss="someone-else"),
    "another purpose": _signed(use="refresh"),
    "no purpose": _signed(use=None),
    "no expiry": _signed(exp=None),
    "no subject": _signed(sub=None),
    "no login": _signed(sid=None),
    "a refresh token": new_secret("rmr_"),
    "one megabyte": "x" * 1_000_000,
    "three empty parts": "..",
    "not ASCII": "\u00e9.\u00e9.\u00e9",
    "a changed payload": _signed().replace(".", ".e", 1),
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_refused(token: str) -> None:
    """Nothing but a token of ours, unexpired, for this API and this purpose is accepted."""
    with pytest.raises(NotAuthenticated):
        read_access_token(lambda _: KEYS, token)


@pytest.mark.parametrize("secret", ["{}", '{"active": "k1"}', '{"active": "k1", "k1": "short"}'])
def test_a_secret_without_a_usable_key_is_refused(secret: str) -> None:
    """A key shorter than the hash, or a missing one, stops the signing instead of weakening it."""
    with pytest.raises(SecretInvalidError):
        _parse(secret)
