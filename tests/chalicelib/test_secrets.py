"""Signing keys: read once, read again in time, and rotated while tokens are in use."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib import secrets
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock of the test's own under the secret store."""
    clock = Clock()
    monkeypatch.setattr(secrets, "time", clock)
    return clock


@pytest.fixture
def secret(cloud: LocalCloud) -> Iterator[Any]:
    """Write the secret as an operator does; afterwards it is as before."""
    assert cloud.aws_url
    client = boto3.client("secretsmanager", region_name=settings().region)
    name = settings().signing_keys_secret
    before = client.get_secret_value(SecretId=name)["SecretString"]
    secrets.forget()

    def put(text: str | None = None, **changed: str) -> None:
        whole = json.dumps(json.loads(before) | changed) if text is None else text
        client.put_secret_value(SecretId=name, SecretString=whole)

    yield put
    client.put_secret_value(SecretId=name, SecretString=before)
    client.close()
    secrets.forget()


def test_keys_are_held_for_five_minutes(secret: Any, clock: Clock) -> None:
    """A new active key signs in every running process once the keys in memory are five minutes old, and not before."""
    assert secrets.signing_keys().active == "k1"
    secret(active="k2", k2="2" * 64)
    clock.now_s += secrets.LONGEST_HELD_S
    assert secrets.signing_keys().active == "k1"
    clock.now_s += 1
    assert secrets.signing_keys().active == "k2"
    assert set(secrets.signing_keys().keys) == {"k1", "k2"}


def test_an_unknown_kid_is_looked_up_once_a_minute(secret: Any, clock: Clock) -> None:
    """A token of a key that is newer than the memory makes the keys be read again, but not for every forged kid."""
    secrets.signing_keys()
    secret(k2="2" * 64)
    assert "k2" not in secrets.signing_keys(having="k2").keys
    clock.now_s += secrets.SOONEST_RELOAD_S + 1
    assert "k2" in secrets.signing_keys(having="k2").keys


@pytest.mark.parametrize("broken", ["{not json", "[]", '"x"', "null", '{"active": ["k1"]}', '{"active": "k9"}', "{}"])
def test_keys_in_memory_outlive_a_broken_secret(
    secret: Any, clock: Clock, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    """A secret that cannot be used logs nobody out: the keys in memory go on serving, and the log says so."""
    before = secrets.signing_keys()
    secret(broken)
    clock.now_s += secrets.LONGEST_HELD_S + 1
    assert secrets.signing_keys() == before
    assert "could not be read again" in caplog.text
