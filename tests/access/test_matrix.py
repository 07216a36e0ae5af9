"""Every operation, tried by everyone, on every kind of object: what is not allowed looks like what is not there."""

import itertools
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from chalicelib.operation import OPERATIONS, Operation, Scope
from chalicelib.scorebook.entry_types import ENTRY_TYPES
from chalicelib.web import Routes
from local_cloud.cloud import LocalCloud
from tests.access.cast import (
    ANONYMOUS,
    BRIDGES,
    DELETED,
    ENDED,
    IDENTITIES,
    STRANGERS,
    Cast,
    add_bridge,
    claim,
    keep,
    log_in,
    make_cast,
)
from tests.access.cast import new_capture as another_capture
from tests.access.rows import ROWS
from tests.api import PASSWORD, Answer, Api, Bowler, upload_headers
from tests.chalicelib.wire import Wire

OF_BRIDGES = (Scope.BRIDGE, Scope.USER_OR_BRIDGE)
NOT_COMPARED = {"date", "x-request-id"}


@pytest.fixture(scope="module")
def cast(cloud: LocalCloud, api: Api) -> Cast:
    """Everyone, made once."""
    number = iter(range(10_000))

    def new_bowler() -> Bowler:
        username = f"access-{id(number)}-{next(number)}"
        fields = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
        assert api("POST", "/v1/users", json=fields).status == 201
        tokens = api("POST", "/v1/tokens", json={"username": username, "password": PASSWORD}).json
        return Bowler(api, username, tokens["access_token"], tokens["refresh_token"])

    return make_cast(cloud, api, new_bowler)


def send(cast: Cast, operation: Operation, who: str, identifiers: dict[str, str]) -> Answer:
    """Try an operation as someone, with a body that is right."""
    row = ROWS[operation.name]
    content: dict[str, Any] = {}
    if row.content is not None:
        content = row.content(cast)
    elif operation.request is not None:
        content = {"json": msgspec.to_builtins(operation.example)}
    return cast.api(operation.method, operation.path.format(**identifiers), token=cast.credentials[who], **content)


def identifiers_of(operation: Operation, ids: Mapping[str, str]) -> dict[str, str]:
    """Return the path's parameters of an operation, by kind."""
    return {name: ids.get(name, "start.js") for name in re.findall(r"\{(\w+)\}", operation.path)}


@pytest.mark.usefixtures("cast")
def test_every_operation_has_a_row() -> None:
    """An operation without a row, and a row without an operation, fail; an object in a path has its kind told."""
    kinds = {operation.name: re.findall(r"\{(\w+)\}", operation.path) for operation in OPERATIONS}
    assert kinds == {name: [row.kind] if row.kind else [] for name, row in ROWS.items()}


def test_a_route_without_a_scope_cannot_be_declared() -> None:
    """Nothing is open by omission: who may call has to be said."""

    def nobody(_: str, __: Operation) -> Any:
        raise AssertionError

    with pytest.raises(TypeError, match="scope"):
        Routes("none", nobody, "none").get("/v1/none", response=None)


def do(cast: Cast, operation: Operation) -> Answer:
    """Do an operation as whoever may."""
    attempt = ROWS[operation.name].attempt(cast)
    path = operation.path.format(**attempt.parameters)
    return cast.api(operation.method, path, token=attempt.credential, **attempt.content)


def test_whoever_it_is_for_can_do_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation succeeds for the one who may do it, and none of them makes a Scan.

    So the refusals below are not those of requests that nobody could make.
    """
    wire = Wire(monkeypatch)
    statuses = [(operation, do(cast, operation).status) for operation in OPERATIONS]
    failed = {operation.name: status for operation, status in statuses if status not in operation.answers}
    assert failed == {}
    made = {call.operation for call in wire.calls}
    assert {"Query", "GetItem", "TransactWriteItems", "PutObject"} <= made
    assert "Scan" not in made


def expected_refusal(operation: Operation, who: str) -> int | None:
    """Return the status that a scope alone decides, None where it lets someone pass."""
    if operation.scope is Scope.PUBLIC:
        return None
    if who == ANONYMOUS:
        return 401
    is_checked = operation.login_checked or operation.scope is Scope.ADMIN
    if who in (ENDED, DELETED) and is_checked:
        return 401
    if who in BRIDGES and operation.scope not in OF_BRIDGES:
        return 403
    if who not in BRIDGES and operation.scope is Scope.BRIDGE:
        return 403
    return 403 if operation.scope is Scope.ADMIN and who != "admin" else None


def test_a_scope_refuses_everyone_else(cast: Cast) -> None:
    """Whom a scope leaves out is refused before anything is looked at: what is there looks like what is not."""
    wrong = {}
    for operation, who in itertools.product(OPERATIONS, IDENTITIES):
        if (expected := expected_refusal(operation, who)) is not None:
            there = send(cast, operation, who, identifiers_of(operation, cast.owned))
            missing = send(cast, operation, who, identifiers_of(operation, cast.missing))
            if there.status != expected or told(there, cast) != told(missing, cast):
                wrong[operation.name, who] = (expected, told(there, cast), told(missing, cast))
    assert wrong == {}


def told(answer: Answer, cast: Cast) -> tuple[int, dict[str, str], str]:
    """Return what an answer tells: status, headers apart from ids and dates, and the body with ids made one."""
    body = answer.data.decode("latin-1")
    for ids in (cast.owned, cast.missing):
        for name, value in ids.items():
            body = body.replace(value, f"<{name}>")
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in NOT_COMPARED}
    return answer.status, headers, body


def test_a_foreign_object_is_a_missing_one(cast: Cast) -> None:
    """Status, headers and body do not tell another's object from one that there is not."""
    wrong, tried = {}, set()
    for operation, who in itertools.product(OPERATIONS, STRANGERS):
        kind = ROWS[operation.name].kind
        is_admins = operation.scope is Scope.ADMIN
        if kind in cast.owned and not is_admins and expected_refusal(operation, who) is None:
            foreign = send(cast, operation, who, identifiers_of(operation, cast.owned))
            missing = send(cast, operation, who, identifiers_of(operation, cast.missing))
            tried.add(kind)
            if foreign.status != 404 or told(foreign, cast) != told(missing, cast):
                wrong[operation.name, who] = (told(foreign, cast), told(missing, cast))
    assert wrong == {}
    entries = {f"{kind}_id" for kind in ENTRY_TYPES}
    assert tried == {"capture_id", "serial", "bridge_id", "login_id"} | entries


def test_nothing_happened_to_the_owners_objects(cast: Cast) -> None:
    """After everyone's attempts above, all that the owner had is there, as it was."""
    assert cast.owner("GET", f"/v1/captures/{cast.owned['capture_id']}/raw").data == cast.capture
    device = cast.owner("GET", f"/v1/devices/{cast.owned['serial']}").json
    assert (device["name"], device["until"]) == ("blue", None)
    assert cast.owned["bridge_id"] in [each["id"] for each in cast.owner("GET", "/v1/bridges").json["items"]]
    assert cast.api("GET", "/v1/bridges/me", token=cast.credentials["the owner's bridge"]).status == 200
    assert cast.owned["login_id"] in [each["id"] for each in cast.owner("GET", "/v1/users/me/logins").json["items"]]
    assert cast.owner("GET", "/v1/users/me").json["first_name"] != "Eve"


@pytest.mark.parametrize("who", ["another bowler", "researcher", "admin", DELETED, ENDED])
def test_lists_hold_ones_own_alone(cast: Cast, who: str) -> None:
    """No list of anyone else's holds an object of the owner's; a deleted user's is empty or refused."""
    lists = [
        each for each in OPERATIONS if each.method == "GET" and each.scope is Scope.USER and not ROWS[each.name].kind
    ]
    assert len(lists) >= 6
    for operation in lists:
        answer = send(cast, operation, who, {})
        assert [value for value in cast.owned.values() if value in answer.data.decode()] == [], operation.name
        if who == DELETED and answer.status == 200:
            assert answer.json["items"] == [], operation.name


def test_a_deleted_user_makes_nothing(cast: Cast) -> None:
    """A token that is still alive when its account was deleted writes nothing."""
    written = {}
    for operation in OPERATIONS:
        if operation.scope is not Scope.PUBLIC and operation.method != "GET":
            answer = send(cast, operation, DELETED, identifiers_of(operation, cast.missing))
            if answer.status not in (401, 403, 404):
                written[operation.name] = (answer.status, answer.data)
    # Logging out ends a login, if there is one; it makes nothing.
    assert written == {"log_out": (204, b"")}


def test_the_same_bytes_tell_nothing_of_another_who_has_them(cast: Cast) -> None:
    """Posting, or asking leave for, a capture that another has is as new as one that nobody has."""
    wanted = {"sha256": cast.owned["capture_id"], "size_bytes": len(cast.capture)}
    assert cast.other("POST", "/v1/captures/uploads", json=wanted).status == 201
    posted = cast.other("POST", "/v1/captures", body=cast.capture, headers=upload_headers(cast.capture))
    assert posted.status == 201
    unknown = another_capture()
    assert cast.other("POST", "/v1/captures", body=unknown, headers=upload_headers(unknown)).status == 201


@pytest.mark.parametrize("path", ["/v1/captures", "/v1/devices", "/v1/bridges", "/v1/users/me/logins"])
def test_another_ones_cursor_is_a_place_in_ones_own_list(cast: Cast, path: str) -> None:
    """A cursor names a position, never whose list it is: with the owner's, a stranger sees own things alone."""
    bowler = cast.new_bowler()
    for _ in range(2):
        claim(bowler)
        add_bridge(bowler)
        log_in(bowler)
        keep(bowler, another_capture())
    page = bowler("GET", f"{path}?limit=1").json
    assert page["next"] is not None
    theirs = bowler("GET", f"{path}?limit=100").data.decode()
    seen = cast.other("GET", f"{path}?cursor={page['next']}")
    assert seen.status == 200
    for item in seen.json["items"]:
        assert str(item.get("id") or item["serial"]) not in theirs
