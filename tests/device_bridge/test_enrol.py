import io
import json
import sys
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.errors import ExitCode

from .conftest import BridgeApiServer, BridgeReply
from .enrol_terminal import at_terminal, interrupted_at

pytestmark = pytest.mark.usefixtures("clean_environment")
SECRET = "s3cret-credential"


def enrol(monkeypatch: pytest.MonkeyPatch, text: str, *arguments: str) -> int:
    """Run `enrol` with a credential piped into stdin."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return main(["enrol", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder that the bridge's settings are in."""
    return tmp_path / "config" / "device_bridge"


def test_enrol_checks_and_keeps_the_credential(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    bridge_api: BridgeApiServer,
    folder: Path,
) -> None:
    """A piped credential is asked about, written for its owner alone, and used by the commands that follow."""
    bridge_api.credential = SECRET
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("poll_s = 2 # quick\n")
    assert enrol(monkeypatch, f"{SECRET}\n", "--api", f"{bridge_api.url}/") == ExitCode.FINE
    printed = capsys.readouterr()
    assert "enrolled as Lane 1" in printed.out
    assert "device_bridge doctor" in printed.err
    assert SECRET not in printed.out + printed.err
    assert [(request["method"], request["path"]) for request in bridge_api.requests] == [("GET", "/v1/bridges/me")]
    assert (folder / "credential").read_text() == f"{SECRET}\n"
    assert (folder / "credential").stat().st_mode & 0o777 == 0o600
    assert (folder / "config.toml").read_text() == f'poll_s = 2 # quick\napi = "{bridge_api.url}"\n'
    assert main(["push"]) == ExitCode.FINE


def test_a_refused_credential_is_not_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bridge_api: BridgeApiServer, folder: Path
) -> None:
    """What the API refuses, and what it cannot say yes to now, is not written; --no-check writes it all the same."""
    bridge_api.credential = "another"
    assert enrol(monkeypatch, SECRET, "--api", bridge_api.url) == ExitCode.CREDENTIAL_REFUSED
    bridge_api.ask_script = [BridgeReply(503)]
    assert enrol(monkeypatch, SECRET, "--api", bridge_api.url) == ExitCode.NOT_DELIVERED
    printed = capsys.readouterr()
    assert "--no-check" in printed.err
    assert SECRET not in printed.out + printed.err
    assert not folder.exists()
    assert enrol(monkeypatch, SECRET, "--api", bridge_api.url, "--no-check", "--json") == ExitCode.FINE
    facts = json.loads(capsys.readouterr().out)
    assert facts == {
        "bridge": None,
        "api": bridge_api.url,
        "credential_file": str(folder / "credential"),
        "config": str(folder / "config.toml"),
    }


def test_an_existing_credential_is_replaced_by_force_only(
    monkeypatch: pytest.MonkeyPatch, bridge_api: BridgeApiServer, folder: Path
) -> None:
    """Without --force an existing credential stays, and nothing is read from stdin or asked of the API."""
    folder.mkdir(parents=True)
    (folder / "credential").write_text("old\n")
    assert enrol(monkeypatch, SECRET, "--api", bridge_api.url) == ExitCode.USAGE
    assert ((folder / "credential").read_text(), sys.stdin.read(), bridge_api.requests) == ("old\n", SECRET, [])
    assert enrol(monkeypatch, SECRET, "--api", bridge_api.url, "--force") == ExitCode.FINE
    assert (folder / "credential").read_text() == f"{SECRET}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ExitCode.CREDENTIAL_REFUSED),
        ("two words", ExitCode.USAGE),
        ("line\nbreak", ExitCode.USAGE),
        ("x" * 5000, ExitCode.USAGE),
    ],
)
def test_what_cannot_be_a_credential(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, code: ExitCode
) -> None:
    """Nothing, two lines or a novel on stdin is one line on stderr that does not repeat it."""
    assert enrol(monkeypatch, text, "--api", "http://127.0.0.1:9", "--no-check") == code
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert not text or text not in printed.err
    assert not folder.exists()


def test_the_address_must_be_safe_and_known(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Without an address, or with one that would show the credential to the network, nothing is asked or written."""
    assert enrol(monkeypatch, SECRET) == ExitCode.USAGE
    assert enrol(monkeypatch, SECRET, "--api", "http://example.org") == ExitCode.USAGE
    assert sys.stdin.read() == SECRET
    assert not folder.exists()


def test_another_place_is_remembered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """A credential file that a flag names stands in the settings file afterwards, and what wins over it is told."""
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", "other")
    config, place = tmp_path / "my.toml", tmp_path / "my.credential"
    code = enrol(monkeypatch, SECRET, "--api", bridge_api.url, "--config", str(config), "--credential-file", str(place))
    assert code == ExitCode.FINE
    assert config.read_text() == f'api = "{bridge_api.url}"\ncredential_file = "{place}"\n'
    assert "DEVICE_BRIDGE_CREDENTIAL is set and wins" in capsys.readouterr().err


def test_what_a_settings_file_says_already_is_not_written_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bridge_api: BridgeApiServer, tmp_path: Path
) -> None:
    """With address and place in a settings file, as a service has them, only the credential is written."""
    config = tmp_path / "etc.toml"
    config.write_text(f'api = "{bridge_api.url}"\ncredential_file = "credential"\n')
    config.chmod(0o444)
    assert enrol(monkeypatch, SECRET, "--config", str(config), "--json") == ExitCode.FINE
    assert json.loads(capsys.readouterr().out)["config"] is None
    assert (tmp_path / "credential").read_text() == f"{SECRET}\n"
    assert not (tmp_path / "config").exists()


def test_a_settings_file_that_cannot_be_changed_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bridge_api: BridgeApiServer, folder: Path
) -> None:
    """When only the settings file cannot be changed, it says that the credential is kept and what to write."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('"api" = "https://old"\n')
    code = enrol(monkeypatch, SECRET, "--api", f"{bridge_api.url}/")
    assert code == ExitCode.USAGE
    err = capsys.readouterr().err
    assert f"the credential is in {folder / 'credential'}, but" in err
    assert f'write api = "{bridge_api.url}" into it' in err
    assert (folder / "credential").exists()


def test_the_prompt_does_not_show_what_is_typed(bridge_api: BridgeApiServer, tmp_path: Path, folder: Path) -> None:
    """At a terminal the credential is asked for and hidden: it is not in what the terminal shows."""
    bridge_api.credential = SECRET
    code, shown = at_terminal(
        tmp_path, {b"not shown): ": f"{SECRET}\n".encode()}, "--credential", "--api", bridge_api.url
    )
    assert code == ExitCode.FINE, shown
    assert b"enrolled as Lane 1" in shown
    assert SECRET.encode() not in shown
    assert (folder / "credential").read_text() == f"{SECRET}\n"


def test_at_a_terminal_replacing_is_asked(bridge_api: BridgeApiServer, tmp_path: Path, folder: Path) -> None:
    """Over an existing credential the terminal is asked first: no leaves it, yes goes on."""
    folder.mkdir(parents=True)
    (folder / "credential").write_text("old\n")
    code, shown = at_terminal(tmp_path, {b"Replace it? [y/N] ": b"\n"}, "--api", bridge_api.url)
    assert (code, b"left as it is" in shown) == (ExitCode.USAGE, True)
    assert (folder / "credential").read_text() == "old\n"
    answers = {b"Replace it? [y/N] ": b"y\n", b"not shown): ": f"{SECRET}\n".encode()}
    assert at_terminal(tmp_path, answers, "--credential", "--api", bridge_api.url)[0] == ExitCode.FINE
    assert (folder / "credential").read_text() == f"{SECRET}\n"


def test_ctrl_c_at_the_prompt(tmp_path: Path) -> None:
    """Ctrl-C at the prompt ends with one line and 130, and nothing is written."""
    code, shown = interrupted_at(tmp_path, b"not shown): ", "--credential", "--api", "http://127.0.0.1:9")
    assert code == 130
    assert b"Traceback" not in shown
    assert b"interrupted" in shown
    assert not (tmp_path / "config").exists()
