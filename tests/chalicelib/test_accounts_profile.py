"""One's own profile over HTTP: shown, changed under preconditions, and nothing else with it."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from msgspec.inspect import type_info

from chalicelib.accounts import audit, names, store
from chalicelib.accounts.items import UserItem
from chalicelib.administration.grant_admin import grant_admin
from chalicelib.operation import OPERATIONS
from tests.api import PASSWORD, Answer, Api, Bowler

ME = "/v1/users/me"


def _me(bowler: Bowler) -> tuple[dict[str, Any], str]:
    answer = bowler("GET", ME)
    assert answer.status == 200
    return answer.json, answer.headers["etag"]


def _patch(bowler: Bowler, etag: str | None = "*", /, **changed: Any) -> Answer:
    return bowler("PATCH", ME, json=changed, headers={} if etag is None else {"If-Match": etag})


def test_a_registration_may_tell_more(api: Api) -> None:
    """Names, phone and handedness are kept as they were given, the role is bowler, the address is not confirmed."""
    username = f"full-{uuid.uuid4().hex}"
    given = {"first_name": "Zoë", "last_name": "O'Hara", "phone": "+1 717 555 0100", "handedness": "both"}
    whole = {"username": username, "email": "zoe@example.org", "password": PASSWORD, **given}
    made = api("POST", "/v1/users", json=whole)
    assert made.status == 201
    assert {name: made.json[name] for name in given} == given
    assert (made.json["role"], made.json["email_verified_at"]) == ("bowler", None)


def test_left_out_stays_and_null_clears(bowler: Bowler) -> None:
    """A change touches the fields that it names; null clears those that may be empty; the version counts up."""
    _, first = _me(bowler)
    changed = _patch(bowler, first, first_name="Ada", handedness="left", phone="717-555-0100")
    assert changed.status == 200
    cleared = _patch(bowler, changed.headers["etag"], phone=None)
    assert (cleared.json["first_name"], cleared.json["handedness"], cleared.json["phone"]) == ("Ada", "left", None)
    assert cleared.json == _me(bowler)[0]
    assert len({first, changed.headers["etag"], cleared.headers["etag"]}) == 3


def test_nothing_to_change_changes_nothing(bowler: Bowler) -> None:
    """An empty change answers the profile with the version that it had."""
    before, etag = _me(bowler)
    answer = _patch(bowler, etag)
    assert (answer.status, answer.json, answer.headers["etag"]) == (200, before, etag)


def test_a_change_names_its_version(bowler: Bowler) -> None:
    """Without If-Match 428, with an older version 412, and neither changes anything."""
    before, etag = _me(bowler)
    assert _patch(bowler, None, first_name="Ada").status == 428
    newer = _patch(bowler, etag, last_name="Lane")
    assert _patch(bowler, etag, first_name="Ada").status == 412
    assert _me(bowler)[0] == {**before, "last_name": "Lane", "updated_at": newer.json["updated_at"]}


@pytest.mark.parametrize("field", ["username", "email", "accepts_lane_bridges"])
def test_what_cannot_be_empty_is_not_cleared(bowler: Bowler, field: str) -> None:
    """Null for what every user has is a 422 that names it."""
    refused = _patch(bowler, **{field: None})
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, f"$.{field}")


@pytest.mark.parametrize(
    "field",
    [
        "id",
        "role",
        "version",
        "state",
        "locked_at",
        "email_verified_at",
        "verified_email",
        "created_at",
        "updated_at",
        "password",
        "password_hash",
        "pseudonym",
    ],
)
def test_nobody_sets_what_is_the_servers(api: Api, bowler: Bowler, field: str) -> None:
    """Fields that the server alone sets are refused, at registration and in a change."""
    before, _ = _me(bowler)
    assert _patch(bowler, **{field: "admin"}).status == 422
    if field != "password":
        whole = {"username": f"x{uuid.uuid4().hex}", "email": "x@example.org", "password": PASSWORD, field: "admin"}
        assert api("POST", "/v1/users", json=whole).status == 422
    assert _me(bowler)[0] == before


def _structs(kind: msgspec.inspect.Type) -> Iterator[msgspec.inspect.StructType]:
    """Yield the structs that a type is made of."""
    if isinstance(kind, msgspec.inspect.StructType):
        yield kind
        for field in kind.fields:
            yield from _structs(field.type)
    elif isinstance(kind, msgspec.inspect.Metadata):
        yield from _structs(kind.type)
    elif isinstance(kind, msgspec.inspect.UnionType):
        yield from (struct for part in kind.types for struct in _structs(part))
    elif isinstance(kind, msgspec.inspect.CollectionType | msgspec.inspect.VarTupleType):
        yield from _structs(kind.item_type)
    elif isinstance(kind, msgspec.inspect.DictType):
        yield from _structs(kind.value_type)
    else:
        assert not isinstance(kind, msgspec.inspect.TupleType | msgspec.inspect.DataclassType), (
            "look into these as well"
        )


def test_every_body_refuses_what_it_does_not_know(api: Api) -> None:
    """Unknown fields are refused in the body of every operation, and in each object within it."""
    assert api.url
    asked = {operation.name: operation.request for operation in OPERATIONS}
    bodies = {name: request for name, request in asked.items() if request not in (None, bytes)}
    assert len(bodies) > 15
    structs = [(name, struct) for name, request in bodies.items() for struct in _structs(type_info(request))]
    assert {name for name, _ in structs} == set(bodies)
    assert [(name, struct.cls.__name__) for name, struct in structs if not struct.forbid_unknown_fields] == []
    # Objects within bodies are looked into as well.
    assert len(structs) > len(bodies)


@pytest.mark.parametrize(
    "changed",
    [
        {"username": " padded"},
        {"username": "zero\u200bwidth"},
        {"email": "nobody"},
        {"handedness": "feet"},
        {"phone": "call me"},
        {"phone": "1"},
        {"first_name": ""},
        {"last_name": "x" * 101},
        {"first_name": "a\nb"},
        {"accepts_lane_bridges": "yes"},
    ],
)
def test_a_change_that_does_not_fit_is_refused(bowler: Bowler, changed: dict[str, Any]) -> None:
    """A value of the wrong kind, length or form is a 422 that names its field."""
    refused = _patch(bowler, **changed)
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, f"$.{next(iter(changed))}")


def test_a_username_changes_hands(api: Api, bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """After a change the new name logs in, the old one is free for others, and a taken one is a 409."""
    other = new_bowler()
    assert _patch(bowler, username=other.username.upper()).problem == "username-taken"
    assert _me(bowler)[0]["username"] == bowler.username
    renamed = f"renamed-{uuid.uuid4().hex}"
    assert _patch(bowler, username=renamed).json["username"] == renamed
    assert api("POST", "/v1/tokens", json={"username": bowler.username, "password": PASSWORD}).status == 401
    assert api("POST", "/v1/tokens", json={"username": renamed, "password": PASSWORD}).status == 200
    assert _patch(other, username=bowler.username).status == 200


def test_other_capitals_are_no_other_name(bowler: Bowler) -> None:
    """One's own name may be written in other capitals."""
    assert _patch(bowler, username=bowler.username.upper()).json["username"] == bowler.username.upper()
    assert store.find_user_id(names.fold_username(bowler.username)) == _me(bowler)[0]["id"]


def test_what_an_admin_changes_is_another_version(bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """A role, a lock and an unlock count the version up: an ETag of before is none of what is shown now."""
    admin, (me, before) = new_bowler(), _me(bowler)
    assert grant_admin(admin.username)
    path = f"/v1/admin/users/{me['id']}"
    seen = [before]
    assert admin("PUT", f"{path}/role", json={"role": "researcher"}).status == 200
    now, etag = _me(bowler)
    assert now["role"] == "researcher"
    assert _patch(bowler, before, first_name="Ada").status == 412
    seen.append(etag)
    for action in ("lock", "unlock"):
        assert admin("POST", f"{path}/{action}").status == 200
        seen.append(_me(bowler)[1])
    assert len(set(seen)) == 4


def test_an_admins_change_and_the_users_own_both_happen(bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """Roles that are given while the user changes the profile are all given, and each change is one version."""
    admin, (me, _) = new_bowler(), _me(bowler)
    assert grant_admin(admin.username)

    def change(number: int) -> int:
        if number % 2:
            return _patch(bowler, first_name=f"Ada {number}").status
        return admin("PUT", f"/v1/admin/users/{me['id']}/role", json={"role": "researcher"}).status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(change, range(8)))
    assert statuses[::2] == [200] * 4
    user = store.find_user(me["id"])
    assert user is not None
    assert int(user.version) == 1 + statuses.count(200)


def test_a_user_of_before_versions_gets_the_second_one(bowler: Bowler) -> None:
    """A user without a version has the first; what an admin changes makes it the second."""
    user_id = _me(bowler)[0]["id"]
    store.update_user(user_id, [UserItem.version.remove()])
    user = store.find_user(user_id)
    assert user is not None
    store.manage_user(user_id, [UserItem.role.set("researcher")], audit.record(user, "set_role", audit.DONE, user))
    changed = store.find_user(user_id)
    assert changed is not None
    assert int(changed.version) == 2


def test_a_username_of_before_todays_rules_stays(bowler: Bowler) -> None:
    """Whoever has a name with an invisible character keeps it through other changes, and cannot take another such."""
    old = f"{bowler.username}\u3164"
    store.update_user(_me(bowler)[0]["id"], [UserItem.username.set(old)])
    assert _patch(bowler, username=old, first_name="Ada").json["username"] == old
    assert _patch(bowler, username=f"{old}x").status == 422


def test_racing_changes_of_one_version_have_one_winner(bowler: Bowler) -> None:
    """Of eight changes of the same version one is done, and the profile is that one's."""
    _, etag = _me(bowler)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: _patch(bowler, etag, first_name=f"Ada {number}"), range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7
    (winner,) = [answer for answer in answers if answer.status == 200]
    assert _me(bowler)[0] == winner.json


def test_racing_for_one_username_has_one_winner(new_bowler: Callable[[], Bowler]) -> None:
    """Of several users who take one name at the same moment one has it."""
    bowlers = [new_bowler() for _ in range(4)]
    wanted = f"wanted-{uuid.uuid4().hex}"
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda bowler: _patch(bowler, username=wanted).status, bowlers))
    assert sorted(statuses) == [200, 409, 409, 409]
    assert [_me(bowler)[0]["username"] for bowler in bowlers].count(wanted) == 1
