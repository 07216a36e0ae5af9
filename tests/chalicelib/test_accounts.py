"""Users, logins and tokens, over HTTP."""

import hashlib
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from argon2 import PasswordHasher

from chalicelib.accounts import login_store, names, store
from chalicelib.accounts.items import LoginItem, RefreshItem, UserItem, user_key
from chalicelib.accounts.passwords import hash_password, needs_rehash, verify_password
from chalicelib.settings import settings
from tests.api import PASSWORD, Api, Bowler


def _registration(username: str, /, **changed: Any) -> dict[str, Any]:
    return {"username": username, "email": "someone@example.org", "password": PASSWORD, **changed}


def _fresh_name() -> str:
    return f"name-{uuid.uuid4().hex}"


def _token_item(refresh_token: str) -> RefreshItem:
    item = login_store.find_refresh(hashlib.sha256(refresh_token.encode()).hexdigest())
    assert item is not None
    return item


def test_a_new_user_can_log_in_at_once(api: Api) -> None:
    """Registering answers 201 with the user, without any trace of the password, and the login works right after."""
    username = _fresh_name()
    made = api("POST", "/v1/users", json=_registration(username))
    assert made.status == 201
    assert made.json["username"] == username
    assert not any("password" in key for key in made.json)
    tokens = api("POST", "/v1/tokens", json={"username": username, "password": PASSWORD})
    assert tokens.status == 200
    assert tokens.json["token_type"] == "Bearer"
    assert tokens.json["expires_in"] == 900
    assert api("GET", "/v1/captures", token=tokens.json["access_token"]).status == 200


@pytest.mark.parametrize(
    ("first", "second"), [("Alice{}", "aLICE{}"), ("stra\u00dfe{}", "STRASSE{}"), ("\uff21lan{}", "alan{}")]
)
def test_usernames_are_compared_folded(api: Api, first: str, second: str) -> None:
    """A username in other capitals, with sharp s or in full width is the same username: 409, and it logs in."""
    suffix = uuid.uuid4().hex
    assert api("POST", "/v1/users", json=_registration(first.format(suffix))).status == 201
    refused = api("POST", "/v1/users", json=_registration(second.format(suffix)))
    assert (refused.status, refused.problem) == (409, "username-taken")
    assert api("POST", "/v1/tokens", json={"username": second.format(suffix), "password": PASSWORD}).status == 200


def test_racing_registrations_have_one_winner(api: Api) -> None:
    """Eight registrations of one username at the same moment make exactly one user."""
    username = _fresh_name()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api("POST", "/v1/users", json=_registration(username)).status, range(8)))
    assert sorted(answers) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"password": "short"}, "$.password"),
        ({"password": 12345678}, "$.password"),
        ({"email": "no-address"}, "$.email"),
        ({"username": ""}, "$.username"),
        ({"username": "x" * 65}, "$.username"),
        ({"username": " padded"}, "$.username"),
        ({"username": "line\nbreak"}, "$.username"),
        ({"username": "at its end\n"}, "$.username"),
        ({"username": "\x80"}, "$.username"),
        ({"username": "\u202egnp.exe"}, "$.username"),
        ({"username": "zero\u200bwidth"}, "$.username"),
        ({"username": "\u00a8"}, "$.username"),
        ({"username": "\ufdfa" * 64}, "$.username"),
        ({"username": "blank\u2800"}, "$.username"),
        ({"username": "filler\u3164"}, "$.username"),
        ({"username": "\u115f"}, "$.username"),
        ({"username": "half\uffa0width"}, "$.username"),
        ({"username": "heart\ufe0f"}, "$.username"),
        ({"username": "reserved\U000e0fff"}, "$.username"),
        ({"email": "a@b\n"}, "$.email"),
        ({"email": "x<victim@example.org>"}, "$.email"),
        ({"email": "(c)victim@example.org"}, "$.email"),
        ({"email": '"q"@example.org'}, "$.email"),
        ({"email": "a,b@example.org"}, "$.email"),
        ({"email": "victim;b@example.org"}, "$.email"),
        ({"email": "victim@[192.0.2.1]"}, "$.email"),
        ({"email": "back\\slash@example.org"}, "$.email"),
        ({"email": "\u202evictim@example.org"}, "$.email"),
        ({"email": "vic\u200btim@example.org"}, "$.email"),
        ({"email": "m\u00fcller@example.org"}, "$.email"),
        ({"email": "victim@exa\u00admple.org"}, "$.email"),
        ({"email": "victim@ex\u00e4mple.org"}, "$.email"),
        ({"email": "victim@example\u3002org"}, "$.email"),
        ({"email": "victim@\u212a.example.org"}, "$.email"),
        ({"email": "victim@example.org."}, "$.email"),
        ({"email": "victim@-example.org"}, "$.email"),
        ({"email": "victim@exam_ple.org"}, "$.email"),
        ({"email": "victim@xn--\u00e4.org"}, "$.email"),
        ({"email": "victim@xn--99999999999.org"}, "$.email"),
        ({"email": f"victim@{'x' * 64}.org"}, "$.email"),
        ({"username": None}, "$.username"),
        ({"role": "admin"}, "$"),
        ({"id": "chosen"}, "$"),
    ],
)
def test_a_registration_that_does_not_fit_names_its_field(api: Api, changed: dict[str, Any], path: str) -> None:
    """Fields of the wrong kind, length or form, and fields that do not exist, are a 422 that names where."""
    refused = api("POST", "/v1/users", json=_registration(_fresh_name(), **changed))
    assert (refused.status, refused.problem) == (422, "invalid-request")
    assert refused.json["errors"][0]["path"] == path


@pytest.mark.parametrize(
    "email", ["First.Last+tag@Example.ORG", "o'hara_=/{}@xn--exmple-cua.org", "x@xn--strae-oqa.de", "root@localhost"]
)
def test_every_plain_address_is_taken(api: Api, email: str) -> None:
    """What needs no quotation is an address, and so is a domain of other letters in its form of ASCII."""
    assert api("POST", "/v1/users", json=_registration(_fresh_name(), email=email)).json["email"] == email


def test_names_of_other_scripts_are_names(api: Api) -> None:
    """Letters of any script are seen, also those that look like Latin ones."""
    for name in ("\u0430lice", "\uae40\ucca0\uc218", "\u0639\u0645\u0631"):
        assert api("POST", "/v1/users", json=_registration(f"{name}-{uuid.uuid4().hex}")).status == 201


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 60_000, b'{"username": NaN}', b"null garbage"])
def test_what_is_not_json_is_a_400(api: Api, body: bytes) -> None:
    """A body that cannot be read as JSON is a 400, however deep or broken it is."""
    refused = api("POST", "/v1/users", body=body, headers={"Content-Type": "application/json"})
    assert (refused.status, refused.problem) == (400, "invalid-json")


@pytest.mark.parametrize("number", [b"18446744073709551616", b"9" * 60_000, b"-" + b"9" * 400])
def test_a_number_larger_than_any_is_a_422(api: Api, number: bytes) -> None:
    """A number of any length in the place of a text is told like every other value that does not fit."""
    body = b'{"username": ' + number + b', "password": "x"}'
    refused = api("POST", "/v1/tokens", body=body, headers={"Content-Type": "application/json"})
    assert (refused.status, refused.problem) == (422, "invalid-request")


def test_an_unknown_user_and_a_wrong_password_answer_alike(api: Api, bowler: Bowler) -> None:
    """Nothing in the answer tells whether the username exists."""
    wrong = api("POST", "/v1/tokens", json={"username": bowler.username, "password": "not this one"})
    unknown = api("POST", "/v1/tokens", json={"username": _fresh_name(), "password": "not this one"})
    assert (wrong.status, wrong.problem) == (401, "wrong-password")
    assert wrong.data == unknown.data


def test_a_name_that_no_key_holds_is_an_unknown_user(api: Api) -> None:
    """A username that folds to more bytes than a key of the database holds is answered as any unknown one."""
    refused = api("POST", "/v1/tokens", json={"username": "\ufdfa" * 256, "password": PASSWORD})
    assert (refused.status, refused.problem) == (401, "wrong-password")


def test_every_character_of_a_password_counts() -> None:
    """Passwords that differ beyond 72 bytes differ, and the same word in another normal form is the same."""
    kept = hash_password("x" * 100)
    assert verify_password(kept, "x" * 100)
    assert not verify_password(kept, "x" * 101)
    assert verify_password(hash_password("caf\u00e9 au lait"), "cafe\u0301 au lait")
    assert not verify_password(None, "x" * 100)


def test_a_weaker_hash_is_replaced_at_login(api: Api, bowler: Bowler) -> None:
    """A password hash of older parameters is made anew when its user logs in, with OWASP's parameters."""
    user_id = store.find_user_id(names.fold_username(bowler.username))
    assert user_id is not None
    user = store.find_user(user_id)
    assert user is not None
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in user.password_hash
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    user.update(actions=[UserItem.password_hash.set(weak)])
    assert api("POST", "/v1/tokens", json={"username": bowler.username, "password": PASSWORD}).status == 200
    strengthened = store.find_user(user_id)
    assert strengthened is not None
    assert not needs_rehash(strengthened.password_hash)


def test_a_refresh_token_works_once_and_gives_the_next(api: Api, bowler: Bowler) -> None:
    """Each refresh voids its token and gives a new pair; the chain goes on."""
    second = api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token})
    assert second.status == 200
    assert second.json["refresh_token"] != bowler.refresh_token
    third = api("POST", "/v1/tokens/refresh", json={"refresh_token": second.json["refresh_token"]})
    assert third.status == 200
    assert api("GET", "/v1/captures", token=third.json["access_token"]).status == 200


def test_a_lost_reply_can_be_asked_again(api: Api, bowler: Bowler) -> None:
    """Within the grace the same token gives a fresh successor, as often as the reply is lost, and the login goes on."""
    given = [api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}) for _ in range(4)]
    assert [answer.status for answer in given] == [200] * 4
    assert [_token_item(answer.json["refresh_token"]).voided_at is None for answer in given] == [False] * 3 + [True]
    last = given[-1].json["refresh_token"]
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": last}).status == 200


@pytest.mark.parametrize("number", [0, 1])
def test_a_lost_token_that_is_used_ends_the_login(api: Api, bowler: Bowler, number: int) -> None:
    """Nobody has a reply that was lost: where its token comes back two hold the login, and neither goes on with it."""
    body = {"refresh_token": bowler.refresh_token}
    given = [api("POST", "/v1/tokens/refresh", json=body).json["refresh_token"] for _ in range(3)]
    used = api("POST", "/v1/tokens/refresh", json={"refresh_token": given[number]})
    assert (used.status, used.problem) == (401, "refresh-token-invalid")
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": given[-1]}).status == 401
    item = _token_item(bowler.refresh_token)
    assert LoginItem.get(user_key(item.user_id), f"LOGIN#{item.login_id}").ended_at is not None


def test_a_token_used_again_after_the_grace_ends_the_login(api: Api, bowler: Bowler) -> None:
    """Reuse shows that two hold the token, so neither it nor any later token of the login works."""
    newer = api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).json["refresh_token"]
    _token_item(bowler.refresh_token).update(actions=[RefreshItem.rotated_at.set(RefreshItem.rotated_at - 11)])
    reused = api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token})
    assert (reused.status, reused.problem) == (401, "refresh-token-invalid")
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": newer}).status == 401


def test_a_token_used_again_after_its_successor_ends_the_login(api: Api, bowler: Bowler) -> None:
    """Once the successor was used, its predecessor shows a theft, also within the grace."""
    second = api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).json["refresh_token"]
    third = api("POST", "/v1/tokens/refresh", json={"refresh_token": second}).json["refresh_token"]
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).status == 401
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": third}).status == 401


def test_racing_refreshes_leave_one_chain(api: Api, bowler: Bowler) -> None:
    """Refreshes of one token at the same moment end with exactly one token that works, and the login goes on."""
    with ThreadPoolExecutor(8) as pool:
        body = {"refresh_token": bowler.refresh_token}
        answers = list(pool.map(lambda _: api("POST", "/v1/tokens/refresh", json=body), range(8)))
    given = [answer.json["refresh_token"] for answer in answers if answer.status == 200]
    (in_force,) = [token for token in given if _token_item(token).voided_at is None]
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": in_force}).status == 200


def test_an_expired_refresh_token_is_refused(api: Api, bowler: Bowler) -> None:
    """The end that was set at login holds, whether or not the database has removed the item yet."""
    _token_item(bowler.refresh_token).update(actions=[RefreshItem.expires_at.set(1)])
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).status == 401


def test_an_ended_login_cannot_be_refreshed(api: Api, bowler: Bowler) -> None:
    """A login that has ended gives no tokens, though its refresh token was never used."""
    item = _token_item(bowler.refresh_token)
    login_store.end_login(item.user_id, item.login_id, "2026-01-01T00:00:00+00:00")
    assert LoginItem.get(user_key(item.user_id), f"LOGIN#{item.login_id}").ended_at is not None
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).status == 401


def test_secrets_are_kept_as_hashes_only(bowler: Bowler) -> None:
    """Neither a refresh token nor a bridge's credential nor a password stands in any item of the table."""
    credential = bowler("POST", "/v1/bridges", json={"name": "lane 7"}).json["credential"]
    client = boto3.client("dynamodb", region_name=settings().region)
    text = repr(client.scan(TableName=settings().accounts_table))
    client.close()
    assert bowler.username in text
    assert bowler.refresh_token not in text
    assert credential not in text
    assert PASSWORD not in text


def test_a_bridge_gets_a_credential_of_its_own(bowler: Bowler) -> None:
    """A bridge can be made with a name, without one and without a body; each has another credential."""
    made = [
        bowler("POST", "/v1/bridges", json={"name": "lane 7"}),
        bowler("POST", "/v1/bridges", json={}),
        bowler("POST", "/v1/bridges"),
    ]
    assert [answer.status for answer in made] == [201] * 3
    assert made[0].json["name"] == "lane 7"
    assert len({answer.json["credential"] for answer in made}) == 3


def test_a_bridge_only_uploads(api: Api, bowler: Bowler, new_bowler: Callable[[], Bowler], capture: bytes) -> None:
    """A bridge's credential makes nothing but captures, in its owner's account, and reads no list and no bytes."""
    credential = bowler("POST", "/v1/bridges", json={}).json["credential"]
    for method, path in [
        ("GET", "/v1/captures"),
        ("GET", f"/v1/captures/{'0' * 64}/raw"),
        ("GET", f"/v1/captures/{'0' * 64}/metrics"),
        ("GET", "/v1/bridges"),
        ("POST", "/v1/bridges"),
    ]:
        refused = api(method, path, token=credential)
        assert (refused.status, refused.problem) == (403, "not-permitted")
    kept = Bowler(api, bowler.username, credential, "").post_capture(capture)
    assert kept.status == 201
    assert new_bowler()("GET", f"/v1/captures/{kept.json['id']}").status == 404


@pytest.mark.parametrize("credential", ["rmb_unknown", "rmr_unknown", "", "a b c", "x" * 9_000])
def test_an_unknown_credential_is_a_401(api: Api, credential: str) -> None:
    """Whatever is no credential is refused, with a challenge."""
    refused = api("GET", "/v1/captures", token=credential)
    assert (refused.status, refused.problem) == (401, "not-authenticated")
    assert refused.headers["www-authenticate"].startswith("Bearer")
