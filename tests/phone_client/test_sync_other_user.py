"""Another user logs in on a phone while a sync goes on: nothing of one account gets into the other."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from phone_client import ApiClient, FileTokenStore, LoginNeededError, Timing
from phone_client.database import Database
from phone_client.scorebook import Scorebook
from phone_client.sync import BackgroundSync, HttpSync, PullReply, PushBatch, PushReply, SyncEngine, SyncStatus
from tests.api import PASSWORD, Bowler

LONGEST_S = 30.0


class Interrupted:
    """Carries the messages, and lets something happen before the next one."""

    def __init__(self, carrier: HttpSync) -> None:
        self._carrier = carrier
        self.before_push: Callable[[], None] = lambda: None
        self.before_pull: Callable[[], None] = lambda: None

    def push(self, batch: PushBatch) -> PushReply:
        """Carry a batch."""
        self.before_push()
        return self._carrier.push(batch)

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Carry a question."""
        self.before_pull()
        return self._carrier.pull(cursor, limit)


class OnePhone:
    """A phone that two people use, with a program that syncs and another one that logs in, on the same folder."""

    def __init__(self, url: str, folder: Path, ada: str, eve: str) -> None:
        self.ada, self.eve = ada, eve
        self.terminal = ApiClient(url, FileTokenStore(folder / "login.json"))
        self.log_in(ada)
        self.client = ApiClient(url, FileTokenStore(folder / "login.json"))
        self.database = Database(folder / "scorebook.db")
        self.book = Scorebook(self.database)
        self.network = Interrupted(self.client.sync)
        self.engine = SyncEngine(self.database, self.network, self.client.account.profile().id)

    def log_in(self, username: str) -> None:
        """Log in another user, in the other program."""
        self.terminal.log_out()
        self.terminal.log_in(username, PASSWORD)

    def close(self) -> None:
        """Switch it off."""
        self.database.close()
        self.client.close()
        self.terminal.close()


@pytest.fixture
def eve(new_bowler: Callable[[], Bowler]) -> Bowler:
    """The other user, who has a ball."""
    eve = new_bowler()
    ball = {"fields": {"name": "of eve"}}
    assert eve("PUT", "/v1/balls/eves", json=ball, headers={"If-None-Match": "*"}).status == 201
    return eve


@pytest.fixture
def one_phone(bowler: Bowler, eve: Bowler, tmp_path: Path) -> Iterator[OnePhone]:
    """The phone, with something unsent of the bowler on it."""
    phone = OnePhone(bowler.api.url, tmp_path, bowler.username, eve.username)
    phone.book.add("ball", "adas", name="of ada")
    yield phone
    phone.close()


def _balls(bowler: Bowler) -> set[str]:
    return {ball["id"] for ball in bowler("GET", "/v1/balls").json["items"]}


def test_another_login_ends_a_sync_before_its_push(one_phone: OnePhone, bowler: Bowler, eve: Bowler) -> None:
    """What one user wrote does not go to the account of another who logs in meanwhile, and is sent once she is back."""
    one_phone.network.before_push = lambda: one_phone.log_in(one_phone.eve)
    with pytest.raises(LoginNeededError) as raised:
        one_phone.engine.sync()
    assert str(raised.value) == (
        f"{eve.username} is logged in on this phone now, and this sync is {bowler.username}'s. Nothing of either was "
        f"sent to the other, and what is unsent is kept; log in as {bowler.username} and sync again."
    )
    assert (_balls(bowler), _balls(eve), one_phone.book.unsent()) == (set(), {"eves"}, 1)
    one_phone.network.before_push = lambda: None
    one_phone.log_in(one_phone.ada.upper())
    assert one_phone.engine.sync().pushed == 1
    assert (_balls(bowler), _balls(eve), one_phone.book.unsent()) == ({"adas"}, {"eves"}, 0)


def test_another_login_ends_a_sync_before_its_pull(one_phone: OnePhone, bowler: Bowler, eve: Bowler) -> None:
    """Another user's entries do not come into this one's scorebook."""
    one_phone.network.before_pull = lambda: one_phone.log_in(one_phone.eve)
    with pytest.raises(LoginNeededError, match="is logged in on this phone now"):
        one_phone.engine.sync()
    assert [entry.id for entry in one_phone.book.every("ball")] == ["adas"]
    assert (_balls(bowler), _balls(eve), one_phone.book.unsent()) == (set(), {"eves"}, 1)


def test_a_sync_in_the_background_waits_for_its_user(one_phone: OnePhone, bowler: Bowler, eve: Bowler) -> None:
    """A thread that outlives the login tells that it is another's, does nothing, and goes on when its user is back."""
    statuses: queue.Queue[SyncStatus] = queue.Queue()
    timing = Timing(jitter_s=lambda _: 3600.0)
    background = BackgroundSync(one_phone.engine.sync, timing, statuses.put, poll_s=3600.0, gather_s=0.0)
    one_phone.log_in(one_phone.eve)
    background.start()
    problem = statuses.get(timeout=LONGEST_S).problem
    assert isinstance(problem, LoginNeededError)
    assert bowler.username in str(problem)
    assert (_balls(eve), one_phone.book.unsent()) == ({"eves"}, 1)
    one_phone.log_in(one_phone.ada)
    background.wake()
    assert statuses.get(timeout=LONGEST_S).problem is None
    background.stop(LONGEST_S)
    assert (_balls(bowler), _balls(eve)) == ({"adas"}, {"eves"})


def test_nobodys_sync_is_refused(bowler: Bowler) -> None:
    """Before anybody has logged in there is no user that a sync could be bound to."""
    with ApiClient(bowler.api.url) as client, pytest.raises(LoginNeededError, match="Nobody is logged in"):
        _ = client.sync


def test_a_refused_token_is_not_replaced_by_that_of_another_user(one_phone: OnePhone, eve: Bowler) -> None:
    """Of an access token that ends just when another user logs in, the new one is hers: the request is not repeated."""
    store = FileTokenStore(one_phone.database.path.parent / "login.json")
    login = one_phone.client._login.of_one_user()
    tokens = store.load()
    assert tokens is not None
    one_phone.log_in(one_phone.eve)
    with pytest.raises(LoginNeededError, match="is logged in on this phone now"):
        login.replace(tokens.access_token)
    assert _balls(eve) == {"eves"}
