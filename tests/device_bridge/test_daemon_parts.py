import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from device_bridge.cli.console import Output
from device_bridge.daemon.claims import DeviceClaims
from device_bridge.daemon.event_queue import EventQueue
from device_bridge.daemon.journal import Event, Journal, Level
from device_bridge.daemon.notify import Notifier
from device_bridge.daemon.pulse import Pulse, Pulses
from device_bridge.daemon.reports import MOST_REPORTS, PERIOD_S, Reports
from device_bridge.spool import SpoolGoneError, SpoolWatch


def test_lasting_trouble_is_said_once_and_again_after_it_was_over() -> None:
    """The same words about one topic are said once; other words, another topic, and a return are said."""
    said: list[str] = []
    journal = Journal(lambda event: said.append(event.message))
    for message in ("away", "away", "busy", "busy", "away"):
        journal.say_once("dot", Event("x", message))
    journal.say_once("other dot", Event("x", "away"))
    assert said == ["away", "busy", "away", "away"]
    assert journal.forget("dot")
    assert not journal.forget("dot")
    journal.say_once("dot", Event("x", "away"))
    assert len(said) == 5


def test_of_several_lasting_things_only_the_new_ones_are_said() -> None:
    """A list of troubles that stays is said once; what joins it is said alone, and so is what comes back."""
    said: list[str] = []
    journal = Journal(lambda event: said.append(event.message))
    for now in (["one"], ["one", "two"], ["two"], ["one", "two"]):
        journal.say_changes("captures", [Event("x", text) for text in now])
    assert said == ["one", "two", "one"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError(), SystemExit(1)])
def test_a_log_that_cannot_be_written_stops_nothing(error: BaseException) -> None:
    """A full disk under the log, or a reader that is gone, does not reach the loop that speaks."""
    tried: list[Event] = []

    def write(event: Event) -> None:
        tried.append(event)
        raise error

    event = Event("x", "anything")
    Journal(write).say(event)
    assert tried == [event]


def test_json_lines_have_a_time_a_level_an_event_and_its_facts() -> None:
    """With the format json every event is one JSON object: results on stdout, the rest on stderr."""
    output = Output()
    results, messages = io.StringIO(), io.StringIO()
    output.results.file, output.messages.file = results, messages
    output.log_format = "json"
    output.event(Event("record-read", "é is read", is_result=True, facts={"device": "SD-1", "record": 7}))
    output.event(Event("disk-low", "full", Level.ERROR))
    output.message("device_bridge: hello")
    (read,) = map(json.loads, results.getvalue().splitlines())
    low, hello = map(json.loads, messages.getvalue().splitlines())
    assert read.pop("time").endswith("Z")
    assert read == {"level": "info", "event": "record-read", "message": "é is read", "device": "SD-1", "record": 7}
    assert (low["level"], low["event"], low["message"]) == ("error", "disk-low", "full")
    assert (hello["event"], hello["message"]) == ("message", "hello")


def test_what_a_device_says_moves_no_cursor_and_makes_no_line() -> None:
    """Escapes and line ends in messages, results and tables are shown as spaces; only our own traceback has lines."""
    output = Output()
    results, messages = io.StringIO(), io.StringIO()
    output.results.file, output.messages.file = results, messages
    nasty = "SD\x1b[2J\r\ndevice_bridge: forged\u202e\x07"
    output.result(nasty)
    output.message(nasty)
    output.error(nasty)
    output.event(Event("device-reports", nasty))
    output.event(Event("record-read", nasty, is_result=True))
    output.table(("serial",), [{"serial": nasty}])
    output.event(Event("device-failed", f"it failed\nTraceback\n  {nasty}", has_lines=True))
    text = results.getvalue() + messages.getvalue()
    assert not {letter for letter in text if not letter.isprintable()} - {"\n"}
    assert not any(line.startswith("device_bridge: forged") for line in messages.getvalue().splitlines()[:3])
    assert len(results.getvalue().splitlines()) == 4
    assert "  SD [2J" in messages.getvalue()
    output.result("x" * 100_000)
    assert len(results.getvalue()) < 10_000


def test_a_stream_that_takes_nothing_holds_up_nobody() -> None:
    """While the terminal is held, who speaks goes on at once; then the log goes on and names how much it lacks."""
    held, entered = threading.Event(), threading.Event()
    said: list[str] = []

    def write(event: Event) -> None:
        entered.set()
        held.wait()
        said.append(event.message)

    events = EventQueue(write, most_waiting=3)
    journal = Journal(events.put)
    journal.say(Event("x", "first"))
    entered.wait()
    for number in range(10):
        journal.say(Event("x", str(number)))
    assert not events.close(patience_s=0.01)
    held.set()
    assert events.close()
    assert said[0] == "first"
    assert said[2:] == ["0", "1", "2"]
    assert said[1].startswith("7 lines of this log are missing")


def test_a_device_that_never_stops_reporting_fills_no_log() -> None:
    """Some reports in a minute are said, as text on one line; the others are counted with the next that is said."""
    said: list[Event] = []
    now_s = 1000.0
    reports = Reports(Journal(said.append), lambda: now_s)
    for _ in range(1000):
        reports.hear("SD-1", "port", "memory full\x1b[2J\nforged" + "x" * 4000)
    assert len(said) == MOST_REPORTS
    assert (said[0].level, said[0].message[:34]) == (Level.WARNING, "SD-1 reports: memory full [2J forg")
    assert len(said[0].message) < 200
    now_s += PERIOD_S
    reports.hear("SD-1", "port", "battery low 9")
    assert said[-1].message == f"SD-1 reports: battery low 9 (and {1000 - MOST_REPORTS} more before it)"


def test_a_pulse_is_stuck_only_after_its_own_patience() -> None:
    """A loop that beats is alive however long it runs; one silent for longer than it may be is stuck."""
    now_s = 100.0
    pulse = Pulse("loop", 10.0, lambda: now_s)
    now_s = 110.0
    assert not pulse.is_stuck()
    now_s = 110.1
    assert pulse.is_stuck()
    assert pulse.silent_s() == pytest.approx(10.1)
    pulse.beat()
    assert not pulse.is_stuck()


def test_a_loop_that_has_ended_is_no_longer_watched() -> None:
    """Only loops that run can be stuck."""
    pulses = Pulses()
    ended, running = pulses.add("ended", -1.0), pulses.add("running", -1.0)
    pulses.remove(ended)
    assert pulses.stuck() == [running]


def test_a_device_is_claimed_by_one_place_at_a_time(tmp_path: Path) -> None:
    """The first place has the device until it lets go; a port is found by another of its names, or by a serial."""
    claims = DeviceClaims()
    port, link = tmp_path / "port", tmp_path / "link"
    port.touch()
    link.symlink_to(port)
    with claims.holding("SD-1", str(port)) as first:
        with claims.holding("SD-1", "elsewhere") as second:
            assert (first, second) == (str(port), str(port))
        # The place that did not get it must not free it.
        assert claims.held() == {"SD-1": str(port)}
        assert claims.find_port(str(link), []) == ("SD-1", str(port))
        assert claims.find_port("1915:D978:SD-1", ["SD-1"]) == ("SD-1", str(port))
        assert claims.find_port("/dev/ttyOTHER", [None, "SD-2"]) is None
    assert claims.held() == {}
    with claims.using(str(port)):
        assert claims.find_port(str(link), []) == (None, str(port))
        assert claims.find_port(str(port), []) is None
    # Who was kept out by another place of ours asks a moment later.
    assert claims.find_port(str(link), []) == (None, str(port))
    claims._left_at_s[str(port)] -= 10
    assert claims.find_port(str(link), []) is None
    with contextlib.suppress(OSError), claims.using(str(port)):
        raise OSError
    assert claims.find_port(str(link), []) is None


def test_a_spool_that_is_deleted_or_replaced_is_noticed(tmp_path: Path) -> None:
    """The same file is fine, also when it grows; none, or another one of its name, is told apart."""
    spool = tmp_path / "spool.db"
    spool.write_bytes(b"x")
    watch = SpoolWatch(spool)
    watch.check()
    watch.begin()
    spool.write_bytes(b"xx")
    watch.check()
    (tmp_path / "other").write_bytes(b"y")
    (tmp_path / "other").replace(spool)
    with pytest.raises(SpoolGoneError, match="deleted or replaced"):
        watch.check()
    spool.unlink()
    with pytest.raises(SpoolGoneError, match="deleted or replaced"):
        watch.check()


_SPEAK = """
from device_bridge.daemon.notify import Notifier
notifier = Notifier()
notifier.ready()
notifier.status("two\\nlines")
notifier.alive()
notifier.stopping()
print(notifier.watchdog_s)
"""


@pytest.mark.parametrize("is_abstract", [False, True])
def test_what_systemd_hears(tmp_path: Path, is_abstract: bool) -> None:  # noqa: FBT001 - a parameter
    """A process of its own sends its words to a real datagram socket, by path or abstract, one in each datagram."""
    name = f"@device-bridge-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0", 1))
        systemd.settimeout(30)
        environment = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "500000"}
        command = [sys.executable, "-c", _SPEAK]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        heard = [systemd.recv(4096) for _ in range(4)]
    assert heard == [b"READY=1", b"STATUS=two lines", b"WATCHDOG=1", b"STOPPING=1"]
    assert done.stdout == "0.5\n"


def test_without_systemd_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    """No socket, a socket that is gone, and another process's watchdog are all as good as none."""
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}, {"NOTIFY_SOCKET": "vsock:2:1"}):
        Notifier(environ).ready()
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 1.0
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_s is None
    for wrong in ("", "0", "-1", "soon", "½"):
        assert Notifier({"WATCHDOG_USEC": wrong}).watchdog_s is None
