"""Devices, pairings and the inbox by the client and its command line, against the real API."""

import io
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.accounts.tokens import secret_sha256
from local_cloud.cloud import LocalCloud
from phone_client import ApiClient, NotFoundError, ProblemError, UsageError
from phone_client.cli import main
from tests.api import PASSWORD, Api, Bowler, upload_headers
from tests.chalicelib.lanes import capture_of, new_serial
from tests.chalicelib.tickets import sha256_of

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def client(api: Api, bowler: Bowler) -> ApiClient:
    """The bowler's client, logged in."""
    client = ApiClient(api.url)
    client.log_in(bowler.username, PASSWORD)
    return client


@pytest.fixture
def run(
    api: Api, bowler: Bowler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command of the bowler and returns its exit code and what it printed."""
    monkeypatch.setenv("PHONE_CLIENT_API", api.url)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{PASSWORD}\n".encode())))
    assert main(["log-in", bowler.username, "--password-stdin"]) == 0
    capsys.readouterr()

    def command(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return command


def _secret_and_code(api: Api) -> tuple[str, str]:
    secret = "rmb_" + secrets.token_urlsafe(32)
    begun = api("POST", "/v1/pairings", json={"secret_sha256": secret_sha256(secret)})
    return secret, begun.json["code"]


def test_a_device_is_claimed_and_released(client: ApiClient) -> None:
    """Claimed twice it is one claim; released it is shown as ended, and released again nothing happens."""
    serial, since = new_serial(), datetime.now(UTC) - timedelta(days=2)
    device = client.lane.claim(serial, "blue", ball_id="Phaze II", since=since)
    assert (device.name, device.ball_id, device.begins, device.until) == ("blue", "Phaze II", since, None)
    assert client.lane.claim(serial, "red") == device
    client.lane.release(serial)
    client.lane.release(serial)
    (listed,) = client.lane.devices()
    assert listed.until is not None


def test_what_is_not_there_is_told(client: ApiClient, new_bowler: Callable[[], Bowler]) -> None:
    """A device of somebody else, one that nobody has, and what cannot be a serial or a bridge each have their error."""
    serial = new_serial()
    new_bowler()("POST", "/v1/devices", json={"serial": serial})
    with pytest.raises(ProblemError, match="Somebody else"):
        client.lane.claim(serial)
    with pytest.raises(NotFoundError):
        client.lane.release(serial)
    with pytest.raises(ProblemError, match="No bridge shows this code"):
        client.lane.approve("BBBB-BBBB", "lane 7")
    for call in (client.lane.release, client.lane.remove_bridge):
        with pytest.raises(UsageError):
            call("../users/me")


def test_a_bridge_is_taken_in_and_removed(api: Api, client: ApiClient) -> None:
    """The code's bridge is listed with its kind, and its secret works until it is removed."""
    secret, code = _secret_and_code(api)
    paired = client.lane.approve(code, "lane 7", "lane")
    assert client.lane.approve(code, "lane 7", "lane") == paired
    assert [(one.id, one.kind) for one in client.bridges()] == [(paired.id, "lane")]
    assert api("GET", "/v1/bridges/me", token=secret).status == 200
    client.lane.remove_bridge(paired.id)
    assert api("GET", "/v1/bridges/me", token=secret).status == 401
    with pytest.raises(NotFoundError):
        client.lane.remove_bridge(paired.id)


def test_a_lane_by_commands(cloud: LocalCloud, api: Api, run: Run) -> None:
    """Approve the bridge, see what waits, claim the device, and the capture has come."""
    serial = new_serial()
    secret, code = _secret_and_code(api)
    assert run("devices") == (0, "There are no devices yet.\n")
    assert run("inbox") == (0, "Nothing waits.\n")
    bridge = json.loads(run("approve-bridge", code.lower(), "--kind", "lane", "--name", "lane 7", "--json")[1])
    data = capture_of(serial)
    assert api("POST", "/v1/captures", token=secret, body=data, headers=upload_headers(data)).status == 201
    waits = run("inbox")[1]
    assert all(text in waits for text in (serial, bridge["id"], sha256_of(data)))
    exit_code, told = run("claim-device", serial, "--name", "blue", "--since", "yesterday")
    assert (exit_code, "is no time" in told) == (2, True)
    began = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert run("claim-device", serial, "--name", "blue", "--since", began)[0] == 0
    cloud.pump.drain(30)
    assert sha256_of(data) in run("captures")[1]
    assert run("inbox")[1] == "Nothing waits.\n"
    assert "blue" in run("devices")[1]
    assert run("release-device", serial)[0] == 0
    assert run("remove-bridge", bridge["id"])[0] == 0
    assert run("bridges")[1] == "There are no bridges yet.\n"
