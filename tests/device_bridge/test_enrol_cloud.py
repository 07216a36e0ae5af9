"""Enrolment of a bridge against the real API, approved by the phone's client."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.devices import pairings
from device_bridge.cli import main as device_bridge
from phone_client.cli import main as phone_client
from tests.api import PASSWORD, Api, Bowler

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_a_bridge_enters_an_account(
    api: Api,
    bowler: Bowler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The bridge shows a code, the phone's client approves it, and the bridge's own secret is its credential."""
    monkeypatch.setattr(pairings, "INTERVAL_S", 1)
    monkeypatch.setenv("PHONE_CLIENT_API", api.url)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{PASSWORD}\n".encode())))
    assert phone_client(["log-in", bowler.username, "--password-stdin"]) == 0
    command = [sys.executable, "-m", "device_bridge", "enrol", "--json", "--api", api.url]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**os.environ}, text=True
    ) as process:
        assert process.stdout is not None
        shown = json.loads(process.stdout.readline())
        assert (shown["api"], shown["expires_in_s"]) == (api.url, pairings.LIFETIME_S)
        assert phone_client(["approve-bridge", shown["code"], "--kind", "lane", "--name", "lane 7"]) == 0
        done = json.loads(process.stdout.readline())
        assert process.wait() == 0
    assert done["bridge"] == "lane 7"
    folder = tmp_path / "config" / "device_bridge"
    assert sorted(path.name for path in folder.iterdir()) == ["config.toml", "credential"]
    capsys.readouterr()
    device_bridge(["doctor", "--json"])
    checks = {one["check"]: one["level"] for one in json.loads(capsys.readouterr().out)["findings"]}
    assert (checks["credential"], checks["api"]) == ("ok", "ok")
    assert phone_client(["bridges", "--json"]) == 0
    assert "lane 7" in capsys.readouterr().out
