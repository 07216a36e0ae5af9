"""The real controller as a server that phones can be tested against, one user of it at a time."""

import time

from chalicelib.versions import RawItem
from phone_client import ApiClient
from phone_client.sync import PullReply, PushBatch, PushReply
from tests.api import PASSWORD, Bowler
from tests.chalicelib.restoring import items_of, renew, restore
from tests.phone_client.sync_model import Fields, Key, without_nulls

_LONGEST_SWEEP_S = 30.0


class RealServer:
    """One user of the real API.

    Attributes:
        now_s: The time by which the phones' clocks go; the server's own clock is the machine's.
    """

    def __init__(self, bowler: Bowler) -> None:
        self.now_s = time.time()
        self._bowler = bowler
        self._client = ApiClient(bowler.api.url)
        self._client.log_in(bowler.username, PASSWORD)

    def push(self, batch: PushBatch) -> PushReply:
        """Send a batch."""
        return self._client.sync.push(batch)

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Ask for a page."""
        return self._client.sync.pull(cursor, limit)

    def live(self) -> dict[Key, Fields]:
        """Return the fields of all live entries."""
        found: dict[Key, Fields] = {}
        cursor, more = None, True
        while more:
            page = self.pull(cursor, 1000)
            for entry in page.changes:
                found.pop((entry.type, entry.id), None)
                if not entry.deleted:
                    found[entry.type, entry.id] = without_nulls(entry.fields or {})
            cursor, more = page.cursor, page.more
        return found

    def backup(self) -> list[RawItem]:
        """Return what the server has of this user."""
        return items_of(self._user_id)

    def restore(self, backup: list[RawItem]) -> None:
        """Go back to a backup, under a new epoch; without a head in it no cursor of before is known anyway."""
        restore(self._user_id, backup)
        for item in backup:
            renew(item)

    @property
    def _user_id(self) -> str:
        return str(self._bowler("GET", "/v1/users/me").json["id"])

    def wait_for_sweeps(self) -> None:
        """Wait until nothing is left below what was deleted: only then the server counts what it has."""
        ends_at_s = time.monotonic() + _LONGEST_SWEEP_S
        while self.pull(None, 1000).count is None:
            assert time.monotonic() < ends_at_s, "What was deleted is not swept."
            self.work()

    def work(self) -> None:
        """Leave the server a moment: it works in the background by itself."""
        time.sleep(0.05)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
