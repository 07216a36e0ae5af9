"""Sync in the background: a thread that syncs now and then, and soon after an edit."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from phone_client.errors import ClientError, ProblemError
from phone_client.sync.engine import SyncOutcome
from phone_client.timing import Timing

POLL_S = 60.0
GATHER_S = 1.0
FIRST_BACKOFF_S = 2.0
LONGEST_BACKOFF_S = 300.0


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How the sync in the background is doing, for the user to see.

    Attributes:
        outcome: What the last sync did; None before the first one that went well.
        problem: Why the last one failed; None when it went well.
        failures: How many have failed since one went well.
    """

    outcome: SyncOutcome | None = None
    problem: ClientError | None = None
    failures: int = 0


class BackgroundSync:
    """Syncs in a thread of its own until it is stopped; trouble makes it wait longer, never give up.

    Args:
        sync: Does one sync, such as `SyncEngine.sync`.
        timing: The dice; the waiting is on an event, so that an edit or the end breaks it off.
        on_status: Called in the thread after each sync.
        poll_s: How long it waits when there is nothing to do.
        gather_s: How long it waits after an edit, for more of them.
    """

    def __init__(
        self,
        sync: Callable[[], SyncOutcome],
        timing: Timing | None = None,
        on_status: Callable[[SyncStatus], object] = lambda _: None,
        poll_s: float = POLL_S,
        gather_s: float = GATHER_S,
    ) -> None:
        self._sync = sync
        self._timing = timing or Timing()
        self._on_status = on_status
        self._poll_s = poll_s
        self._gather_s = gather_s
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self.status = SyncStatus()

    def start(self) -> None:
        """Begin; the first sync is at once."""
        self._thread.start()

    def wake(self) -> None:
        """Sync soon: something was edited, or the network is back. A server that asked to wait is still left alone."""
        self._woken.set()

    def stop(self, timeout_s: float | None = None) -> None:
        """End, after a sync that is going on. What is not synced is synced next time."""
        self._stopped.set()
        self._woken.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._sync_once()
            self._wait()

    def _sync_once(self) -> None:
        self._woken.clear()
        try:
            self.status = SyncStatus(self._sync())
        except ClientError as error:
            self.status = SyncStatus(self.status.outcome, error, self.status.failures + 1)
        except Exception as error:
            # A fault of the program: it is shown where the user looks, and goes on to whoever collects faults.
            problem = ClientError(
                f"The sync has failed by a fault of its own ({error}). Nothing is lost; start it anew."
            )
            self.status = SyncStatus(self.status.outcome, problem, self.status.failures + 1)
            self._on_status(self.status)
            raise
        self._on_status(self.status)

    def _wait(self) -> None:
        asked_s = _asked_s(self.status.problem)
        if asked_s:
            self._stopped.wait(asked_s)
        if self._stopped.is_set():
            return
        if self._woken.wait(self._pause_s()):
            self._stopped.wait(self._gather_s)

    def _pause_s(self) -> float:
        if not self.status.failures:
            return self._poll_s
        longest_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(self.status.failures, 10))
        # Full jitter: a thousand phones that lost the server together do not come back together.
        return self._timing.jitter_s(longest_s)


def _asked_s(problem: ClientError | None) -> float | None:
    return problem.retry_after_s if isinstance(problem, ProblemError) else None
