import configparser
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from device_bridge.cli.parser import build_parser
from device_bridge.settings import SETTINGS, read_config, resolve

SYSTEM = Path(__file__).resolve().parents[2] / "device_bridge" / "system"
_RULE = re.compile(r'(?P<key>[A-Z]+(?:\{[A-Za-z_]+\})?)(?P<operator>==|!=|\+=|:=|=)"(?P<value>[^"]*)"')


def read_unit() -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the unit's sections, and the words of its command."""
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[method-assign,assignment] # systemd's names have capitals
    unit.read(SYSTEM / "device_bridge.service")
    sections = {name: dict(unit[name]) for name in unit.sections()}
    return sections, shlex.split(sections["Service"]["ExecStart"])


def test_the_unit_starts_a_command_that_the_parser_knows(tmp_path: Path) -> None:
    """Every word of ExecStart is one of `run`'s, and the settings file beside it is one that the bridge reads."""
    _, (_, *words) = read_unit()
    assert words[0] == "run"
    chosen = build_parser(words).parse_args(words)
    assert chosen.config == "/etc/device_bridge/config.toml"
    chosen.config = tmp_path / "config.toml"
    shutil.copy(SYSTEM / "config.toml", chosen.config)
    settings = resolve(vars(chosen), {})
    assert (settings.spool, settings.log_format) == (Path("/var/lib/device_bridge/spool.db"), "text")
    assert settings.credential_file == Path("/var/lib/device_bridge/credential")


def test_every_line_of_the_settings_file_is_a_setting(tmp_path: Path) -> None:
    """Also the lines that are commented out hold settings of the bridge, with values that it reads."""
    text = re.sub(r"^# (\w+ = )", r"\1", (SYSTEM / "config.toml").read_text(), flags=re.MULTILINE)
    assert len(tomllib.loads(text)) == 6
    (tmp_path / "all.toml").write_text(text)
    known = {setting.name: setting for setting in SETTINGS}
    for name, value in read_config(tmp_path / "all.toml").items():
        known[name].read(value)


def test_the_unit_speaks_with_systemd_and_is_restarted() -> None:
    """The service is ready when the bridge says so, is restarted whenever it ends, and may not touch the system."""
    sections, _ = read_unit()
    service = sections["Service"]
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert int(service["WatchdogSec"]) >= 30
    assert (service["ProtectSystem"], service["NoNewPrivileges"]) == ("strict", "yes")
    assert service["StateDirectory"] == "device_bridge"
    assert service["SupplementaryGroups"] == "dialout"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this computer has no systemd")
def test_systemd_itself_finds_no_fault(tmp_path: Path) -> None:
    """`systemd-analyze verify` accepts the unit without a word."""
    unit = (SYSTEM / "device_bridge.service").read_text()
    (tmp_path / "device_bridge.service").write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", unit))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "device_bridge.service")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_udev_rules_name_a_smartdot_and_are_well_formed() -> None:
    """Each rule is a list of keys, operators and values; both ask for 1915:D978, one makes the stable name."""
    lines = [line for line in (SYSTEM / "70-smartdot.rules").read_text().splitlines() if line and line[0] != "#"]
    rules = []
    for line in lines:
        parts = [part.strip() for part in line.split(", ")]
        assert all(_RULE.fullmatch(part) for part in parts), line
        rules.append([tuple(_RULE.fullmatch(part).group("key", "operator", "value")) for part in parts])  # type: ignore[union-attr]
    usb, tty = rules[1], rules[2]
    for kind, rule in (("ATTR", usb), ("ATTRS", tty)):
        assert (f"{kind}{{idVendor}}", "==", "1915") in rule
        assert (f"{kind}{{idProduct}}", "==", "d978") in rule
        assert ("ENV{ID_MM_DEVICE_IGNORE}", "=", "1") in rule
    assert ("SYMLINK", "+=", "smartdot-$attr{serial}") in tty
    assert {("GROUP", "=", "dialout"), ("MODE", "=", "0660")} <= set(tty)


def test_the_service_user_may_open_serial_ports() -> None:
    """The user of the unit is made, in the group that the udev rules give the ports to."""
    sections, _ = read_unit()
    lines = (SYSTEM / "device_bridge.sysusers.conf").read_text().splitlines()
    assert any(line.startswith(f"u {sections['Service']['User']} ") for line in lines)
    assert f"m {sections['Service']['User']} dialout" in lines
