import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.spool import CaptureState, NewCapture, Spool, SpooledPage, SpoolError, devices
from smartdot.clocks import ClockNote

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Give an empty spool."""
    opened = Spool(tmp_path / "spool.db")
    yield opened
    opened.close()


def sealed(spool: Spool, record: int, device: str = "DOT-1") -> int:
    """Put a sealed capture into a spool; return its number."""
    row = spool.begin(NewCapture(device, record, b"f" * 256, 2))
    spool.add_pages(row.id, [SpooledPage(number, bytes([record]) * 256, None) for number in range(2)])
    spool.seal(row.id, {})
    return row.id


def note(second: int, *, power_up: int = 1, ticks: int | None = None) -> ClockNote:
    """Return a note of a clock that runs right."""
    utc = NOON + timedelta(seconds=second)
    return ClockNote(second * 1000 if ticks is None else ticks, 1000, power_up, 50.0 + second, utc, 0.001)


def test_devices_are_remembered(spool: Spool) -> None:
    """Each device is told with where and when it was seen last, and how many of its records the spool holds."""
    spool.note_device("DOT-1", "/dev/ttyACM0", 80, 3)
    spool.note_device("DOT-2", "tcp://127.0.0.1:5", None, 0)
    spool.note_device("DOT-1", "/dev/ttyACM1", 79, 4)
    sealed(spool, 1)
    spool.mark_quarantined(sealed(spool, 2), "rotten", is_rotten=True)
    spool.begin_another(NewCapture("DOT-1", 2, b"f" * 256, 2))
    first, second = spool.devices()
    assert (first.serial, first.place, first.battery_percent, first.link_errors, first.records_held) == (
        *("DOT-1", "/dev/ttyACM1", 79, 4, 2),
    )
    assert (second.serial, second.battery_percent, second.records_held) == ("DOT-2", None, 0)
    assert datetime.now(UTC) - first.seen_at < timedelta(minutes=1)


def test_clock_notes_come_back_as_they_were(spool: Spool) -> None:
    """Notes of the last power-up come back in their order, up to the last tick of a u64; those of others do not."""
    notes = [note(1), note(2, ticks=2**64 - 1)]
    for each in notes:
        spool.note_clock("DOT-1", each)
    spool.note_clock("DOT-2", note(5))
    assert spool.clock_notes("DOT-1") == notes
    spool.note_clock("DOT-1", note(3, power_up=2))
    assert spool.clock_notes("DOT-1") == [note(3, power_up=2)]
    assert spool.clock_notes("DOT-3") == []


def test_notes_of_another_start_of_the_host_are_left_out(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steady clock begins anew with the host: notes from before are kept apart, also where no start has a name."""
    spool.note_clock("DOT-1", note(1))
    monkeypatch.setattr(devices, "_BOOT_ID", Path("/nonexistent"))
    spool.note_clock("DOT-1", note(2))
    spool.note_clock("DOT-1", note(3))
    assert spool.clock_notes("DOT-1") == [note(2), note(3)]
    restarted = ClockNote(9000, 1000, 1, 2.0, NOON + timedelta(hours=5), 0.001)
    spool.note_clock("DOT-1", restarted)
    assert spool.clock_notes("DOT-1") == [restarted]


def test_many_notes_stay_few_and_spread(spool: Spool) -> None:
    """However often a clock is noted, at most 64 notes are kept, from the first to the last."""
    for second in range(300):
        spool.note_clock("DOT-1", note(second))
    kept = [each.device_ticks // 1000 for each in spool.clock_notes("DOT-1")]
    assert len(kept) <= 64
    assert (kept[0], kept[-1]) == (0, 299)
    assert max(after - before for before, after in pairwise(kept)) <= 16


def test_only_verified_captures_may_be_erased(spool: Spool) -> None:
    """What is sealed, sent, damaged, unreadable or quarantined must stay on the device; what is erased is not again."""
    numbers = {record: sealed(spool, record) for record in range(1, 8)}
    spool.mark_sent(numbers[2])
    for record, state in ((3, "damaged"), (4, "unreadable"), (5, "verified"), (6, "verified")):
        spool.mark_delivered(numbers[record], state)
    spool.mark_quarantined(numbers[7], "no")
    sealed(spool, 8, "DOT-2")
    assert [row.record for row in spool.erasable("DOT-1")] == [5, 6]
    for record in (1, 2, 3, 4, 7):
        with pytest.raises(SpoolError, match="must stay"):
            spool.mark_erased(numbers[record])
    spool.mark_erased(numbers[5])
    erased_at = spool.captures()[4].erased_at
    spool.mark_erased(numbers[5])
    assert erased_at is not None
    assert spool.captures()[4].erased_at == erased_at
    assert [row.record for row in spool.erasable("DOT-1")] == [6]
    spool.begin_another(NewCapture("DOT-1", 6, b"g" * 256, 2))
    assert spool.erasable("DOT-1") == []


def test_counts_and_waiting_bytes(spool: Spool) -> None:
    """Every state is counted, and the bytes that the cloud has not confirmed are those of what is sealed or sent."""
    numbers = [sealed(spool, record) for record in range(1, 5)]
    spool.begin(NewCapture("DOT-1", 9, b"f" * 256, 2))
    spool.mark_sent(numbers[0])
    spool.mark_delivered(numbers[1], "verified")
    spool.mark_quarantined(numbers[2], "no")
    assert spool.counts() == dict.fromkeys(CaptureState, 1)
    assert spool.waiting_bytes() == 2 * 3 * 256


def test_verbs_repeated_change_nothing(spool: Spool) -> None:
    """Each verb of sending done twice, because its end was not seen, leaves what doing it once left."""
    capture = sealed(spool, 1)
    for verb in (spool.mark_sent, lambda number: spool.mark_delivered(number, "verified")):
        verb(capture)
        once = spool.captures()
        verb(capture)
        assert [(row.state, row.attempts) for row in spool.captures()] == [(row.state, row.attempts) for row in once]
    spool.mark_quarantined(capture, "too late")
    spool.mark_unsent(capture, "too late")
    assert spool.captures()[0].state is CaptureState.DELIVERED


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 59), st.booleans()), max_size=80), st.integers(1, 9))
def test_wanted_ranges_are_what_is_missing_or_damaged(
    tmp_path_factory: pytest.TempPathFactory, reads: list[tuple[int, bool]], piece: int
) -> None:
    """Whatever was read in whatever order, the ranges name each page without a good read once, ascending, joined."""
    spool = Spool(tmp_path_factory.mktemp("ranges") / "spool.db")
    row = spool.begin(NewCapture("DOT-1", 1, b"f" * 256, 60))
    for begin in range(0, len(reads), piece):
        batch = [SpooledPage(n, bytes(256), None if good else "checksum") for n, good in reads[begin : begin + piece]]
        spool.add_pages(row.id, batch)
    good = {number for number, is_good in reads if is_good}
    ranges = list(spool.wanted_ranges(row.id))
    assert [number for numbers in ranges for number in numbers] == [n for n in range(60) if n not in good]
    assert all(before.stop < after.start for before, after in pairwise(ranges))
    found = spool.captures()[0]
    read = {number for number, _ in reads}
    assert (found.pages_read, found.damaged_count) == (len(read), len(read - good))
    spool.close()


LARGE = """
import sys
from pathlib import Path
from device_bridge.spool import NewCapture, Spool, SpooledPage
spool = Spool(Path(sys.argv[1]), min_free_bytes=0)
count = int(sys.argv[2])
row = spool.begin(NewCapture("DOT-1", 1, b"f" * 256, count))
data = bytes(256)
def peak_kib():
    # Not ru_maxrss, which a process takes over from the one that started it.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
begin_kib = peak_kib()
for begin in range(0, count, 1024):
    spool.add_pages(row.id, [SpooledPage(n, data, None) for n in range(begin, begin + 1024) if n != 5000])
assert list(spool.wanted_ranges(row.id)) == [range(5000, 5001)]
spool.add_pages(row.id, [SpooledPage(5000, data, "checksum")])
assert list(spool.wanted_ranges(row.id)) == [range(5000, 5001)]
spool.seal(row.id, {})
spool.verify(spool.get(row.id))
print(peak_kib() - begin_kib)
"""


@pytest.mark.long
def test_largest_record_needs_little_memory(tmp_path: Path) -> None:
    """262,144 pages are looked through, sealed and hashed again within a few MiB."""
    command = [sys.executable, "-c", LARGE, str(tmp_path / "spool.db"), "262144"]
    grown_kib = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown_kib < 12 * 1024


def test_a_device_that_claims_ever_new_power_ups_fills_no_disk(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all power-ups of a device together so many notes are kept, the latest ones; another device keeps its own."""
    monkeypatch.setattr(devices, "_MOST_NOTES_OF_DEVICE", 10)
    spool.note_clock("DOT-2", note(1))
    for second in range(30):
        spool.note_clock("DOT-1", note(second, power_up=second + 1))
    with spool._database.reading() as db:
        kept = db.execute("SELECT power_up FROM clock_notes WHERE device = 'DOT-1' ORDER BY id").fetchall()
    assert [power_up for (power_up,) in kept] == list(range(21, 31))
    assert spool.clock_notes("DOT-2") == [note(1)]


def test_on_a_low_disk_the_device_is_noted_and_its_clock_is_not(tmp_path: Path) -> None:
    """A device's row is replaced at each look, so it may be written; notes of clocks only grow, and wait for room."""
    spool = Spool(tmp_path / "spool.db", 2**62)
    spool.note_device("DOT-1", "port", 50, 0, note(1))
    (seen,) = spool.devices()
    notes = spool.clock_notes("DOT-1")
    spool.close()
    assert (seen.battery_percent, notes) == (50, [])
