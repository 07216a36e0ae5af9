"""Devices, pairings and the inbox by the client and its command line, against the real API."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.accounts.tokens import secret_sha256
from local_cloud.cloud import LocalCloud
from phone_client import ApiClient, NotFoundError, ProblemError, UsageError
from tests.api import Api, Bowler, upload_headers
from tests.chalicelib.lanes import capture_of, new_serial
from tests.chalicelib.tickets import sha256_of
from tests.phone_client.command_line import Run


def _secret_and_code(api: Api) -> tuple[str, str]:
    secret = "rmb_" + secrets.token_urlsafe(32)
    begun = api("POST", "/v1/pairings", json={"secret_sha256": secret_sha256(secret)})
    return secret, begun.json["code"]


def test_a_device_is_claimed_and_released(bowler_client: ApiClient) -> None:
    """Claimed twice it is one claim; released it is shown as ended, and released again nothing happens."""
    serial, since = new_serial(), datetime.now(UTC) - timedelta(days=2)
    device = bowler_client.lane.claim(serial, "blue", ball_id="Phaze II", since=since)
    assert (device.name, device.ball_id, device.begins, device.until) == ("blue", "Phaze II", since, None)
    assert bowler_client.lane.claim(serial, "red") == device
    bowler_client.lane.release(serial)
    bowler_client.lane.release(serial)
    (listed,) = bowler_client.lane.devices()
    assert listed.until is not None


def test_what_is_not_there_is_told(bowler_client: ApiClient, new_bowler: Callable[[], Bowler]) -> None:
    """A device of somebody else, one that nobody has, and what cannot be a serial or a bridge each have their error."""
    serial = new_serial()
    new_bowler()("POST", "/v1/devices", json={"serial": serial})
    with pytest.raises(ProblemError, match="Somebody else"):
        bowler_client.lane.claim(serial)
    with pytest.raises(NotFoundError):
        bowler_client.lane.release(serial)
    with pytest.raises(ProblemError, match="No bridge shows this code"):
        bowler_client.lane.approve("BBBB-BBBB", "lane 7")
    for call in (bowler_client.lane.release, bowler_client.lane.remove_bridge):
        with pytest.raises(UsageError):
            call("../users/me")


def test_a_bridge_is_taken_in_and_removed(api: Api, bowler_client: ApiClient) -> None:
    """The code's bridge is listed with its kind, and its secret works until it is removed."""
    secret, code = _secret_and_code(api)
    paired = bowler_client.lane.approve(code, "lane 7", "lane")
    assert bowler_client.lane.approve(code, "lane 7", "lane") == paired
    assert [(one.id, one.kind) for one in bowler_client.bridges()] == [(paired.id, "lane")]
    assert api("GET", "/v1/bridges/me", token=secret).status == 200
    bowler_client.lane.remove_bridge(paired.id)
    assert api("GET", "/v1/bridges/me", token=secret).status == 401
    with pytest.raises(NotFoundError):
        bowler_client.lane.remove_bridge(paired.id)


def test_a_lane_by_commands(cloud: LocalCloud, api: Api, run: Run) -> None:
    """Approve the bridge, see what waits, claim the device, and the capture has come."""
    serial = new_serial()
    secret, code = _secret_and_code(api)
    assert run("devices").out == "There are no devices yet.\n"
    assert run("inbox").out == "Nothing waits.\n"
    bridge = json.loads(run("approve-bridge", code.lower(), "--kind", "lane", "--name", "lane 7", "--json").out)
    data = capture_of(serial)
    assert api("POST", "/v1/captures", token=secret, body=data, headers=upload_headers(data)).status == 201
    waits = run("inbox").out
    assert all(text in waits for text in (serial, bridge["id"], sha256_of(data)))
    refused = run("claim-device", serial, "--name", "blue", "--since", "yesterday")
    assert (refused.code, "is no time" in refused.err) == (2, True)
    began = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert run("claim-device", serial, "--name", "blue", "--since", began).code == 0
    cloud.pump.drain(30)
    assert sha256_of(data) in run("captures").out
    assert run("inbox").out == "Nothing waits.\n"
    assert "blue" in run("devices").out
    assert run("release-device", serial).code == 0
    assert run("remove-bridge", bridge["id"]).code == 0
    assert run("bridges").out == "There are no bridges yet.\n"


def test_a_claim_begins_earlier(run: Run) -> None:
    """The shots before a claim come by an earlier beginning, and name and ball stay as they were."""
    serial = new_serial()
    run("claim-device", serial, "--name", "blue", "--ball", "Phaze II")
    earlier = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    told = run("rename-device", serial, "--since", earlier.isoformat())
    assert (told.code, "is called blue from now on. It is yours since " in told.out) == (0, True)
    (device,) = json.loads(run("devices", "--json").out)
    assert (device["name"], device["ball_id"]) == ("blue", "Phaze II")
    assert datetime.fromisoformat(device["from"]) == earlier
    nothing = run("rename-device", serial)
    assert (nothing.code, "Nothing was sent" in nothing.err) == (2, True)
