import json
from pathlib import Path

import pytest

from device_bridge.cli import main
from device_bridge.errors import ExitCode
from device_bridge.spool import LowDiskError
from device_bridge.transport import SerialPort

from .conftest import ServeFlash
from .filled_spool import rows_in, small_flash

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_dry_run_reads_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], serve_flash: ServeFlash, tmp_path: Path
) -> None:
    """A dry run names the records that a pull would read, makes no spool, and names none once they are held."""
    port = serve_flash(small_flash()).path
    spool = tmp_path / "deep" / "spool.db"
    assert main(["pull", "--dry-run", "--port", port, "--spool", str(spool), "--json"]) == ExitCode.FINE
    facts = json.loads(capsys.readouterr().out)
    assert ([record["record"] for record in facts["would_read"]], facts["held"]) == ([1, 2], 0)
    assert not spool.parent.exists()
    assert main(["pull", "--port", port, "--spool", str(spool)]) == ExitCode.FINE
    capsys.readouterr()
    assert main(["pull", "--dry-run", "--port", port, "--spool", str(spool)]) == ExitCode.FINE
    assert capsys.readouterr().out == "TEST-1: no new records (2 are in the spool already)\n"


def test_info_tells_battery_and_clock(capsys: pytest.CaptureFixture[str], serve_flash: ServeFlash) -> None:
    """`info` gives identity, records, battery and both clocks, the same as text and as one JSON object."""
    port = serve_flash(small_flash()).path
    assert main(["info", "--port", port, "--json"]) == ExitCode.FINE
    facts = json.loads(capsys.readouterr().out)
    assert (facts["serial"], [record["record"] for record in facts["records"]]) == ("TEST-1", [1, 2])
    assert facts["clock"]["device_ticks"] / facts["clock"]["tick_hz"] == 90.0
    assert 0 <= facts["clock"]["round_trip_s"] < 10
    assert 0 <= facts["battery_percent"] <= 100
    assert main(["info", "--port", port]) == ExitCode.FINE
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["serial"] == "TEST-1"
    assert lines["battery"] == f"{facts['battery_percent']} %"
    assert lines["clock"].startswith("90.000 s since it was switched on")


def test_list_names_the_place_that_stays(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A SmartDot is listed with VID:PID:SERIAL, one without a serial with its path, other ports with no place."""
    ports = [
        SerialPort("/dev/ttyACM0", 0x1915, 0xD978, "SD-1", "SmartDot"),
        SerialPort("/dev/ttyACM1", 0x1915, 0xD978, None, "SmartDot"),
        SerialPort("/dev/ttyS0", None, None, None, "n/a"),
    ]
    for module in ("device_bridge.transport.places", "device_bridge.cli.listing"):
        monkeypatch.setattr(f"{module}.list_serial_ports", lambda: ports)
    assert main(["list", "--json"]) == ExitCode.FINE
    found = {row["port"]: row["place"] for row in json.loads(capsys.readouterr().out)["ports"]}
    assert found == {"/dev/ttyACM0": "1915:D978:SD-1", "/dev/ttyACM1": "/dev/ttyACM1", "/dev/ttyS0": None}


def test_a_command_for_one_device_asks_which(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """When the settings name several devices, `info` and `pull` ask for one and name them."""
    config = tmp_path / "config.toml"
    config.write_text('ports = ["/dev/a", "/dev/b"]\n')
    for command in ("info", "pull"):
        assert main([command, "--config", str(config)]) == ExitCode.USAGE
        assert "choose one with --port (/dev/a, /dev/b)" in capsys.readouterr().err


def test_a_full_disk_stops_a_pull(
    capsys: pytest.CaptureFixture[str], serve_flash: ServeFlash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With less room than the settings leave free, a pull ends with one line that says so, and keeps the spool."""
    monkeypatch.setenv("DEVICE_BRIDGE_MIN_FREE_MIB", str(1 << 29))
    spool = tmp_path / "spool.db"
    assert main(["pull", "--port", serve_flash(small_flash()).path, "--spool", str(spool)]) == LowDiskError.exit_code
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n"), "nothing is deleted" in printed.err) == ("", 1, True)
    assert rows_in(spool) == []
