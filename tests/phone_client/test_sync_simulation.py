"""Many phones, one user: whatever is lost, doubled, delayed or killed, all agree in the end."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from phone_client.database import Fields, entries
from phone_client.database.outbox import Change
from phone_client.sync import PushBatch, PushReply, rebasing
from tests.phone_client.sync_model import ModelServer
from tests.phone_client.sync_simulation import Simulation

SEEDS = 20
QUICK_SEEDS = 4
OPERATIONS = 100


@pytest.mark.parametrize(
    "seed", [*range(QUICK_SEEDS), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(QUICK_SEEDS, SEEDS))]
)
def test_all_phones_agree_in_the_end(seed: int, tmp_path: Path) -> None:
    """3 to 8 phones over a bad network with clocks a day off and kills: nothing lost, nothing twice, all the same."""
    report = Simulation(seed, tmp_path, ModelServer(), OPERATIONS).run()
    assert report.failures == []
    assert report.entries > 5


@pytest.mark.parametrize("seed", range(3))
def test_phones_agree_with_a_server_that_loses_its_history(seed: int, tmp_path: Path) -> None:
    """Restores under a new epoch and forgotten tombstones in the middle of it all: every phone comes to agree."""
    server, chance = ModelServer(), random.Random(seed)  # noqa: S311 - the same in every run
    backups = [server.snapshot()]
    epochs = iter(range(2, 1000))

    def upset() -> None:
        match chance.randrange(3):
            case 0:
                backups.append(server.snapshot())
            case 1:
                server.restore(chance.choice(backups), f"epoch-{next(epochs)}")
            case 2:
                server.forget_tombstones()

    assert Simulation(seed, tmp_path, server, OPERATIONS, upset).run().failures == []


class ForgetfulServer(ModelServer):
    """A server that takes every third new ball and does not keep it."""

    balls = 0

    def push(self, batch: PushBatch) -> PushReply:
        """Carry out a batch, and lose some of it."""
        is_new = batch.batch_id not in self.batches
        reply = super().push(batch)
        for change in batch.changes if is_new else ():
            self.balls += change.type == "ball"
            if change.type == "ball" and self.balls % 3 == 0:
                del self.entries["ball", change.id]
        return reply


def _failures(folder: Path, server: type[ModelServer]) -> Iterator[str]:
    """Yield what is wrong in the end, run by run, as far as it is asked for."""
    for seed in range(20):
        yield from Simulation(seed, folder / str(seed), server(), OPERATIONS).run().failures


def test_the_simulation_finds_a_server_that_forgets(tmp_path: Path) -> None:
    """When an acknowledged entry is not there in the end, the run says so."""
    assert any("is lost" in failure for failure in _failures(tmp_path, ForgetfulServer))


def test_the_simulation_finds_a_phone_that_shows_old_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a phone does not show what a pull brought beside unsent edits, the run says so."""
    monkeypatch.setattr(rebasing, "show", entries.keep)
    assert any("shows" in failure for failure in _failures(tmp_path, ModelServer))


def test_the_simulation_finds_a_phone_that_passes_over_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a phone sends its scores as answers to what its user has not seen, the run says so."""

    def always(change: Change, _: Fields, ver: int) -> None:
        change.base_ver = ver

    monkeypatch.setattr(rebasing, "rebase", always)
    assert any("unseen" in failure for failure in _failures(tmp_path, ModelServer))
