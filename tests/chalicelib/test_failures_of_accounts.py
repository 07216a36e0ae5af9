"""What accounts promise when AWS or the process fails: at every call of every operation, and after its repeat."""

import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher

from chalicelib.accounts import (
    audit,
    codes,
    login_store,
    logins,
    names,
    passwords,
    profile,
    recovery,
    refreshing,
    registration,
    service,
    store,
)
from chalicelib.accounts.items import UserItem
from chalicelib.accounts.model import PasswordGrant, TokenView
from chalicelib.accounts.tokens import secret_sha256
from chalicelib.accounts.user_model import PasswordChange, ProfileChange, Registration, ResetConfirmation
from chalicelib.administration import users
from chalicelib.administration.grant_admin import grant_admin
from chalicelib.call import Caller
from chalicelib.errors import Problem
from chalicelib.preconditions import PreconditionFailed
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD
from tests.chalicelib.faults import FAULTS, Operation, try_every_call
from tests.chalicelib.wire import Fault, Wire

if TYPE_CHECKING:
    from chalicelib.accounts.audit_model import AuditRecord

NEW_PASSWORD = "another horse battery"
_cloud: list[LocalCloud] = []


@pytest.fixture
def wire(cloud: LocalCloud, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire to the shared local cloud, with passwords that cost nothing."""
    _cloud[:] = [cloud]
    # What is tried here does not depend on what a hash costs, nor on when an answer goes.
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", quick)
    monkeypatch.setattr(recovery, "ANSWER_EVERY_S", 0)
    return wire


def _name() -> str:
    return f"failing-{uuid.uuid4().hex}"


def _address(name: str) -> str:
    return f"{name}@example.org"


def _register(name: str) -> None:
    registration.register(Registration(name, _address(name), PASSWORD))


def _log_in(name: str, password: str = PASSWORD) -> TokenView:
    return logins.log_in(PasswordGrant(name, password))


def _new_user() -> str:
    name = _name()
    _register(name)
    return name


def _user(name: str) -> UserItem:
    user = store.find_user(store.find_user_id(names.fold_username(name)) or "")
    assert user is not None
    return user


def _user_id(name: str) -> str:
    return str(_user(name).pk).removeprefix("U#")


def _caller(tokens: TokenView) -> Caller:
    return service.authenticate(tokens.access_token)


def _code(address: str) -> str:
    """Return the code of the last mail to an address."""
    found = re.search(r"\b[0-9]{8}\b", _cloud[0].mails.sent_to(address)[-1].text)
    assert found is not None
    return found[0]


def _is_open(tokens: TokenView) -> bool:
    token = login_store.find_refresh(secret_sha256(tokens.refresh_token))
    assert token is not None
    login = login_store.find_login(token.user_id, token.login_id)
    return login is not None and logins.is_open(login)


def _refuses(do: Callable[[], Any]) -> bool:
    try:
        do()
    except Problem:
        return True
    return False


def _repeatable(do: Callable[[Any], Any], *done: type[Problem]) -> Callable[[Any], Any]:
    """Return an operation that a client repeats, and whose repeat may be told that it was done."""

    def again(given: Any) -> Any:
        try:
            return do(given)
        except done:
            return None

    return again


def _check_registered(name: str, _: Any) -> None:
    assert _caller(_log_in(name)).user_id == _user_id(name)


def _check_tokens(_: Any, tokens: TokenView) -> None:
    assert _caller(tokens).user_id
    assert refreshing.refresh(tokens.refresh_token).refresh_token != tokens.refresh_token


def _refreshed_token(name: str) -> str:
    token = _log_in(name).refresh_token
    refreshing.refresh(token)
    return token


def _rename(names_: tuple[str, str]) -> None:
    user = _user_of_either(names_)
    profile.change(Caller(user), ProfileChange(username=names_[1], first_name="Ada", phone=None), frozenset({1}))


def _user_of_either(names_: tuple[str, str]) -> str:
    found = [store.find_user_id(name) for name in names_]
    (user_id,) = [user_id for user_id in found if user_id is not None]
    return user_id


def _check_renamed(names_: tuple[str, str], _: Any) -> None:
    user = _user(names_[1])
    assert (user.username, user.first_name, int(user.version)) == (names_[1], "Ada", 2)
    assert store.find_user_id(names_[0]) is None
    _log_in(names_[1])


def _two_logins() -> tuple[str, TokenView, TokenView]:
    name = _new_user()
    return name, _log_in(name), _log_in(name)


def _change_password(given: tuple[str, TokenView, TokenView]) -> None:
    profile.change_password(_caller(given[1]), PasswordChange(PASSWORD, NEW_PASSWORD))


def _check_password_changed(given: tuple[str, TokenView, TokenView], _: Any) -> None:
    name, own, other = given
    _log_in(name, NEW_PASSWORD)
    assert _refuses(lambda: _log_in(name, PASSWORD))
    assert _is_open(own)
    assert not _is_open(other)


def _check_no_old_login_beside_a_new_password(given: tuple[str, TokenView, TokenView]) -> None:
    if _user(given[0]).password_changed_at is not None:
        assert not _is_open(given[2])


def _check_code_came(name: str, _: Any) -> None:
    profile.confirm_email(_user_id(name), _code(_address(name)))
    assert _user(name).email_verified_at is not None


def _confirmed_user() -> str:
    name = _new_user()
    profile.confirm_email(_user_id(name), _code(_address(name)))
    return name


def _check_confirmed(given: tuple[str, str], _: Any) -> None:
    assert _user(given[0]).email_verified_at is not None
    assert store.find_email_owner(_address(given[0])) == _user_id(given[0])
    assert _refuses(lambda: codes.check(_user_id(given[0]), codes.EMAIL, given[1]))


def _moving_user() -> tuple[str, str]:
    """Return a user with a confirmed address who has given another one, and its code."""
    name, caller = _confirmed_login()
    _give_another_address((name, caller))
    profile.send_code(_user_id(name))
    return name, _code(_address(f"new-{name}"))


def _confirmed_login() -> tuple[str, Caller]:
    name = _confirmed_user()
    return name, _caller(_log_in(name))


def _give_another_address(given: tuple[str, Caller]) -> None:
    name, caller = given
    profile.change(caller, ProfileChange(email=_address(f"new-{name}")), None)


def _check_address_given(given: tuple[str, Caller], _result: Any) -> None:
    name = given[0]
    assert _user(name).email == _address(f"new-{name}")
    assert not _user(name).email_verified_at
    assert "changes" in _cloud[0].mails.sent_to(_address(name))[-1].subject


def _check_moved(given: tuple[str, str], _: Any) -> None:
    assert store.find_email_owner(_address(f"new-{given[0]}")) == _user_id(given[0])
    assert store.find_email_owner(_address(given[0])) is None


def _reset_wanted() -> tuple[str, TokenView, str]:
    name = _confirmed_user()
    recovery.request(_address(name), "")
    return name, _log_in(name), _code(_address(name))


def _confirm_reset(given: tuple[str, TokenView, str]) -> None:
    recovery.confirm(ResetConfirmation(_address(given[0]), given[2], NEW_PASSWORD), "")


def _check_reset(given: tuple[str, TokenView, str], _: Any) -> None:
    _log_in(given[0], NEW_PASSWORD)
    assert _refuses(lambda: _log_in(given[0], PASSWORD))
    assert not _is_open(given[1])


def _check_reset_code_came(name: str, _: Any) -> None:
    recovery.confirm(ResetConfirmation(_address(name), _code(_address(name)), NEW_PASSWORD), "")
    _log_in(name, NEW_PASSWORD)


def _admin_and_user() -> tuple[str, str, TokenView]:
    admin, name = _new_user(), _new_user()
    assert grant_admin(admin)
    return _user_id(admin), name, _log_in(name)


def _check_locked(given: tuple[str, str, TokenView], _: Any) -> None:
    assert not _is_open(given[2])
    assert _refuses(lambda: _log_in(given[1]))
    assert _records(given) >= {("lock_user", "done")}


def _records(given: tuple[str, str, TokenView]) -> set[tuple[str, str]]:
    pseudonym = _user(given[1]).pseudonym
    listed: list[AuditRecord] = []
    cursor: str | None = None
    while True:
        part = audit.of_day(None, 100, cursor)
        listed += part.items
        cursor = part.next
        if cursor is None or len(listed) > 1000:
            return {(record.action, record.outcome) for record in listed if record.target == pseudonym}


def _check_role(given: tuple[str, str, TokenView], _: Any) -> None:
    assert _user(given[1]).role == "researcher"
    assert _records(given) >= {("set_role", "done")}


def _assert_no_role_without_record(given: tuple[str, str, TokenView]) -> None:
    if _user(given[1]).role != "bowler":
        assert _records(given) >= {("set_role", "done")}


def _set_role(given: tuple[str, str, TokenView]) -> Any:
    return users.set_role(given[0], _user_id(given[1]), "researcher")


OPERATIONS = {
    "register": Operation(_name, _register, _check_registered),
    "log in": Operation(_new_user, _log_in, _check_tokens),
    "log in where it was before": Operation(
        lambda: (name := _new_user(), _log_in(name).refresh_token),
        lambda given: logins.log_in(PasswordGrant(given[0], PASSWORD, given[1])),
        _check_tokens,
    ),
    "log in with a wrong password": Operation(
        _new_user,
        lambda name: _refuses(lambda: _log_in(name, "wrong")),
        lambda name, refused: _check_tokens(name, _log_in(name)) if refused else pytest.fail("it was let in"),
    ),
    "refresh": Operation(lambda: _log_in(_new_user()).refresh_token, refreshing.refresh, _check_tokens),
    "refresh after a lost reply": Operation(lambda: _refreshed_token(_new_user()), refreshing.refresh, _check_tokens),
    "log out": Operation(
        lambda: _log_in(_new_user()),
        lambda tokens: logins.log_out(_caller(tokens)),
        lambda tokens, _: pytest.fail("it is open") if _is_open(tokens) else None,
    ),
    "log out everywhere": Operation(
        _two_logins,
        lambda given: logins.end_all(_user_id(given[0])),
        lambda given, _: pytest.fail("one is open") if _is_open(given[1]) or _is_open(given[2]) else None,
    ),
    "change the profile": Operation(
        lambda: (_new_user(), _name()), _repeatable(_rename, PreconditionFailed), _check_renamed
    ),
    "change the password": Operation(
        _two_logins,
        _repeatable(_change_password, profile.CurrentPasswordWrong),
        _check_password_changed,
        _check_no_old_login_beside_a_new_password,
    ),
    "ask for a code for the address": Operation(
        _new_user, lambda name: profile.send_code(_user_id(name)), _check_code_came
    ),
    "confirm the address": Operation(
        lambda: (name := _new_user(), _code(_address(name))),
        _repeatable(lambda given: profile.confirm_email(_user_id(given[0]), given[1]), codes.CodeInvalid),
        _check_confirmed,
    ),
    "give another address": Operation(_confirmed_login, _give_another_address, _check_address_given),
    "confirm another address": Operation(
        _moving_user,
        _repeatable(lambda given: profile.confirm_email(_user_id(given[0]), given[1]), codes.CodeInvalid),
        _check_moved,
    ),
    "forget the password": Operation(
        _confirmed_user, lambda name: recovery.request(_address(name), ""), _check_reset_code_came
    ),
    "set a forgotten password": Operation(_reset_wanted, _repeatable(_confirm_reset, codes.CodeInvalid), _check_reset),
    "grant the first admin": Operation(
        _new_user, grant_admin, lambda name, _: None if _user(name).role == "admin" else pytest.fail("it is none")
    ),
    "lock": Operation(_admin_and_user, lambda given: users.lock(given[0], _user_id(given[1])), _check_locked),
    "set a role": Operation(_admin_and_user, _set_role, _check_role, _assert_no_role_without_record),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.long
def test_every_call_may_fail(wire: Wire, operation: Operation, fault: Fault) -> None:
    """Whichever call fails, nothing is half done, and after the same request again the promise holds."""
    assert try_every_call(wire, operation, fault) >= 1
