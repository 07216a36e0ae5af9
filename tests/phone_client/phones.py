"""Phones that can be killed at any commit, over a network that loses, doubles and delays."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from phone_client import ReplyLostError
from phone_client.database import Database
from phone_client.scorebook import Ids, Scorebook
from phone_client.sync import Decisions, PullReply, PushBatch, PushReply, SyncEngine, SyncOutcome, SyncTransport
from tests.phone_client.sync_model import Fields, Key, lost

ACCOUNT = "ada at the model"


class Server(SyncTransport, Protocol):
    """A server that can be looked into: the model, or the real one."""

    now_s: float

    def live(self) -> dict[Key, Fields]:
        """Return the fields of all live entries."""

    def work(self) -> None:
        """Do what is done in the background."""


class Killed(BaseException):
    """The phone was switched off; what it has on its disk is in another folder now."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.folder = folder


class KillableDatabase(Database):
    """A database whose process dies right before or right after a commit, when it is told to."""

    commits_left: int | None = None
    dies_before = False
    copy_to: Path

    def _commit(self) -> None:
        if self.commits_left is not None:
            self.commits_left -= 1
            if self.commits_left < 0:
                if not self.dies_before:
                    super()._commit()
                self.copy_to.mkdir()
                for file in self.path.parent.iterdir():
                    if not file.name.endswith("-shm"):
                        shutil.copyfile(file, self.copy_to / file.name)
                raise Killed(self.copy_to)
        super()._commit()


class BadNetwork:
    """Carries messages to a server, or not, or twice, or much later.

    Args:
        server: The server.
        chance: What happens.
        faults: How often something does, from 0 to 1.
    """

    def __init__(self, server: SyncTransport, chance: random.Random, faults: float) -> None:
        self._server = server
        self._chance = chance
        self._delayed: list[PushBatch] = []
        self.faults = faults
        self.before_push: Callable[[], object] = lambda: None

    def push(self, batch: PushBatch) -> PushReply:
        """Carry a batch."""
        self.before_push()
        self._deliver_delayed()
        match self._fault():
            case "lost":
                raise lost()
            case "delayed":
                self._delayed.append(batch)
                raise ReplyLostError("No reply came.")
            case "reply lost":
                self._server.push(batch)
                raise ReplyLostError("No reply came.")
            case "doubled":
                self._server.push(batch)
        return self._server.push(batch)

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Carry a question."""
        self._deliver_delayed()
        if self._fault() in {"lost", "delayed", "reply lost"}:
            raise lost()
        return self._server.pull(cursor, limit)

    def _fault(self) -> str | None:
        if self._chance.random() >= self.faults:
            return None
        return self._chance.choice(("lost", "delayed", "reply lost", "doubled"))

    def _deliver_delayed(self) -> None:
        # What was on its way arrives in whatever order, long after its phone gave it up.
        while self._delayed and (not self.faults or self._chance.random() < self.faults):
            self._server.push(self._delayed.pop(self._chance.randrange(len(self._delayed))))


class Phone:
    """A phone of one user.

    Args:
        number: Which of the user's phones.
        folder: Where it keeps its database.
        network: Its way to the server.
        chance: Its dice, so that a run can be repeated.
        now_s: The true time, in seconds since 1970.
        clock_off_s: By how much its own clock is wrong.
    """

    def __init__(
        self,
        number: int,
        folder: Path,
        network: SyncTransport,
        chance: random.Random,
        now_s: Callable[[], float],
        clock_off_s: float = 0.0,
    ) -> None:
        self.number = number
        self.network = network
        self.chance = chance
        self.deaths = 0
        self._folder = folder
        self._ids = Ids(lambda: now_s() + clock_off_s, chance.randbytes)
        self._open(folder / "0")

    def _open(self, folder: Path) -> None:
        self.database = KillableDatabase(folder / "scorebook.db")
        self.book = Scorebook(self.database, self._ids)
        self.decisions = Decisions(self.database, self._ids)
        self.engine = SyncEngine(self.database, self.network, ACCOUNT, self._ids, page_entries=7)

    def kill_soon(self) -> None:
        """Let it die at one of its next commits."""
        self.database.commits_left = self.chance.randrange(4)
        self.database.dies_before = self.chance.random() < 0.5
        self.database.copy_to = self._folder / str(self.deaths + 1)

    def stays_alive(self) -> None:
        """Take back that it dies."""
        self.database.commits_left = None

    def revive(self, killed: Killed) -> None:
        """Start the program again on what was on the disk."""
        self.deaths += 1
        self.database.close()
        self._open(killed.folder)

    def sync(self) -> SyncOutcome:
        """Sync."""
        return self.engine.sync()

    def shown(self) -> dict[Key, Fields]:
        """Return what the user sees."""
        kinds = ("establishment", "ball", "event", "session", "game", "frame", "shot")
        return {(kind, entry.id): entry.fields for kind in kinds for entry in self.book.every(kind)}

    def close(self) -> None:
        """Switch it off."""
        self.database.close()
