"""The secret store: the keys that sign access tokens."""

import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import region, settings

SHORTEST_KEY_BYTES = 32
"""RFC 7518 section 3.2: a key of HS256 has at least the size of its hash."""
LONGEST_HELD_S = 300.0
"""A rotation reaches every running process within this time."""
SOONEST_RELOAD_S = 60.0
_LOG = logging.getLogger("chalicelib.secrets")


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys of the access tokens.

    Attributes:
        active: The kid of the key that signs.
        keys: Every key that verifies, by its kid.
    """

    active: str
    keys: dict[str, bytes]


class SecretInvalidError(Exception):
    """The secret does not hold what it must: {"active": kid, kid: key of at least 32 characters, ...}."""


@dataclass(slots=True)
class _Held:
    keys: SigningKeys | None = None
    loaded_at_s: float = 0.0


_held = _Held()


def signing_keys(*, having: str | None = None) -> SigningKeys:
    """Return the signing keys, from memory for at most 5 minutes.

    Args:
        having: A kid; when the keys in memory do not have it they are read again, at most once a minute.

    Raises:
        SecretInvalidError: The secret cannot be used.
        ClientError, BotoCoreError: The store does not answer, and there are no keys in memory.
    """
    if _held.keys is None:
        return _load()
    age_s = time.monotonic() - _held.loaded_at_s
    is_missing = having is not None and having not in _held.keys.keys
    if age_s > LONGEST_HELD_S or (is_missing and age_s > SOONEST_RELOAD_S):
        return _reload(_held.keys)
    return _held.keys


def _load() -> SigningKeys:
    keys = _parse(_client().get_secret_value(SecretId=settings().signing_keys_secret).get("SecretString", ""))
    _held.keys, _held.loaded_at_s = keys, time.monotonic()
    return keys


def _reload(held: SigningKeys) -> SigningKeys:
    try:
        return _load()
    except (ClientError, BotoCoreError, SecretInvalidError):
        # The keys in memory were good; a store that is away for a while must not log everybody out.
        _LOG.exception("the signing keys could not be read again; those in memory go on serving")
        _held.loaded_at_s = time.monotonic()
        return held


def forget() -> None:
    """Drop the keys and the client from memory; the next use reads them again."""
    _held.keys = None
    _client.cache_clear()


@cache
def _client() -> Any:
    return boto3.client("secretsmanager", region_name=region(), config=Config(connect_timeout=2, read_timeout=5))


def _parse(text: str) -> SigningKeys:
    try:
        content = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise SecretInvalidError(SecretInvalidError.__doc__) from error
    active = content.pop("active", "")
    keys = {kid: key.encode() for kid, key in content.items()}
    if active not in keys or any(len(key) < SHORTEST_KEY_BYTES for key in keys.values()):
        raise SecretInvalidError(SecretInvalidError.__doc__)
    return SigningKeys(active, keys)
