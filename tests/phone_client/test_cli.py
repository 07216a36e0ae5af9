"""The command line, as a person or a script runs it: a process of its own against a real server."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from phone_client.cli import main
from phone_client.cli.settings import home_folder, token_path
from tests.phone_client.scripted_api import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.phone_client.scripted_api import ScriptedApi

    Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def phone_client_run(scripted_api: ScriptedApi, tmp_path: Path) -> Run:
    """Runs the command line with its own state folder; the keyword `password` goes to standard input."""

    def run(*arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PHONE_CLIENT_API": scripted_api.url,
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "PYTHONWARNINGS": "error",
            "PYTHONUTF8": "1",
        }
        command = [sys.executable, "-m", "phone_client", *arguments]
        sent = f"{password}\n" if password else ""
        return subprocess.run(
            command, input=sent, env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    return run


def test_a_new_user_gets_from_the_account_to_the_metrics(
    phone_client_run: Run, scripted_api: ScriptedApi, tmp_path: Path
) -> None:
    """Each step of the README works, in processes of their own that share the login."""
    capture_id = scripted_api.keep(b"bytes")
    registered = phone_client_run("register", "ada", "ada@example.org", "--password-stdin", password=PASSWORD)
    assert registered.stdout.splitlines()[0] == "ada is registered. Next: log-in ada"
    assert "confirm-email" in registered.stdout
    assert phone_client_run("log-in", "ada", "--password-stdin", password=PASSWORD).returncode == 0
    assert phone_client_run("add-bridge", "lane 12").stdout.endswith("rmb_secret\n")
    listed = phone_client_run("captures")
    assert listed.stdout.splitlines()[0].split() == ["RECEIVED", "STATE", "DEVICE", "RECORD", "BYTES", "ID"]
    assert capture_id in listed.stdout
    assert "2026-11-01 10:00:00Z" in phone_client_run("capture", capture_id).stdout
    fetched = phone_client_run("raw", capture_id, "--out", str(tmp_path / "shot.bin"))
    assert fetched.returncode == 0
    assert (tmp_path / "shot.bin").read_bytes() == b"bytes"
    assert "rate_peak_rpm  312.500  rpm   good" in phone_client_run("metrics", capture_id, "--wait", "5").stdout
    assert phone_client_run("log-out").returncode == 0
    refused = phone_client_run("captures")
    assert (refused.returncode, refused.stdout) == (5, "")
    assert refused.stderr == f"phone_client: Nobody is logged in to {scripted_api.url}. Log in first.\n"


def test_the_login_is_the_owners_only_and_holds_no_password(phone_client_run: Run, tmp_path: Path) -> None:
    """The tokens are in a file of mode 0600 below XDG_STATE_HOME; the password is nowhere."""
    phone_client_run("log-in", "ada", "--password-stdin", password=PASSWORD)
    (file,) = (tmp_path / "state" / "revmetrix-phone-client").glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert PASSWORD not in file.read_text()


def test_json_is_one_value_and_nothing_else(phone_client_run: Run, scripted_api: ScriptedApi) -> None:
    """A script reads standard output as JSON, wherever the option stands."""
    capture_id = scripted_api.keep(b"bytes")
    phone_client_run("log-in", "ada", "--password-stdin", password=PASSWORD)
    assert json.loads(phone_client_run("--json", "captures").stdout)[0]["id"] == capture_id
    assert json.loads(phone_client_run("metrics", capture_id, "--json").stdout)["state"] == "ready"
    assert json.loads(phone_client_run("add-bridge", "b", "--json").stdout)["credential"] == "rmb_secret"


def test_what_came_with_a_capture_cannot_steer_the_terminal(phone_client_run: Run, scripted_api: ScriptedApi) -> None:
    """An escape in a device's serial is shown as a question mark."""
    capture_id = scripted_api.keep(b"bytes")
    phone_client_run("log-in", "ada", "--password-stdin", password=PASSWORD)
    for shown in (phone_client_run("captures"), phone_client_run("capture", capture_id)):
        assert "SD-?[31m7" in shown.stdout


def test_a_wrong_password_is_one_line_and_code_5(phone_client_run: Run) -> None:
    """The server's own words, nothing on standard output, no trace."""
    refused = phone_client_run("log-in", "ada", "--password-stdin", password="wrong")
    assert (refused.returncode, refused.stdout) == (5, "")
    assert refused.stderr == "phone_client: It is wrong-password.\n"


def test_a_servers_words_stay_one_line(phone_client_run: Run, scripted_api: ScriptedApi) -> None:
    """Line ends and escapes in a problem's title do not reach the terminal."""
    body = b'{"title": "No.\\n\\u001b[31mReally", "status": 409}'
    scripted_api.answer_next("POST /v1/tokens", 409, body, Content_Type="application/problem+json")
    refused = phone_client_run("log-in", "ada", "--password-stdin", password=PASSWORD)
    assert refused.stderr == "phone_client: No. ?[31mReally\n"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["log-in", "ada"], 2, "Use --password-stdin"),
        (["log-in", "ada", "--password-stdin"], 2, "Standard input has no password"),
        (["capture", "abc"], 2, "64 hexadecimal digits"),
        (["captures", "--limit", "0"], 2, "no whole number above 0"),
        (["captures", "--api", "http://api.example.org"], 2, "use https, or --allow-http"),
        (["captures", "--ca-file", "/missing.pem"], 2, "no certificates"),
        (["fly"], 2, "invalid choice"),
        ([], 2, "required"),
        (["register", "ada", "ada@example.org", "--password", "x"], 2, "unrecognized"),
    ],
)
def test_wrong_arguments_are_one_clear_line_and_code_2(
    phone_client_run: Run, arguments: list[str], code: int, told: str
) -> None:
    """A mistake is told before anything is sent; a password is never an argument."""
    refused = phone_client_run(*arguments)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert told in refused.stderr.splitlines()[-1]


def test_each_kind_of_failure_has_its_code(phone_client_run: Run, scripted_api: ScriptedApi, tmp_path: Path) -> None:
    """A script can tell an unknown capture, changed bytes, pending metrics, a full disk and no network apart."""
    capture_id = scripted_api.keep(b"bytes")
    phone_client_run("log-in", "ada", "--password-stdin", password=PASSWORD)
    assert phone_client_run("capture", "0" * 64).returncode == 4
    no_folder = phone_client_run("raw", capture_id, "--out", str(tmp_path / "missing" / "shot.bin"))
    assert (no_folder.returncode, no_folder.stdout) == (1, "")
    scripted_api.captures[capture_id] = b"byter"
    assert phone_client_run("raw", capture_id, "--out", str(tmp_path / "shot.bin")).returncode == 6
    assert not (tmp_path / "shot.bin").exists()
    scripted_api.pending_for = 100
    assert phone_client_run("metrics", capture_id).returncode == 0
    assert phone_client_run("metrics", capture_id, "--wait", "1").returncode == 7
    scripted_api.refuse_connections()
    assert phone_client_run("captures").returncode == 3


def test_raw_bytes_can_go_to_standard_output_or_a_device(phone_client_run: Run, scripted_api: ScriptedApi) -> None:
    """A dash is standard output, and a device is written to and stays a device."""
    capture_id = scripted_api.keep(b"bytes")
    phone_client_run("log-in", "ada", "--password-stdin", password=PASSWORD)
    assert phone_client_run("raw", capture_id, "--out", "-").stdout == "bytes"
    assert phone_client_run("raw", capture_id, "--out", "/dev/stderr").stderr == "bytes"


def test_help_shows_examples_and_exit_codes(phone_client_run: Run) -> None:
    """A person finds the first steps without reading anything else."""
    shown = phone_client_run("--help")
    assert shown.returncode == 0
    assert "log-in ada" in shown.stdout
    assert "exit codes:" in shown.stdout


def test_no_address_at_all_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Both ways to name the API are in the message."""
    monkeypatch.delenv("PHONE_CLIENT_API", raising=False)
    assert main(["captures"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("phone_client: Which API? A phone keeps a login and a scorebook for each")
    assert told.endswith("export PHONE_CLIENT_API=http://127.0.0.1:8000 with your API's address, or give --api URL.\n")


def test_every_api_has_a_login_of_its_own() -> None:
    """Addresses that only look alike as file names get different files; a relative XDG_STATE_HOME is ignored."""
    home = home_folder(None, {"XDG_STATE_HOME": "/state"})
    paths = {token_path(url, home) for url in ("https://a.org/b", "https://a.org-b", "http://a.org/b")}
    assert len(paths) == 3
    assert not home_folder(None, {"XDG_STATE_HOME": "relative"}).is_relative_to("relative")
