import json
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.errors import ExitCode
from device_bridge.settings import SETTINGS

pytestmark = pytest.mark.usefixtures("clean_environment")
SECRET = "s3cret-credential"


def test_show_names_every_value_and_its_origin(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every setting stands there with its value and where it came from, the credential without its text."""
    config = tmp_path / "config" / "device_bridge" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('api = "https://example.org"\n')
    monkeypatch.setenv("DEVICE_BRIDGE_MIN_FREE_MIB", "77")
    monkeypatch.setenv("DEVICE_BRIDGE_CREDENTIAL", SECRET)
    assert main(["config", "show", "--spool", "/x.db", "--json"]) == ExitCode.FINE
    out = capsys.readouterr().out
    facts = json.loads(out)
    assert set(facts["settings"]) == {setting.name for setting in SETTINGS}
    assert facts["settings"]["api"] == {
        "value": "https://example.org",
        "from": {"kind": "file", "where": str(config)},
    }
    assert facts["settings"]["spool"]["from"] == {"kind": "flag", "where": "--spool"}
    assert facts["settings"]["min_free_mib"]["from"]["where"] == "DEVICE_BRIDGE_MIN_FREE_MIB"
    assert facts["settings"]["erase_verified"] == {"value": False, "from": {"kind": "default", "where": "default"}}
    assert facts["credential"] == {"is_set": True, "from": "DEVICE_BRIDGE_CREDENTIAL"}
    assert SECRET not in out
    assert main(["config", "show"]) == ExitCode.FINE
    printed = capsys.readouterr()
    lines = {line.split()[0]: line.split() for line in printed.out.splitlines()}
    assert lines["api"] == ["api", "https://example.org", str(config)]
    assert lines["min_free_mib"] == ["min_free_mib", "77", "DEVICE_BRIDGE_MIN_FREE_MIB"]
    assert lines["credential"] == ["credential", "set", "DEVICE_BRIDGE_CREDENTIAL"]
    assert SECRET not in printed.out + printed.err


def test_show_warns(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is no setting and a credential that others can read are told of on stderr."""
    monkeypatch.setenv("DEVICE_BRIDGE_SPOL", "/x.db")
    credential = tmp_path / "credential"
    credential.write_text(SECRET)
    credential.chmod(0o644)
    assert main(["config", "show", "--credential-file", str(credential)]) == ExitCode.FINE
    err = capsys.readouterr().err
    assert "DEVICE_BRIDGE_SPOL, which is no setting" in err
    assert "chmod 600" in err


def test_a_bad_settings_file_stops_every_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A settings file with a wrong key is one line and exit code 2, for whichever command."""
    path = tmp_path / "config.toml"
    path.write_text('spol = "/x.db"\n')
    for command in (["status"], ["pull"], ["config", "show"], ["doctor"], ["export", "--all"], ["quarantine"]):
        assert main([*command, "--config", str(path)]) == ExitCode.USAGE
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert f"{path} has an unknown setting 'spol': did you mean 'spool'?" in err
