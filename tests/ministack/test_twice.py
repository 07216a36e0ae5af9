"""Every write reaches DynamoDB twice, as when its reply is lost and the SDK sends it again: no effect is double."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api import PASSWORD, Api, Bowler, upload_headers
from tests.ministack.served_app import served_app
from tests.throws import Throw

from .conftest import register, unique_name


@pytest.fixture(scope="module")
def api(aws_url: str) -> Iterator[Api]:
    """The API of an app each of whose writes reaches DynamoDB twice."""
    with served_app(aws_url, "--twice") as app:
        client = Api(app.url)
        yield client
        client.close()


def test_registration_and_tokens(api: Api) -> None:
    """Registering is no "taken" by oneself, a login's token refreshes once and again, and logging out ends it."""
    name = unique_name()
    assert register(api, name) == 201
    assert register(api, name) == 409
    tokens = api("POST", "/v1/tokens", json={"username": name, "password": PASSWORD})
    assert tokens.status == 200
    for _ in range(3):
        tokens = api("POST", "/v1/tokens/refresh", json={"refresh_token": tokens.json["refresh_token"]})
        assert tokens.status == 200
    assert len(api("GET", "/v1/users/me/logins", token=tokens.json["access_token"]).json["items"]) == 1
    assert api("DELETE", "/v1/tokens", token=tokens.json["access_token"]).status == 204
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": tokens.json["refresh_token"]}).status == 401


def test_a_profile_and_a_password(bowler: Bowler) -> None:
    """A change applies once: the version goes up by one, and the new password is the only one."""
    first = bowler("GET", "/v1/users/me")
    changed = bowler(
        "PATCH", "/v1/users/me", json={"first_name": "Ada"}, headers={"If-Match": str(first.headers["ETag"])}
    )
    assert (changed.status, changed.json["first_name"]) == (200, "Ada")
    assert bowler("GET", "/v1/users/me").headers["ETag"] == changed.headers["ETag"]
    stale = bowler(
        "PATCH", "/v1/users/me", json={"first_name": "Eve"}, headers={"If-Match": str(first.headers["ETag"])}
    )
    assert stale.status == 412


def test_devices_and_bridges(bowler: Bowler) -> None:
    """A claim, its change and its release, and a bridge's making and removal, each succeed and leave one effect."""
    serial = f"SD-{secrets.token_hex(5)}"
    claimed = bowler("POST", "/v1/devices", json={"serial": serial})
    assert claimed.status == 201
    changed = bowler(
        "PATCH", f"/v1/devices/{serial}", json={"name": "red"}, headers={"If-Match": str(claimed.headers["ETag"])}
    )
    assert changed.status == 200
    released = bowler("DELETE", f"/v1/devices/{serial}", headers={"If-Match": str(changed.headers["ETag"])})
    assert released.status == 204
    assert len(bowler("GET", "/v1/devices").json["items"]) == 1
    bridge = bowler("POST", "/v1/bridges", json={"name": "lane 7"})
    assert bridge.status == 201
    assert bowler.api("GET", "/v1/bridges/me", token=bridge.json["credential"]).status == 200
    assert bowler("DELETE", f"/v1/bridges/{bridge.json['id']}").status == 204
    assert bowler.api("GET", "/v1/bridges/me", token=bridge.json["credential"]).status == 401


def test_a_pairing(api: Api, bowler: Bowler) -> None:
    """A code is approved with 201, by a write that came twice, and gives one bridge."""
    secret = f"rmb_{secrets.token_urlsafe(32)}"
    pairing = api("POST", "/v1/pairings", json={"secret_sha256": hashlib.sha256(secret.encode()).hexdigest()})
    assert pairing.status == 201
    approval = {"code": pairing.json["code"], "kind": "personal", "name": "lane 7"}
    assert bowler("POST", "/v1/pairings/approval", json=approval).status == 201
    assert len(bowler("GET", "/v1/bridges").json["items"]) == 1


def test_a_capture(new_bowler: Callable[[], Bowler]) -> None:
    """A new capture is 201 though its row was written twice, the same bytes are 200, and one row is listed."""
    bowler = new_bowler()
    data = Throw(duration_s=0.3, record=secrets.randbelow(2**32 - 2) + 1).capture()
    upload: Any = {"body": data, "headers": upload_headers(data)}
    assert bowler("POST", "/v1/captures", **upload).status == 201
    assert bowler("POST", "/v1/captures", **upload).status == 200
    assert len(bowler("GET", "/v1/captures").json["items"]) == 1
