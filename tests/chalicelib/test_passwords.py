"""Passwords: which are refused, and that every character of the others counts."""

import unicodedata
import uuid
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.accounts import passwords
from chalicelib.accounts.passwords import check_password, hash_password, is_common, verify_password
from chalicelib.errors import InvalidRequest
from tests.api import PASSWORD, Answer, Api, Bowler

LONG = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=1024)


def _register(api: Api, password: Any, **changed: Any) -> Answer:
    name = f"pw-{uuid.uuid4().hex}"
    body = {"username": name, "email": f"{name}@example.org", "password": password, **changed}
    return api("POST", "/v1/users", json=body)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little work: what a hash covers does not depend on how much it costs."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.mark.parametrize("password", ["12345678", "PASSWORD", "Qwertyuiop", "iloveyou1", "football", "p\uff41ssword"])
def test_common_passwords_are_refused(api: Api, password: str) -> None:
    """What is tried first is refused in whatever capitals or width, and the answer names the field."""
    refused = _register(api, password)
    assert (refused.status, refused.problem) == (422, "invalid-request")
    assert refused.json["errors"][0]["path"] == "$.password"


def test_the_list_is_long_and_folded() -> None:
    """More than 10,000 passwords of 8 characters or more are on it, each in the form in which it is looked up."""
    words = passwords._common().decode().strip("\n").split("\n")
    assert len(words) > 40_000
    assert all(passwords._folded(word) == word and len(word) >= 8 for word in words)
    assert is_common(words[0])
    assert is_common(words[-1])
    assert not is_common(words[0] + "\n" + words[1])
    assert not is_common(PASSWORD)


@pytest.mark.parametrize("password", ["{name}", "{NAME}", "{email}", "{local}", "{LOCAL}"])
def test_ones_own_names_are_no_password(api: Api, password: str) -> None:
    """The username, the address and what stands before its @, in whatever capitals, are refused."""
    name = f"own-{uuid.uuid4().hex}"
    words = {"{name}": name, "{NAME}": name.upper(), "{email}": f"mail-{name}@example.org"}
    words |= {"{local}": f"mail-{name}", "{LOCAL}": f"MAIL-{name}"}
    refused = _register(api, words[password], username=name, email=words["{email}"])
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.password")


def test_a_new_password_is_held_to_the_same_rules(bowler: Bowler) -> None:
    """A change refuses what a registration refuses, and changes nothing."""
    for new in ("short", "12345678", bowler.username):
        body = {"current_password": PASSWORD, "new_password": new}
        refused = bowler("PUT", "/v1/users/me/password", json=body)
        assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.new_password")


@pytest.mark.parametrize(
    "password",
    ["no digits no capitals", "\U0001f3b3" * 8, "пароль из слов", "x" * 1024 + "", "        ", "\u0000" * 7 + "nul"],
    ids=["plain words", "emoji", "Cyrillic", "1024 long", "spaces", "control characters"],
)
def test_nothing_is_asked_of_the_composition(api: Api, password: str) -> None:
    """Any characters do, from 8 of them to 1,024."""
    name = f"any-{uuid.uuid4().hex}"
    assert _register(api, password, username=name).status == 201
    assert api("POST", "/v1/tokens", json={"username": name, "password": password}).status == 200


@pytest.mark.parametrize("password", ["seven77", "x" * 1025, "e\u0301" * 4, "", "\ufdfa"[:1]])
def test_too_short_and_too_long_are_refused(api: Api, password: str) -> None:
    """Below 8 characters, counted once normalised, and above 1,024 is a 422."""
    refused = _register(api, password)
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.password")


@settings(max_examples=60, deadline=None)
@given(password=LONG, other=LONG)
def test_every_character_counts(password: str, other: str) -> None:
    """A hash fits its own password and no longer or shorter one, and no other, whatever the characters."""
    with pytest.MonkeyPatch.context() as patched:
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patched.setattr(passwords, "_hasher", hasher)
        kept = hash_password(password)
        assert verify_password(kept, password)
        assert not verify_password(kept, password + "x")
        assert not verify_password(kept, password[:-1])
        is_same = unicodedata.normalize("NFKC", password) == unicodedata.normalize("NFKC", other)
        assert verify_password(kept, other) is is_same


@settings(max_examples=200, deadline=None)
@given(password=LONG)
@example("ALICE@example.org")
def test_a_password_is_refused_for_a_reason_or_taken(password: str) -> None:
    """Whatever is sent, the rules give an answer that names the field, or none."""
    normal = unicodedata.normalize("NFKC", password)
    is_own = unicodedata.normalize("NFKC", normal.casefold()) in {"alice123", "alice@example.org", "alice"}
    if is_common(password) or len(normal) < 8 or is_own:
        with pytest.raises(InvalidRequest) as refusal:
            check_password(password, "$.password", "alice123", "alice@example.org")
        assert [error.path for error in refusal.value.errors] == ["$.password"]
    else:
        check_password(password, "$.password", "alice123", "alice@example.org")


@pytest.mark.usefixtures("quick")
def test_passwords_differ_beyond_seventy_two_bytes() -> None:
    """A longer password is another one, where bcrypt would have stopped reading."""
    for length in (71, 72, 73, 1023):
        assert not verify_password(hash_password("x" * length), "x" * (length + 1))


def test_a_hash_costs_what_owasp_asks_for() -> None:
    """Argon2id with at least 19 MiB, two passes, one lane."""
    found = extract_parameters(hash_password("long enough"))
    assert found.type.name == "ID"
    assert (found.memory_cost >= 19 * 1024, found.time_cost >= 2, found.parallelism) == (True, True, 1)
    decoy = extract_parameters(passwords._NOBODYS_HASH)
    assert (decoy.memory_cost, decoy.time_cost) == (found.memory_cost, found.time_cost)
