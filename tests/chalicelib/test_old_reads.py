"""Reads that may be a moment old, as DynamoDB gives them at half the price: nothing of a login is decided by them."""

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.accounts import login_store, logins, profile, refreshing, registration, store
from chalicelib.accounts.logins import WrongPassword
from chalicelib.accounts.model import PasswordGrant
from chalicelib.accounts.refreshing import RefreshTokenInvalid
from chalicelib.accounts.tokens import secret_sha256
from chalicelib.accounts.user_model import PasswordChange, Registration
from chalicelib.call import Caller
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

NEW_PASSWORD = "battery horse correct"


@pytest.fixture
def name(cloud: LocalCloud) -> str:
    """A user's name; the user has just registered."""
    assert cloud.aws_url
    name = f"old-{uuid.uuid4().hex}"
    registration.register(Registration(name, f"{name}@example.org", PASSWORD), f"192.0.2.1-{name}")
    return name


def _see_old(monkeypatch: pytest.MonkeyPatch, module: Any, function: str, old: Any) -> None:
    """Let reads that may be old see what was there before."""
    read: Callable[..., Any] = getattr(module, function)
    monkeypatch.setattr(module, function, lambda key, *, at_once=True: read(key, at_once=True) if at_once else old)


def test_whoever_has_just_registered_can_log_in(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login is right although the username and the user are not seen yet where it first looks."""
    _see_old(monkeypatch, store, "find_user_id", None)
    _see_old(monkeypatch, store, "find_user", None)
    assert logins.log_in(PasswordGrant(name, PASSWORD)).access_token
    with pytest.raises(WrongPassword):
        logins.log_in(PasswordGrant(name, NEW_PASSWORD))


def test_a_password_that_was_just_changed_is_the_one_that_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the user before the change is still seen, the new password opens a login and the old one leaves none."""
    user_id = store.find_user_id(name) or ""
    before = store.find_user(user_id)
    login = logins.log_in(PasswordGrant(name, PASSWORD))
    login_id = str(login_store.find_refresh(secret_sha256(login.refresh_token)).login_id)  # type: ignore[union-attr]
    profile.change_password(Caller(user_id, login_id=login_id), PasswordChange(PASSWORD, NEW_PASSWORD))
    _see_old(monkeypatch, store, "find_user", before)
    assert logins.log_in(PasswordGrant(name, NEW_PASSWORD)).access_token
    open_before = len(logins.overview(user_id, None, 100, None).items)
    with pytest.raises(WrongPassword):
        logins.log_in(PasswordGrant(name, PASSWORD))
    assert len(logins.overview(user_id, None, 100, None).items) == open_before


def test_a_refresh_token_that_is_not_seen_yet_works(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that was made a moment ago refreshes its login; one that never was is refused."""
    token = logins.log_in(PasswordGrant(name, PASSWORD)).refresh_token
    _see_old(monkeypatch, login_store, "find_refresh", None)
    assert refreshing.refresh(token).refresh_token != token
    with pytest.raises(RefreshTokenInvalid):
        refreshing.refresh("rmr_never")


def test_a_used_refresh_token_that_seems_unused_ends_its_login(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reuse is found although the token is seen as it was before its use: its login ends with all its tokens."""
    token = logins.log_in(PasswordGrant(name, PASSWORD)).refresh_token
    unused = login_store.find_refresh(secret_sha256(token))
    successor = refreshing.refresh(token).refresh_token
    newest = refreshing.refresh(successor).refresh_token
    _see_old(monkeypatch, login_store, "find_refresh", unused)
    with pytest.raises(RefreshTokenInvalid):
        refreshing.refresh(token)
    monkeypatch.undo()
    with pytest.raises(RefreshTokenInvalid):
        refreshing.refresh(newest)
