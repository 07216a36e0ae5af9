"""Throttling: of passwords, registrations and mails; and nobody is locked out by others."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import settings as settings_module
from chalicelib.accounts import limiter_store, logins, recovery, registration, throttling
from chalicelib.accounts.codes import CodeInvalid
from chalicelib.accounts.items import LimiterItem
from chalicelib.accounts.model import PasswordGrant
from chalicelib.accounts.passwords import verify_password
from chalicelib.accounts.throttling import Limit, TooManyTries
from chalicelib.accounts.user_model import Registration, ResetConfirmation
from chalicelib.settings import read_most, read_settings, settings
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler
from tests.chalicelib.moved_time import MovedTime
from tests.chalicelib.wire import Wire
from tests.same_time import OwnClock, assert_same_time

USUAL = {
    "login_failures_per_account": 10,
    "login_failures_per_address": 100,
    "registrations_per_address": 60,
    "resets_per_address": 20,
    "mails_per_recipient": 5,
}
FIGURES = (
    "LOGIN_FAILURES_PER_ACCOUNT",
    "LOGIN_FAILURES_PER_ADDRESS",
    "REGISTRATIONS_PER_ADDRESS",
    "PASSWORD_RESETS_PER_ADDRESS",
    "MAILS_PER_RECIPIENT",
)


@pytest.fixture
def most(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set what throttling allows, in the whole process."""
    assert cloud.aws_url
    usual = settings()

    def change(**figures: int) -> None:
        changed = replace(usual, most=replace(usual.most, **{**USUAL, **figures}))
        monkeypatch.setattr(throttling, "settings", lambda: changed)

    change()
    return change


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovedTime:
    """Let throttling see a time that the test moves, which begins with a window."""
    moved = MovedTime()
    moved.by_s = throttling.HOUR_S - moved.time() % throttling.HOUR_S
    monkeypatch.setattr(throttling, "time", moved)
    return moved


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords whose hash was computed at a login."""
    computed: list[str] = []
    verify = verify_password

    def counted(kept_hash: str | None, password: str) -> bool:
        computed.append(password)
        return verify(kept_hash, password)

    monkeypatch.setattr(logins, "verify_password", counted)
    return computed


def _try(api: Api, username: str, password: str = "wrong", **rest: Any) -> Any:  # noqa: S107 - a wrong one
    return api("POST", "/v1/tokens", json={"username": username, "password": password, **rest})


def test_the_figures_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without variables the figures are the documented ones; a variable changes one, and nonsense stops the start."""
    for name in FIGURES:
        monkeypatch.delenv(name, raising=False)
    assert {name: getattr(read_most(), name) for name in USUAL} == USUAL
    monkeypatch.setenv("REGISTRATIONS_PER_ADDRESS", "7")
    assert read_settings().most.registrations_per_address == 7
    for nonsense in ("-1", "many", "1001", "1.5"):
        monkeypatch.setenv("REGISTRATIONS_PER_ADDRESS", nonsense)
        with pytest.raises(ValueError, match="REGISTRATIONS_PER_ADDRESS"):
            read_settings()
    assert settings_module.LARGEST_FIGURE == 1000


@pytest.mark.parametrize("is_known", [True, False])
def test_ten_wrong_passwords_and_not_an_eleventh(
    most: Any, clock: MovedTime, api: Api, bowler: Bowler, *, is_known: bool
) -> None:
    """The eleventh try within 15 minutes is a 429 with Retry-After, for a known and an unknown name alike."""
    assert most
    username = bowler.username if is_known else f"unknown-{uuid.uuid4().hex}"
    clock.by_s += 60
    assert [_try(api, username).status for _ in range(10)] == [401] * 10
    refused = _try(api, username)
    assert (refused.status, refused.problem) == (429, "too-many-tries")
    assert 800 <= int(refused.headers["retry-after"]) <= 840
    clock.by_s += int(refused.headers["retry-after"])
    assert _try(api, username).status == 401


def test_right_passwords_do_not_count(most: Any, clock: MovedTime, bowler: Bowler) -> None:
    """However often one logs in, only wrong passwords are counted."""
    assert most
    assert clock.by_s > 0
    for _ in range(2):
        assert [_try(bowler.api, bowler.username).status for _ in range(4)] == [401] * 4
        assert [_try(bowler.api, bowler.username, PASSWORD).status for _ in range(8)] == [200] * 8


def test_a_known_login_is_not_held_up(most: Any, clock: MovedTime, bowler: Bowler, new_bowler: Any) -> None:
    """While others try, a client with a token of before passes with the right password; the token may have ended."""
    assert most
    assert clock.by_s > 0
    for _ in range(11):
        _try(bowler.api, bowler.username)
    assert _try(bowler.api, bowler.username, PASSWORD).status == 429
    assert bowler("DELETE", "/v1/tokens").status == 204
    proof = {"refresh_token": bowler.refresh_token}
    for _ in range(3):
        assert _try(bowler.api, bowler.username, PASSWORD, **proof).status == 200
    strangers = {"refresh_token": new_bowler().refresh_token}
    assert _try(bowler.api, bowler.username, PASSWORD, **strangers).status == 429
    assert _try(bowler.api, bowler.username, PASSWORD, refresh_token="rmr_nothing").status == 429


def test_a_known_login_does_not_guess_for_ever(most: Any, clock: MovedTime, bowler: Bowler) -> None:
    """Whoever found an old token has ten tries with it, not more."""
    assert most
    assert clock.by_s > 0
    proof = {"refresh_token": bowler.refresh_token}
    statuses = [_try(bowler.api, bowler.username, **proof).status for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_an_address_has_a_hundred_failures(most: Any, clock: MovedTime, cloud: LocalCloud) -> None:
    """Wrong passwords for many names from one address are counted together; another address goes on."""
    assert cloud.aws_url
    assert clock.by_s > 0
    most(login_failures_per_address=5)
    address = _new_network() + "1"
    for _ in range(5):
        _spray(address, logins.WrongPassword)
    _spray(address, TooManyTries)
    _spray("192.0.2.7", logins.WrongPassword)


def _new_network() -> str:
    """Return how the addresses of an IPv6 /64 begin that no other test has."""
    tag = uuid.uuid4().hex
    return f"2001:db8:{tag[:4]}:{tag[4:8]}::"


def _spray(address: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        logins.log_in(PasswordGrant(f"spray-{uuid.uuid4().hex}", "wrong"), None, address)


def test_the_addresses_of_one_network_are_one_client(most: Any, clock: MovedTime, cloud: LocalCloud) -> None:
    """Whoever has an IPv6 address has 2^64 of them: they are counted together, and the next network on its own."""
    assert cloud.aws_url
    assert clock.by_s > 0
    most(login_failures_per_address=3)
    network = _new_network()
    for last in ("1", "2", "ffff:ffff:ffff"):
        _spray(network + last, logins.WrongPassword)
    _spray(network + "77", TooManyTries)
    _spray(_new_network() + "77", logins.WrongPassword)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:1:a:b:c:d", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("", ""),
        ("test-invoke-source-ip", "test-invoke-source-ip"),
    ],
)
def test_what_of_an_address_is_counted(address: str, counted: str) -> None:
    """An IPv4 address, also where it is written as an IPv6 one, and the first 64 bits of an IPv6 address."""
    assert throttling.network_of(address) == counted
    by_address = (
        throttling.failures_of_address(),
        throttling.registrations_of_address(),
        throttling.resets_of_address(),
        throttling.pairings_of_address(),
    )
    for limit in by_address:
        assert throttling.partition_key(limit, address) == throttling.partition_key(limit, counted)


@pytest.mark.parametrize(("tries", "threads"), [pytest.param(1000, 1, marks=pytest.mark.long), (100, 8)])
def test_a_thousand_tries_compute_ten_hashes(
    most: Any, clock: MovedTime, hashes: list[str], bowler: Bowler, tries: int, threads: int
) -> None:
    """Of 1,000 tries for one account, one after the other or at the same moment, 10 cost a hash."""
    assert most
    assert clock.by_s > 0

    def attempt(_: int) -> None:
        with pytest.raises((logins.WrongPassword, TooManyTries)):
            logins.log_in(PasswordGrant(bowler.username, "wrong"))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(attempt, range(tries)))
    assert hashes.count("wrong") == 10


def test_an_address_computes_no_more_hashes_than_it_has_tries(
    most: Any, clock: MovedTime, hashes: list[str], cloud: LocalCloud
) -> None:
    """However many ask at the same moment from one address, each for another name, so many hashes are computed."""
    assert cloud.aws_url
    assert clock.by_s > 0
    most(login_failures_per_address=5)
    address = _new_network() + "1"

    def attempt(_: int) -> None:
        with pytest.raises((logins.WrongPassword, TooManyTries)):
            logins.log_in(PasswordGrant(f"spray-{uuid.uuid4().hex}", "wrong"), None, address)

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(attempt, range(24)))
    assert hashes.count("wrong") == 5


def test_right_passwords_and_refused_tries_cost_an_address_nothing(most: Any, clock: MovedTime, bowler: Bowler) -> None:
    """Whoever logs in gives the address its try back, and so does who may not try: no password was looked at."""
    assert clock.by_s > 0
    most(login_failures_per_address=3, login_failures_per_account=1)
    address = _new_network() + "1"
    for _ in range(5):
        assert logins.log_in(PasswordGrant(bowler.username, PASSWORD), None, address).access_token
    grant = PasswordGrant(bowler.username, "wrong")
    for refusal in (logins.WrongPassword, *[TooManyTries] * 5):
        with pytest.raises(refusal):
            logins.log_in(grant, None, address)
    _spray(address, logins.WrongPassword)
    _spray(address, logins.WrongPassword)
    _spray(address, TooManyTries)


def test_a_crash_costs_a_try_and_no_more(
    most: Any, clock: MovedTime, bowler: Bowler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends before it gives its tries back leaves them taken until the window ends."""
    most(login_failures_per_address=2, login_failures_per_account=2)
    address, grant = _new_network() + "1", PasswordGrant(bowler.username, PASSWORD)

    def die(_: throttling.Try) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(throttling.Try, "give_back", die)
        with pytest.raises(SystemExit):
            logins.log_in(grant, None, address)
    assert logins.log_in(grant, None, address).access_token
    with pytest.raises(logins.WrongPassword):
        logins.log_in(PasswordGrant(bowler.username, "wrong"), None, address)
    with pytest.raises(TooManyTries):
        logins.log_in(grant, None, address)
    clock.by_s += throttling.QUARTER_HOUR_S
    assert logins.log_in(grant, None, address).access_token


def test_a_name_in_other_capitals_has_no_other_tries(most: Any, clock: MovedTime, api: Api, bowler: Bowler) -> None:
    """Tries are counted by the name as it is compared."""
    assert clock.by_s > 0
    most(login_failures_per_account=2)
    spellings = (bowler.username, bowler.username.upper(), bowler.username.title(), bowler.username.capitalize())
    assert [_try(api, name).status for name in spellings] == [401, 401, 429, 429]


def test_mails_are_counted_however_their_address_is_written(
    most: Any, clock: MovedTime, cloud: LocalCloud, api: Api
) -> None:
    """Another spelling of an address has no mails of its own, neither for registrations nor for resets."""
    assert clock.by_s > 0
    most(mails_per_recipient=2)
    tag = uuid.uuid4().hex
    spellings = [f"Victim-{tag}@example.org", f"VICTIM-{tag}@example.org", f"victim-{tag}@Example.org"]
    for email in spellings:
        body = {"username": f"bomb-{uuid.uuid4().hex}", "email": email, "password": PASSWORD}
        assert api("POST", "/v1/users", json=body).status == 201
    assert [len(cloud.mails.sent_to(email)) for email in spellings] == [1, 1, 0]
    asked = [api("POST", "/v1/password-resets", json={"email": email}).status for email in spellings]
    assert asked == [204, 204, 429]


def test_guesses_of_reset_codes_are_counted_by_address(most: Any, clock: MovedTime, cloud: LocalCloud) -> None:
    """Wrong codes count like wrong passwords of the address, however many come at the same moment."""
    assert cloud.aws_url
    assert clock.by_s > 0
    most(login_failures_per_address=4)
    address = _new_network() + "1"

    def guess(_: int) -> type[Exception]:
        confirmation = ResetConfirmation(f"x{uuid.uuid4().hex}@example.org", "00000000", "another horse battery")
        with pytest.raises((CodeInvalid, TooManyTries)) as refusal:
            recovery.confirm(confirmation, address)
        return refusal.type

    with ThreadPoolExecutor(12) as pool:
        refusals = list(pool.map(guess, range(12)))
    assert refusals.count(CodeInvalid) == 4
    _spray(address, TooManyTries)


def test_the_clients_word_for_its_address_counts_for_nothing(
    most: Any, clock: MovedTime, api: Api, hashes: list[str]
) -> None:
    """Headers that claim other addresses do not make a new client."""
    assert clock.by_s > 0
    assert hashes == []
    most(login_failures_per_address=3)
    statuses = [
        api(
            "POST",
            "/v1/tokens",
            json={"username": f"spray-{uuid.uuid4().hex}", "password": "wrong"},
            headers={"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}"},
        ).status
        for number in range(5)
    ]
    assert statuses[-1] == 429


def test_registrations_are_counted_by_address(most: Any, clock: MovedTime) -> None:
    """After so many registrations in an hour an address waits, before any hash is computed; then it goes on."""
    most(registrations_per_address=2)
    address = _new_network() + "1"

    def register() -> None:
        name = f"many-{uuid.uuid4().hex}"
        registration.register(Registration(name, f"{name}@example.org", PASSWORD), address)

    register()
    register()
    with pytest.raises(TooManyTries):
        register()
    clock.by_s += throttling.HOUR_S
    register()


def test_mails_to_an_address_are_counted(most: Any, clock: MovedTime, cloud: LocalCloud, api: Api) -> None:
    """A stranger's address gets five mails an hour, however many accounts name it; a forgotten password has its own."""
    assert most
    assert clock.by_s > 0
    address = f"victim-{uuid.uuid4().hex}@example.org"
    for _ in range(7):
        body = {"username": f"bomb-{uuid.uuid4().hex}", "email": address, "password": PASSWORD}
        assert api("POST", "/v1/users", json=body).status == 201
    assert len(cloud.mails.sent_to(address)) == 5
    asked = [api("POST", "/v1/password-resets", json={"email": address}).status for _ in range(6)]
    assert asked == [204] * 5 + [429]


def test_codes_that_a_user_sends_are_counted(most: Any, clock: MovedTime, cloud: LocalCloud, bowler: Bowler) -> None:
    """One account does not send codes to one stranger after another by taking address after address."""
    assert most
    assert clock.by_s > 0
    strangers = [f"stranger-{uuid.uuid4().hex}@example.org" for _ in range(7)]
    asked = []
    for address in strangers:
        etag = bowler("GET", "/v1/users/me").headers["etag"]
        assert bowler("PATCH", "/v1/users/me", json={"email": address}, headers={"If-Match": etag}).status == 200
        asked.append(bowler("POST", "/v1/email-verifications").status)
    assert asked == [204] * 5 + [429] * 2
    assert [len(cloud.mails.sent_to(address)) for address in strangers] == [1] * 5 + [0] * 2


def test_resets_are_counted_by_address(most: Any, clock: MovedTime, api: Api) -> None:
    """One address asks for so many forgotten passwords in an hour, known or not."""
    assert clock.by_s > 0
    most(resets_per_address=3)
    asked = [
        api("POST", "/v1/password-resets", json={"email": f"x{uuid.uuid4().hex}@example.org"}).status for _ in range(5)
    ]
    assert asked[-2:] == [429, 429]


def test_a_try_that_is_written_twice_is_one(cloud: LocalCloud) -> None:
    """A counter's write that is repeated after a lost reply counts once, at the limit too, and is taken back once."""
    assert cloud.aws_url
    pk = f"L#test#{uuid.uuid4().hex}"
    for name in ("a", "a", "b", "b"):
        limiter_store.add_try(pk, "W#1", name, 2, 2**31)
    assert LimiterItem.get(pk, "W#1").tries == {"a", "b"}
    for _ in range(2):
        limiter_store.drop_try(pk, "W#1", "a", 2**31)
    assert LimiterItem.get(pk, "W#1").tries == {"b"}


def test_a_limit_of_zero_is_none(most: Any, cloud: LocalCloud) -> None:
    """A figure of 0 lifts the limit and keeps no count."""
    assert cloud.aws_url
    assert most
    limit = Limit("test", 0, 60)
    assert [throttling.take(limit, "key").pk for _ in range(5)] == [""] * 5


def test_counters_do_not_show_whom_they_count() -> None:
    """A counter's key is a hash: no username, no address stands in it."""
    keys = throttling.keys_of("alice-id", "alice", ["alice@example.org"])
    assert len(set(keys)) == 10
    assert not [key for key in keys if "alice" in key]


@pytest.mark.long
def test_unknown_users_take_the_same_time(bowler: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 200 tries each, the medians for a wrong password of a known and of an unknown user are within 5 %.

    That is the time in which the app works; what AWS is asked meanwhile is the same.
    """
    unlimited = replace(settings(), most=replace(settings().most, **dict.fromkeys(USUAL, 0)))
    monkeypatch.setattr(throttling, "settings", lambda: unlimited)
    known, unknown = PasswordGrant(bowler.username, "wrong"), PasswordGrant(f"unknown-{uuid.uuid4().hex}", "wrong")
    assert_same_time(lambda: logins.log_in(known), lambda: logins.log_in(unknown), OwnClock())
    wire, asked = Wire(monkeypatch), []
    for grant in (known, unknown):
        wire.heal()
        with pytest.raises(logins.WrongPassword):
            logins.log_in(grant)
        asked.append([(call.operation, sorted(call.json)) for call in wire.own])
    assert asked[0] == asked[1]
