"""Logins over HTTP: listed, ended one by one and all at once, and what an ended one still does."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.accounts import codes, erasure, login_store, logins, names, profile, refreshing, service, store, tokens
from chalicelib.accounts.items import LoginItem, RefreshItem, UserItem, user_key
from chalicelib.accounts.model import PasswordGrant
from chalicelib.accounts.user_model import PasswordChange
from chalicelib.call import Caller
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import NotAuthenticated
from chalicelib.lists import encode_position
from chalicelib.operation import OPERATIONS, Operation
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler
from tests.chalicelib.moved_time import move

LOGINS = "/v1/users/me/logins"
NEW_PASSWORD = "another horse battery"


def _again(bowler: Bowler, agent: str | None = None, password: str = PASSWORD) -> Bowler:
    """Log in once more."""
    headers = {} if agent is None else {"User-Agent": agent}
    grant = {"username": bowler.username, "password": password}
    answer = bowler.api("POST", "/v1/tokens", json=grant, headers=headers)
    assert answer.status == 200, answer.data
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    return Bowler(bowler.api, bowler.username, answer.json["access_token"], answer.json["refresh_token"])


def _refresh(bowler: Bowler) -> int:
    return bowler.api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).status


def _listed(bowler: Bowler) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = bowler("GET", LOGINS).json["items"]
    return items


def _user_id(bowler: Bowler) -> str:
    found = store.find_user_id(names.fold_username(bowler.username))
    assert found is not None
    return found


def test_logins_tell_what_they_are(bowler: Bowler) -> None:
    """Each login shows its client, cut at 200 characters, when it came and was used, and which one asks."""
    phone = _again(bowler, "RevMetrix/1.4 " + "x" * 300)
    assert _refresh(bowler) == 200
    by_current = {login["is_current"]: login for login in _listed(phone)}
    assert by_current[True]["client"] == ("RevMetrix/1.4 " + "x" * 300)[:200]
    assert by_current[True]["last_used_at"] is None
    assert by_current[False]["last_used_at"] is not None
    assert len(_listed(phone)) == 2


def test_logging_out_ends_the_login_that_asks(bowler: Bowler) -> None:
    """DELETE /v1/tokens ends its own login and no other; asked again it answers the same."""
    other = _again(bowler)
    assert [bowler("DELETE", "/v1/tokens").status for _ in range(2)] == [204, 204]
    assert _refresh(bowler) == 401
    assert _refresh(other) == 200
    assert len(_listed(other)) == 1


def test_logging_out_everywhere_ends_all(bowler: Bowler) -> None:
    """DELETE /v1/tokens/all ends every login, the one that asks too."""
    everyone = [bowler, *(_again(bowler) for _ in range(3))]
    assert bowler("DELETE", "/v1/tokens/all").status == 204
    assert [_refresh(each) for each in everyone] == [401] * 4


def test_another_login_is_ended_by_its_id(bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """A lost phone is logged out from another; a foreign login, a missing one and nonsense are a 404."""
    lost = _again(bowler)
    (login_id,) = [login["id"] for login in _listed(lost) if login["is_current"]]
    stranger = new_bowler()
    assert stranger("DELETE", f"{LOGINS}/{login_id}").status == 404
    assert _refresh(Bowler(lost.api, lost.username, lost.token, lost.refresh_token)) == 200
    assert [bowler("DELETE", f"{LOGINS}/{login_id}").status for _ in range(2)] == [204, 204]
    assert lost("GET", LOGINS).status == 401
    for missing in ("00000000-0000-4000-8000-000000000000", "nonsense", "USER"):
        assert bowler("DELETE", f"{LOGINS}/{missing}").status == 404


def test_logins_come_in_parts(bowler: Bowler) -> None:
    """The parts together are all logins, each once, and a foreign cursor is a position in one's own list only."""
    for _ in range(3):
        _again(bowler)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        part = bowler("GET", f"{LOGINS}?limit=2{cursor and f'&cursor={cursor}'}").json
        found += [login["id"] for login in part["items"]]
        cursor = part["next"]
    assert sorted(found) == sorted(login["id"] for login in _listed(bowler))
    assert len(set(found)) == 4
    assert bowler("GET", f"{LOGINS}?cursor=abc").problem == "invalid-query"
    for position in ("USER", "CODE#email", "LOGIN#", f"LOGIN#{'0' * 37}", f"LOGIN#{'0' * 36}\n", "Z" * 36):
        refused = bowler("GET", f"{LOGINS}?cursor={encode_position((position,))}")
        assert refused.problem == "invalid-query", position


def test_a_new_password_ends_all_other_logins(bowler: Bowler) -> None:
    """The login that changes it goes on; the others and the old password are done with."""
    other = _again(bowler)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert bowler("PUT", "/v1/users/me/password", json=body).status == 204
    assert _refresh(bowler) == 200
    assert _refresh(other) == 401
    grant = {"username": bowler.username, "password": PASSWORD}
    assert bowler.api("POST", "/v1/tokens", json=grant).status == 401
    _again(bowler, password=NEW_PASSWORD)


def test_a_login_of_the_old_password_that_opens_during_its_change_is_ended(
    bowler: Bowler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever logs in with the old password after the others were ended, and before it is new, is ended too."""
    user_id, opened = _user_id(bowler), []
    set_password = store.set_password

    def set_late(*changes: Any) -> None:
        opened.append(logins.log_in(PasswordGrant(bowler.username, PASSWORD)).refresh_token)
        set_password(*changes)

    monkeypatch.setattr(store, "set_password", set_late)
    profile.change_password(Caller(user_id, login_id=""), PasswordChange(PASSWORD, NEW_PASSWORD))
    assert len(opened) == 1
    assert _open_logins(user_id) == set()


def test_a_wrong_current_password_changes_nothing(bowler: Bowler) -> None:
    """Whoever has only the access token cannot change the password."""
    body = {"current_password": "not this one", "new_password": NEW_PASSWORD}
    refused = bowler("PUT", "/v1/users/me/password", json=body)
    assert (refused.status, refused.problem) == (403, "current-password-wrong")
    _again(bowler)


def test_guessing_the_current_password_is_throttled(bowler: Bowler) -> None:
    """With a stolen access token a password is tried ten times, and not an eleventh."""
    body = {"current_password": "not this one", "new_password": NEW_PASSWORD}
    answers = [bowler("PUT", "/v1/users/me/password", json=body) for _ in range(11)]
    assert [answer.status for answer in answers] == [403] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


CHECKED = {
    "add_bridge",
    "approve_pairing",
    "change_device",
    "change_own_user",
    "change_password",
    "claim_device",
    "confirm_email_verification",
    "delete_account",
    "end_login",
    "get_export",
    "list_bridges",
    "list_logins",
    "log_out_everywhere",
    "release_device",
    "remove_bridge",
    "request_email_verification",
    "request_export",
}
"""Where an ended login is refused at once: whatever changes who has the account, or makes what outlives the login."""


def _checked() -> list[Operation]:
    return [operation for operation in OPERATIONS if operation.login_checked]


def test_these_operations_check_the_login(api: Api) -> None:
    """No operation loses the look at its login by accident: they are written out here."""
    assert api.url
    assert {operation.name for operation in _checked()} == CHECKED


def test_an_ended_login_is_refused_where_logins_are_checked(bowler: Bowler) -> None:
    """After a logout the access token still shows the profile, and does nothing that checks logins, on any route."""
    assert bowler("DELETE", "/v1/tokens").status == 204
    assert bowler("GET", "/v1/users/me").status == 200
    for operation in _checked():
        path = operation.path.replace("{", "").replace("}", "")
        refused = bowler(operation.method, path, json={})
        assert refused.status == 401, operation.name


def test_an_access_token_ends_by_itself(bowler: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """An access token of 15 minutes and 1 second ago is refused, and tells that it has expired."""
    with monkeypatch.context() as patched:
        move(patched, -901, tokens)
        old = logins.log_in(PasswordGrant(bowler.username, PASSWORD)).access_token
    refused = bowler.api("GET", "/v1/users/me", token=old)
    assert (refused.status, refused.problem) == (401, "not-authenticated")
    assert "expired" in refused.json["detail"]


def test_a_login_ends_by_itself_however_often_it_is_refreshed(
    cloud: LocalCloud, bowler: Bowler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ninety days after the password was typed a token that was just refreshed gives nothing, and checks refuse it."""
    assert cloud.aws_url
    first = logins.log_in(PasswordGrant(bowler.username, PASSWORD))
    move(monkeypatch, logins.LOGIN_LIFETIME_S - 60, refreshing)
    last = refreshing.refresh(first.refresh_token)
    move(monkeypatch, logins.LOGIN_LIFETIME_S + 60, refreshing)
    with pytest.raises(refreshing.RefreshTokenInvalid):
        refreshing.refresh(last.refresh_token)


def test_the_grace_for_a_lost_reply_ends(cloud: LocalCloud, bowler: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten seconds a token that is used again is no lost reply: its login ends."""
    assert cloud.aws_url
    first = logins.log_in(PasswordGrant(bowler.username, PASSWORD))
    second = refreshing.refresh(first.refresh_token)
    move(monkeypatch, 12, refreshing)
    with pytest.raises(refreshing.RefreshTokenInvalid):
        refreshing.refresh(first.refresh_token)
    with pytest.raises(refreshing.RefreshTokenInvalid):
        refreshing.refresh(second.refresh_token)


def test_a_closing_account_does_nothing(api: Api, bowler: Bowler) -> None:
    """Once an account is closing nobody logs in, not even a token that is alive changes anything where logins count."""
    erasure.close(_user_id(bowler))
    refused = api("POST", "/v1/tokens", json={"username": bowler.username, "password": PASSWORD})
    assert (refused.status, refused.problem) == (401, "account-closing")
    assert (
        api("POST", "/v1/tokens", json={"username": bowler.username, "password": "wrong"}).problem == "wrong-password"
    )
    assert bowler("PATCH", "/v1/users/me", json={"first_name": "A"}, headers={"If-Match": "*"}).status == 401
    assert _refresh(bowler) == 401
    (operation,) = [operation for operation in OPERATIONS if operation.name == "change_password"]
    with pytest.raises(NotAuthenticated):
        service.authenticate(bowler.token, operation)


@pytest.mark.parametrize("change", ["lock", "close"])
@pytest.mark.parametrize("was_used", [False, True], ids=["first use", "lost reply"])
def test_no_login_is_refreshed_once_its_user_has_none(bowler: Bowler, change: str, *, was_used: bool) -> None:
    """Locked or closing, though no login has been ended yet: a refresh is refused and adds nothing."""
    user_id = _user_id(bowler)
    token = refreshing.refresh(bowler.refresh_token).refresh_token if was_used else None
    store.update_user(user_id, _ending(change))
    assert _refresh(bowler) == 401
    assert len(_tokens_of(user_id)) == (1 if token is None else 2)
    assert all(item.voided_at is None for item in _tokens_of(user_id))


@pytest.mark.parametrize("change", ["lock", "close"])
@pytest.mark.parametrize("write", ["rotate_refresh", "replace_lost"])
def test_a_refresh_that_races_with_an_end_is_the_last_one(
    bowler: Bowler, monkeypatch: pytest.MonkeyPatch, change: str, write: str
) -> None:
    """A refresh that looked at its user before gives tokens that refresh nothing, and erasure finds what it made."""
    user_id = _user_id(bowler)
    if write == "replace_lost":
        refreshing.refresh(bowler.refresh_token)
    written = getattr(login_store, write)

    def write_late(*items: Any) -> None:
        store.update_user(user_id, _ending(change))
        written(*items)

    with monkeypatch.context() as patched:
        patched.setattr(login_store, write, write_late)
        racing = refreshing.refresh(bowler.refresh_token)
    with pytest.raises(refreshing.RefreshTokenInvalid):
        refreshing.refresh(racing.refresh_token)
    assert len(_tokens_of(user_id)) >= 2
    erasure.sweep(user_id, {})
    assert _tokens_of(user_id) == []


def _tokens_of(user_id: str) -> list[RefreshItem]:
    return list(RefreshItem.scan((RefreshItem.sk == RefreshItem.SK) & (RefreshItem.user_id == user_id)))


def _ending(change: str) -> store.Changes:
    changes: dict[str, store.Changes] = {
        "lock": [UserItem.locked_at.set("2026-11-24T00:00:00+00:00")],
        "close": [UserItem.state.set("closing")],
        "password": [UserItem.password_changed_at.set("2026-11-24T00:00:00+00:00")],
    }
    return changes[change]


def test_nothing_is_changed_in_an_account_that_closed_meanwhile(bowler: Bowler) -> None:
    """A change that read the user before the closing is refused when it writes."""
    user = store.find_user(_user_id(bowler))
    assert user is not None
    erasure.close(_user_id(bowler))
    code = codes.draw(_user_id(bowler), codes.EMAIL, user.email).item
    code.save()
    writes: list[Callable[[], None]] = [
        lambda: store.change_user(user, [UserItem.first_name.set("Ada")]),
        lambda: store.set_password(user, [UserItem.password_hash.set("another")]),
        lambda: store.confirm_email(user, code, user.email, [UserItem.email_verified_at.set("now")]),
    ]
    for write in writes:
        with pytest.raises(ConditionFailedError):
            write()


@pytest.mark.parametrize("change", ["lock", "close", "password"])
def test_a_login_that_opens_while_all_are_ended_is_ended_too(
    bowler: Bowler, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Whatever ends all logins between a login's two reads of its user is seen by the second one; no login is left."""
    user_id = _user_id(bowler)
    before = _open_logins(user_id)
    add = login_store.add_login

    def add_late(*items: Any) -> None:
        # All logins were ended a moment ago; this one is written after it.
        store.update_user(user_id, _ending(change))
        add(*items)

    monkeypatch.setattr(login_store, "add_login", add_late)
    with pytest.raises((logins.AccountLocked, NotAuthenticated)):
        logins.log_in(PasswordGrant(bowler.username, PASSWORD))
    assert _open_logins(user_id) == before


def _open_logins(user_id: str) -> set[str]:
    found = LoginItem.query(user_key(user_id), LoginItem.sk.startswith("LOGIN#"), consistent_read=True)
    return {str(login.sk) for login in found if logins.is_open(login)}
