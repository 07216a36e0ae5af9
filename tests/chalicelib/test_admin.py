"""Administration over HTTP: who may, what it does, and that all of it is on record."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from chalicelib.accounts import audit, audit_store, names, store, throttling
from chalicelib.accounts.items import AuditItem, UserItem, UsernameItem
from chalicelib.administration import grant_admin, listing_store
from chalicelib.devices.items import NOBODY, HolderItem
from chalicelib.devices.store import device_key
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.lists import encode_position
from chalicelib.operation import OPERATIONS, Scope
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler
from tests.chalicelib.lanes import new_serial

PROJECT = Path(__file__).parents[2]


def user_id(bowler: Bowler) -> str:
    """Return the id of a user."""
    return str(bowler("GET", "/v1/users/me").json["id"])


@pytest.fixture
def admin(new_bowler: Callable[[], Bowler]) -> Bowler:
    """An admin, logged in before the role was given: it is read at each call."""
    made = new_bowler()
    assert grant_admin.grant_admin(made.username)
    return made


def _records(**wanted: str | None) -> list[AuditItem]:
    found, before = [], None
    while True:
        items, before = audit_store.records_of(datetime.now(UTC).date().isoformat(), 100, before)
        found += [item for item in items if all(getattr(item, name) == value for name, value in wanted.items())]
        if before is None:
            return found


def _pseudonym(bowler: Bowler) -> str:
    user = store.find_user(store.find_user_id(names.fold_username(bowler.username)) or "")
    assert user is not None
    return str(user.pseudonym)


def _admin_operations() -> list[tuple[str, str, str]]:
    wanted = [operation for operation in OPERATIONS if operation.scope is Scope.ADMIN]
    ids = {"user_id": str(uuid.uuid4()), "serial": "SD-000123"}
    return [(each.method, each.path.format(**ids), each.name) for each in wanted]


def test_only_admins_administer(api: Api, bowler: Bowler) -> None:
    """Bowlers and bridges are refused on every admin route, on record; whoever sends nothing is asked to log in."""
    bridge = bowler("POST", "/v1/bridges", json={}).json["credential"]
    assert len(_admin_operations()) >= 8
    for method, path, name in _admin_operations():
        for credential in (bowler.token, bridge):
            refused = api(method, path, token=credential, json={})
            assert (refused.status, refused.problem) == (403, "not-permitted")
        assert api(method, path, json={}).status == 401
        assert len(_records(actor=_pseudonym(bowler), action=name, outcome="denied")) == 2


def test_denials_on_record_are_bounded(api: Api, bowler: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many denials of an hour stand one by one, then one record says that there are more; all are refused."""
    monkeypatch.setattr(throttling, "DENIALS_AN_HOUR", 3)
    bridge = bowler("POST", "/v1/bridges", json={}).json["credential"]
    for credential in (bowler.token, bridge) * 4:
        assert api("GET", "/v1/admin/users", token=credential).problem == "not-permitted"
    denied = _records(actor=_pseudonym(bowler), outcome="denied")
    assert [record.detail for record in denied] == [audit.MORE_DENIALS, None, None, None]


def test_a_record_is_never_written_over(admin: Bowler, cloud: LocalCloud) -> None:
    """The same record once more, after a lost reply, is no error; another one in its place is, and changes nothing."""
    assert cloud.aws_url
    user = store.find_user(user_id(admin))
    assert user is not None
    record = audit.record(user, "get_user", audit.DONE)
    audit.add(record)
    audit.add(record)
    other = AuditItem(record.pk, record.sk, actor="nobody", action="get_user", outcome=audit.DENIED)
    with pytest.raises(ConditionFailedError):
        audit.add(other)
    with pytest.raises(ConditionFailedError):
        store.manage_user(user_id(admin), [UserItem.role.set("bowler")], other)
    (kept,) = _records(sk=record.sk)
    assert kept.serialize() == record.serialize()
    assert admin("GET", "/v1/admin/users?limit=1").status == 200


@pytest.mark.parametrize("end", ["", "T", "T00:00:00.000000+00:00#x", "T00:00:00.000000+00:00#" + "A" * 36, "\ud800"])
def test_a_cursor_of_the_audit_has_the_form_of_a_record(admin: Bowler, end: str) -> None:
    """A position that no record can have is refused, though it is of the right day."""
    day = datetime.now(UTC).date().isoformat()
    assert admin("GET", f"/v1/admin/audit?date={day}&cursor={encode_position((day + end,))}").problem == "invalid-query"


def test_a_beginning_that_is_long_once_folded_has_nobody(admin: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 characters can fold to 1,152, more than a key of the database holds: nobody is found, and it is not asked."""
    asked: list[str] = []
    names_from = listing_store.list_names

    def note(prefix: str, limit: int, after: str | None) -> tuple[list[UsernameItem], str | None]:
        asked.append(prefix)
        return names_from(prefix, limit, after)

    monkeypatch.setattr(listing_store, "list_names", note)
    assert admin("GET", f"/v1/admin/users?username={'z' * 64}").json == {"items": [], "next": None}
    found = admin("GET", f"/v1/admin/users?username={quote(chr(0xFDFA) * 64)}")
    assert (found.status, found.json) == (200, {"items": [], "next": None})
    assert asked == ["z" * 64]
    assert len(_records(actor=_pseudonym(admin), action="list_users")) == 2


def test_looking_into_the_audit_is_on_record(admin: Bowler) -> None:
    """Whoever reads the audit stands in it, each time."""
    for _ in range(2):
        assert admin("GET", "/v1/admin/audit?limit=1").status == 200
    assert [record.outcome for record in _records(actor=_pseudonym(admin), action="list_audit")] == ["done"] * 2


def test_a_role_is_read_at_each_call(admin: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """Whoever loses the role has lost it with the next request, though the token is alive; so has an ended login."""
    other = new_bowler()
    path = f"/v1/admin/users/{user_id(other)}/role"
    assert other("GET", "/v1/admin/users").status == 403
    assert admin("PUT", path, json={"role": "admin"}).json["role"] == "admin"
    assert other("GET", "/v1/admin/users").status == 200
    assert admin("PUT", path, json={"role": "researcher"}).json["role"] == "researcher"
    assert other("GET", "/v1/admin/users").status == 403
    assert other("GET", "/v1/users/me").json["role"] == "researcher"
    assert admin("PUT", path, json={"role": "king"}).status == 422
    assert admin("DELETE", "/v1/tokens").status == 204
    assert admin("GET", "/v1/admin/users").status == 401


def test_a_locked_account_does_nothing(api: Api, admin: Bowler, bowler: Bowler) -> None:
    """Locked, no login opens and none is refreshed, and checks refuse it; only the right password hears why."""
    locked = admin("POST", f"/v1/admin/users/{user_id(bowler)}/lock")
    assert (locked.status, locked.json["locked_at"] is not None) == (200, True)
    grant = {"username": bowler.username, "password": PASSWORD}
    assert api("POST", "/v1/tokens", json=grant).problem == "account-locked"
    assert api("POST", "/v1/tokens", json={**grant, "password": "wrong"}).problem == "wrong-password"
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).status == 401
    assert bowler("GET", "/v1/users/me/logins").status == 401
    assert admin("POST", f"/v1/admin/users/{user_id(bowler)}/lock").json["locked_at"] == locked.json["locked_at"]
    assert admin("POST", f"/v1/admin/users/{user_id(bowler)}/unlock").json["locked_at"] is None
    assert api("POST", "/v1/tokens", json=grant).status == 200
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": bowler.refresh_token}).status == 401


def test_nobody_locks_themselves_out(admin: Bowler) -> None:
    """An admin's own lock and role are others' to change; the attempt is on record."""
    own = f"/v1/admin/users/{user_id(admin)}"
    for method, path, body in (("POST", f"{own}/lock", {}), ("PUT", f"{own}/role", {"role": "bowler"})):
        refused = admin(method, path, json=body)
        assert (refused.status, refused.problem) == (409, "own-account")
    assert admin("GET", "/v1/admin/users").status == 200
    denied = _records(actor=_pseudonym(admin), target=_pseudonym(admin), outcome="denied")
    assert {record.action for record in denied} == {"lock_user", "set_role"}


def test_users_are_listed_by_name_in_parts(admin: Bowler, api: Api) -> None:
    """The users whose names begin so, in order, each once, over all parts; a capital makes no difference."""
    tag = f"listed-{uuid.uuid4().hex}"
    for number in (3, 1, 2):
        body = {"username": f"{tag.upper()}-{number}", "email": f"{tag}{number}@example.org", "password": PASSWORD}
        assert api("POST", "/v1/users", json=body).status == 201
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        part = admin("GET", f"/v1/admin/users?limit=2&username={tag}{cursor and f'&cursor={cursor}'}").json
        found += [user["username"] for user in part["items"]]
        cursor = part["next"]
    assert found == [f"{tag.upper()}-{number}" for number in (1, 2, 3)]
    assert len(admin("GET", "/v1/admin/users?limit=3").json["items"]) == 3
    assert admin("GET", "/v1/admin/users?cursor=abc").problem == "invalid-query"


@pytest.mark.parametrize("position", ["zed", "\ud800", "a\x00", "a" * 513])
def test_a_cursor_stays_among_the_names_that_are_asked_for(admin: Bowler, position: str) -> None:
    """A position outside the names that begin so, which DynamoDB refuses, or one that is no text is a 400."""
    cursor = encode_position((position,))
    assert admin("GET", f"/v1/admin/users?username=a&cursor={cursor}").problem == "invalid-query"


def test_a_cursor_that_is_no_text_is_refused(admin: Bowler) -> None:
    """Half a surrogate pair fits into JSON and into no key, also where all names are asked for."""
    assert admin("GET", f"/v1/admin/users?cursor={encode_position((chr(0xD800),))}").problem == "invalid-query"


def test_a_user_is_shown_without_secrets(admin: Bowler, bowler: Bowler) -> None:
    """An admin sees who a user is, not the password's hash; a missing user and nonsense are a 404."""
    shown = admin("GET", f"/v1/admin/users/{user_id(bowler)}")
    assert (shown.status, shown.json["username"]) == (200, bowler.username)
    assert "argon2" not in shown.data.decode()
    for missing in (uuid.uuid4(), "nonsense", "USER"):
        assert admin("GET", f"/v1/admin/users/{missing}").status == 404


def test_every_action_is_on_record(admin: Bowler, bowler: Bowler) -> None:
    """Each operation of an admin leaves one record, by pseudonym, newest first, in parts."""
    one = f"/v1/admin/users/{user_id(bowler)}"
    for method, path, body in (
        ("GET", "/v1/admin/users?limit=1", None),
        ("GET", one, None),
        ("POST", f"{one}/lock", None),
        ("POST", f"{one}/unlock", None),
        ("PUT", f"{one}/role", {"role": "researcher"}),
    ):
        assert admin(method, path, **({} if body is None else {"json": body})).status == 200
    day = datetime.now(UTC).date().isoformat()
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None and len(found) < 2000:
        part = admin("GET", f"/v1/admin/audit?date={day}&limit=100{cursor and f'&cursor={cursor}'}").json
        found += part["items"]
        cursor = part["next"]
    assert [record["at"] for record in found] == sorted((record["at"] for record in found), reverse=True)
    own = [record for record in found if record["actor"] == _pseudonym(admin) and record["action"] != "list_audit"]
    assert [record["action"] for record in reversed(own)] == [
        "grant_admin", "list_users", "get_user", "lock_user", "unlock_user", "set_role",
    ]  # fmt: skip
    assert own[0]["detail"] == "researcher"
    assert {record["target"] for record in own[:4]} == {_pseudonym(bowler)}
    text = json.dumps(found)
    assert bowler.username not in text
    assert user_id(bowler) not in text
    assert "@" not in text


def test_an_admin_releases_a_device(admin: Bowler, bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """The claim ends at the release, another may claim the device, and the audit tells who did it to whom."""
    serial, before = new_serial(), datetime.now(UTC)
    path = f"/v1/admin/devices/{serial}"
    claimed = bowler("POST", "/v1/devices", json={"serial": serial}).json
    found = admin("GET", path)
    assert found.json == {"serial": serial, "user_id": user_id(bowler), "from": claimed["from"], "until": None}
    assert admin("DELETE", path, headers={"If-Match": found.headers["ETag"]}).status == 204
    ended = bowler("GET", f"/v1/devices/{serial}").json
    assert before <= datetime.fromisoformat(ended["until"]) <= datetime.now(UTC)
    assert admin("GET", path).json["until"] == ended["until"]
    assert new_bowler()("POST", "/v1/devices", json={"serial": serial}).status == 201
    (record,) = _records(actor=_pseudonym(admin), action="end_claim")
    assert (record.outcome, record.target, record.detail) == ("done", _pseudonym(bowler), serial)
    assert len(_records(actor=_pseudonym(admin), action="get_claim", target=_pseudonym(bowler))) == 2


def test_a_release_names_the_claim_that_it_ends(
    admin: Bowler, bowler: Bowler, new_bowler: Callable[[], Bowler]
) -> None:
    """Sent again a release is a success that ends nothing, and an old ETag ends no newer claim; each is on record."""
    serial, other = new_serial(), new_bowler()
    path = f"/v1/admin/devices/{serial}"
    assert bowler("POST", "/v1/devices", json={"serial": serial}).status == 201
    match = {"If-Match": admin("GET", path).headers["ETag"]}
    assert admin("DELETE", path).problem == "precondition-required"
    assert [admin("DELETE", path, headers=match).status for _ in range(2)] == [204, 204]
    assert other("POST", "/v1/devices", json={"serial": serial}).status == 201
    assert admin("DELETE", path, headers=match).problem == "precondition-failed"
    assert other("GET", f"/v1/devices/{serial}").json["until"] is None
    done = _records(actor=_pseudonym(admin), action="end_claim", outcome="done", detail=serial)
    assert [record.target for record in done] == [None, _pseudonym(bowler)]


def test_a_device_that_nobody_claimed_is_not_found(admin: Bowler) -> None:
    """A device of which nothing is known is neither shown nor released."""
    path = f"/v1/admin/devices/{new_serial()}"
    assert admin("GET", path).problem == "not-found"
    assert admin("DELETE", path, headers={"If-Match": "*"}).problem == "not-found"


def test_an_erased_users_device_names_nobody(admin: Bowler) -> None:
    """What an erasure left of a claim is shown without a user, and a release leaves it as it is."""
    serial, long_ago = new_serial(), "2026-01-02T03:04:05.000000+00:00"
    HolderItem(
        device_key(serial), HolderItem.SK, number=1, user_id=NOBODY, from_=long_ago, until=long_ago, version=2
    ).save()
    path, moment = f"/v1/admin/devices/{serial}", "2026-01-02T03:04:05Z"
    left = {"serial": serial, "user_id": None, "from": moment, "until": moment}
    assert admin("GET", path).json == left
    assert admin("DELETE", path, headers={"If-Match": "*"}).status == 204
    assert admin("GET", path).json == left


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "2026-1-1", "A#2026-11-24"])
def test_a_day_of_the_audit_is_a_date(admin: Bowler, date: str) -> None:
    """What is no date is refused, and a day without records is an empty list."""
    assert admin("GET", f"/v1/admin/audit?date={date.replace('#', '%23')}").problem == "invalid-query"
    assert admin("GET", "/v1/admin/audit?date=1999-12-31").json == {"items": [], "next": None}


def test_a_cursor_of_another_day_is_refused(admin: Bowler) -> None:
    """A place in one day's audit is none in another's: a 400 says so, where DynamoDB would refuse it as our error."""
    admin("GET", "/v1/admin/audit")
    cursor = admin("GET", "/v1/admin/audit?limit=1").json["next"]
    assert admin("GET", f"/v1/admin/audit?date=1999-12-31&cursor={cursor}").problem == "invalid-query"
    assert admin("GET", f"/v1/admin/audit?cursor={cursor}").status == 200


def test_no_function_changes_or_deletes_an_audit_record() -> None:
    """The policies that name the audit table allow adding and reading alone."""
    for path in (PROJECT / ".chalice").glob("policy-prod*.json"):
        for statement in json.loads(path.read_text())["Statement"]:
            resources = statement["Resource"]
            named = [resources] if isinstance(resources, str) else resources
            if any(resource.endswith("-audit") for resource in named):
                assert set(statement["Action"]) <= {"dynamodb:PutItem", "dynamodb:Query"}, path.name


def _run(cloud: LocalCloud, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "STAGE": "local",
        "AWS_ENDPOINT_URL": cloud.aws_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("module", ["local_cloud", "chalicelib.administration.grant_admin"])
def test_the_first_admin_is_made_from_outside(cloud: LocalCloud, new_bowler: Callable[[], Bowler], module: str) -> None:
    """Both commands make a registered user an admin and say so; a user that there is not is told, and exit 1."""
    first = new_bowler()
    port = str(urlsplit(cloud.aws_url).port)
    prefix = [module, "grant-admin", "--aws-port", port] if module == "local_cloud" else [module]
    done = _run(cloud, *prefix, first.username.upper())
    assert (done.returncode, done.stderr) == (0, "")
    assert first.username.upper() in done.stdout
    assert first("GET", "/v1/admin/users?limit=1").status == 200
    missing = _run(cloud, *prefix, "nobody-of-this-name")
    assert missing.returncode == 1
    assert "There is no user nobody-of-this-name" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_without_a_cloud_the_command_says_so(cloud: LocalCloud) -> None:
    """Where nothing listens the command ends with a sentence and exit code 1."""
    done = _run(cloud, "local_cloud", "grant-admin", "--aws-port", "1", "alice")
    assert done.returncode == 1
    assert "could not be used, nothing was changed" in done.stderr
    assert "Traceback" not in done.stderr
