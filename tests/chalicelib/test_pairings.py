"""Enrolment by a code: the bridge keeps its secret, a person types eight letters."""

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.accounts import service, throttling
from chalicelib.accounts.tokens import secret_sha256
from chalicelib.devices import bridge_store, pairings
from chalicelib.devices.items import PairingItem
from chalicelib.devices.model import PairingApproval
from chalicelib.dynamodb import ConditionFailedError
from local_cloud.cloud import LocalCloud
from tests.api import Answer, Api, Bowler
from tests.chalicelib.lanes import new_user


@pytest.fixture
def secret() -> str:
    """The secret that a bridge has made."""
    return "rmb_" + secrets.token_urlsafe(32)


def _begin(api: Api, secret: str) -> str:
    begun = api("POST", "/v1/pairings", json={"secret_sha256": secret_sha256(secret)})
    assert begun.status == 201
    code: str = begun.json["code"]
    return code


def _approve(bowler: Bowler, code: str, kind: str = "lane", name: str = "lane 7") -> Answer:
    return bowler("POST", "/v1/pairings/approval", json={"code": code, "kind": kind, "name": name})


def _item(code: str) -> PairingItem:
    return PairingItem.get(f"P#{secret_sha256(code.replace('-', ''))}", PairingItem.SK)


def test_a_bridge_is_enrolled_by_its_code(api: Api, bowler: Bowler, secret: str) -> None:
    """The bridge's own secret is no credential until its code is approved, and is one from then on."""
    begun = api("POST", "/v1/pairings", json={"secret_sha256": secret_sha256(secret)})
    assert (begun.status, begun.json["expires_in"], begun.json["interval"]) == (201, 600, 5)
    code = begun.json["code"]
    assert len(code) == 9
    assert code[4] == "-"
    assert set(code.replace("-", "")) <= set(pairings.ALPHABET)
    assert api("GET", "/v1/bridges/me", token=secret).status == 401
    approved = _approve(bowler, code)
    assert (approved.status, approved.json["kind"], approved.json["name"]) == (201, "lane", "lane 7")
    assert secret not in approved.data.decode()
    told = api("GET", "/v1/bridges/me", token=secret).json
    assert (told["id"], told["name"], told["kind"]) == (approved.json["id"], "lane 7", "lane")
    (listed,) = bowler("GET", "/v1/bridges").json["items"]
    assert (listed["id"], listed["kind"]) == (approved.json["id"], "lane")


@pytest.mark.parametrize(
    "typed", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code[:4]}{code[5:]} "]
)
def test_a_code_may_be_typed_in_any_way(api: Api, bowler: Bowler, secret: str, typed: Callable[[str], str]) -> None:
    """Small letters, a space for the hyphen, or none: people type what they see."""
    assert _approve(bowler, typed(_begin(api, secret))).status == 201


def test_an_approval_repeated_is_the_same_bridge(
    api: Api, bowler: Bowler, new_bowler: Callable[[], Bowler], secret: str
) -> None:
    """By the same user it changes nothing, by another it is refused and tells nothing."""
    code = _begin(api, secret)
    first = _approve(bowler, code)
    again = _approve(bowler, code, kind="personal", name="other")
    assert (again.status, again.json) == (200, first.json)
    refused = _approve(new_bowler(), code)
    assert (refused.status, refused.problem) == (409, "pairing-taken")
    assert first.json["id"] not in refused.data.decode()
    assert api("GET", "/v1/bridges/me", token=secret).json["id"] == first.json["id"]


def test_a_code_asked_for_again_leads_to_the_same_bridge(
    api: Api, bowler: Bowler, new_bowler: Callable[[], Bowler], secret: str
) -> None:
    """A bridge that lost the reply asks again; each of its codes works, and all of them make one bridge."""
    first, second = _begin(api, secret), _begin(api, secret)
    assert first != second
    made = _approve(bowler, second)
    assert _approve(bowler, first).json == made.json
    assert _approve(new_bowler(), first).problem == "pairing-taken"
    assert len(bowler("GET", "/v1/bridges").json["items"]) == 1


def test_only_hashes_are_kept(api: Api, secret: str) -> None:
    """Neither the code nor the secret stands in the database."""
    code = _begin(api, secret)
    kept = str(_item(code).serialize())
    assert code.replace("-", "") not in kept
    assert code not in kept
    assert secret not in kept


def test_a_code_is_void_after_ten_minutes(api: Api, bowler: Bowler, secret: str) -> None:
    """An expired code is like one that nobody shows, though the database has not removed it yet."""
    code = _begin(api, secret)
    assert _item(code).expires_at == pytest.approx(time.time() + 600, abs=30)
    _item(code).update(actions=[PairingItem.expires_at.set(int(time.time()))])
    late, unknown = _approve(bowler, code), _approve(bowler, "BBBB-BBBB")
    assert (late.status, late.problem) == (404, "pairing-code-invalid")
    assert late.data == unknown.data
    assert api("GET", "/v1/bridges/me", token=secret).status == 401


def test_guessing_codes_is_bounded(api: Api, bowler: Bowler, new_bowler: Callable[[], Bowler], secret: str) -> None:
    """Ten wrong codes, and for a while the user may not try another one, not even the right one; others may."""
    code = _begin(api, secret)
    guesses = [_approve(bowler, f"BBBB-BBB{letter}") for letter in "BCDFGHJKLM"]
    assert [guess.problem for guess in guesses] == ["pairing-code-invalid"] * 10
    assert _approve(bowler, code).problem == "too-many-tries"
    assert _approve(new_bowler(), code).status == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"secret_sha256": "A" * 64},
        {"secret_sha256": "a" * 63},
        {"secret_sha256": "a" * 64, "code": "BBBB-BBBB"},
        {"secret": "rmb_x"},
    ],
)
def test_a_pairing_takes_a_hash_and_nothing_else(api: Api, body: dict[str, str]) -> None:
    """No secret is ever sent, and nobody chooses the code."""
    assert api("POST", "/v1/pairings", json=body).problem == "invalid-request"


def test_a_pairing_needs_a_person(api: Api, bowler: Bowler, secret: str) -> None:
    """A bridge approves nothing, and neither does somebody who is not logged in."""
    bridge = bowler("POST", "/v1/bridges", json={}).json["credential"]
    body = {"code": _begin(api, secret)}
    assert api("POST", "/v1/pairings/approval", token=bridge, json=body).problem == "not-permitted"
    assert api("POST", "/v1/pairings/approval", json=body).problem == "not-authenticated"


def test_a_removed_bridges_credential_stops_at_once(
    api: Api, bowler: Bowler, new_bowler: Callable[[], Bowler], secret: str
) -> None:
    """DELETE ends bridge and credential; another's bridge looks like none, and a second DELETE finds none."""
    made = _approve(bowler, _begin(api, secret)).json
    path = f"/v1/bridges/{made['id']}"
    assert new_bowler()("DELETE", path).problem == "not-found"
    assert api("GET", "/v1/bridges/me", token=secret).status == 200
    assert bowler("DELETE", path).status == 204
    assert api("GET", "/v1/bridges/me", token=secret).status == 401
    assert api("GET", f"/v1/captures/{'0' * 64}", token=secret).status == 401
    assert bowler("GET", "/v1/bridges").json["items"] == []
    assert bowler("DELETE", path).problem == "not-found"


def test_bridges_need_an_open_login(bowler: Bowler) -> None:
    """After log-out an access token that has not expired makes, lists, approves and removes no bridge."""
    assert bowler("DELETE", "/v1/tokens").status == 204
    calls = [
        bowler("POST", "/v1/bridges", json={}),
        bowler("GET", "/v1/bridges"),
        bowler("POST", "/v1/pairings/approval", json={"code": "BBBB-BBBB"}),
        bowler("DELETE", f"/v1/bridges/{'0' * 8}-0000-0000-0000-{'0' * 12}"),
    ]
    assert [call.status for call in calls] == [401] * 4


def test_codes_for_one_address_are_bounded(cloud: LocalCloud, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many codes in an hour an address gets no more of them; another address does."""
    assert cloud.aws_url
    limit = throttling.Limit(f"pairing-{secrets.token_hex(8)}", 2, throttling.HOUR_S)
    monkeypatch.setattr(throttling, "pairings_of_address", lambda: limit)
    for _ in range(2):
        pairings.begin(secret_sha256(secret), "192.0.2.3")
    with pytest.raises(throttling.TooManyTries):
        pairings.begin(secret_sha256(secret), "192.0.2.3")
    assert pairings.begin(secret_sha256(secret), "192.0.2.4").code


@pytest.mark.parametrize("_round", range(3))
def test_racing_approvals_have_one_winner(cloud: LocalCloud, secret: str, _round: int) -> None:
    """Six users approve one code at the same moment: it is one user's bridge, and the others are told."""
    assert cloud.aws_url
    users = [new_user() for _ in range(6)]
    code = pairings.begin(secret_sha256(secret), "192.0.2.1").code

    def approve(user_id: str) -> bool:
        try:
            return pairings.approve(user_id, PairingApproval(code))[1]
        except pairings.PairingTaken:
            return False

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(approve, users))
    assert sum(won) == 1
    assert service.authenticate(secret).user_id == users[won.index(True)]


def test_letters_that_another_bridge_shows_are_not_given_twice(
    cloud: LocalCloud, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code in use is never handed to a second bridge; an expired one may be."""
    assert cloud.aws_url
    first = pairings._pairing("BCDFGHJK", secret_sha256(secret))
    first.expires_at = int(time.time()) + 5
    first.save()
    with pytest.raises(ConditionFailedError):
        bridge_store.add_pairing(pairings._pairing("BCDFGHJK", "0" * 64), int(time.time()))
    monkeypatch.setattr(secrets, "choice", lambda alphabet: alphabet[len(alphabet) % 1])
    taken = pairings._pairing("B" * 8, "1" * 64)
    taken.save()
    with pytest.raises(pairings.PairingBusy):
        pairings.begin(secret_sha256(secret), "192.0.2.2")
    taken.update(actions=[PairingItem.expires_at.set(int(time.time()) - 1)])
    assert pairings.begin(secret_sha256(secret), "192.0.2.2").code == "BBBB-BBBB"
    _item("BBBB-BBBB").delete()
    _item("BCDF-GHJK").delete()
