"""Power cuts at every write of the spool (tests/stress/power_cuts.py)."""

import inspect
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device_bridge.spool import Spool
from tests.stress import power_cuts, spool_verbs
from tests.stress.campaign import Plan
from tests.stress.disk import Created, Deleted, Disk, Event, Synced, Truncated, Written

SEED = 20_261_124


@pytest.mark.long
def test_power_cut_at_every_write_loses_nothing_that_was_acknowledged() -> None:
    """After a cut at any write of any verb, the spool opens, is whole, and holds every acknowledged transaction."""
    outcome = power_cuts.run(Plan(SEED))
    assert outcome.failures == []
    assert outcome.counts["cuts"] > 1000
    assert outcome.counts["captures_hashed"] > 1000
    # Both ends of a transaction under way were seen.
    assert 100 < outcome.counts["cuts_that_kept_the_transaction_under_way"] < outcome.counts["cuts"] - 100


@pytest.mark.parametrize("weak", [{"synchronous": "NORMAL"}, {"syncs_count": False}])
def test_losses_are_found(weak: dict[str, Any]) -> None:
    """With synchronous=NORMAL, or on a disk that only says that it synced, acknowledged transactions are lost."""
    history = power_cuts.record_history(2, **weak)
    outcome = power_cuts.cut_everywhere(history, Plan(SEED), drawn=0, most_failures=15)
    assert any("an acknowledged transaction is lost" in failure for failure in outcome.failures)


def writing_verbs() -> Iterator[str]:
    """Give the names of the spool's verbs that write."""
    for name, verb in inspect.getmembers(Spool, inspect.isfunction):
        if not name.startswith("_") and ".transaction()" in inspect.getsource(verb):
            yield name


def test_every_verb_that_writes_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workload of the campaign uses every verb of the spool that writes, so that a new one is not forgotten."""
    used: set[str] = set()

    def noting(name: str) -> Callable[..., Any]:
        verb: Callable[..., Any] = getattr(Spool, name)

        def note(*values: Any, **named: Any) -> Any:
            used.add(name)
            return verb(*values, **named)

        return note

    verbs = set(writing_verbs())
    for name in verbs:
        monkeypatch.setattr(Spool, name, noting(name))
    with tempfile.TemporaryDirectory() as folder:
        spool_verbs.use_every_verb(Path(folder) / "spool.db", 3)
    assert used == verbs
    assert verbs >= {"begin", "add_pages", "seal", "mark_delivered", "mark_erased"}


def test_disk_keeps_what_was_synced_and_no_more() -> None:
    """Synced bytes stay, later ones are kept or dropped, names go with their folder's sync."""
    disk = Disk()
    event: Event
    for event in (Created("a", 1), Written(1, 0, b"old"), Synced(1, with_folder=True), Written(1, 1, b"EW")):
        disk.apply(event)
    assert (disk.cut(None, keep=False), disk.cut(None, keep=True)) == ({"a": b"old"}, {"a": b"oEW"})
    for event in (Truncated(1, 1), Created("b", 2), Deleted("a", is_synced=False)):
        disk.apply(event)
    assert (disk.cut(None, keep=False), disk.cut(None, keep=True)) == ({"a": b"old"}, {"b": b""})
    disk.apply(Synced(2, with_folder=True))
    assert disk.cut(None, keep=False) == {"b": b""}
