"""A sync from its beginning to its end, which may be broken off at any point and goes on from there."""

import sqlite3
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from phone_client.database import Database, held_changes, outbox
from phone_client.database import sync_state as states
from phone_client.errors import ProblemError, ServerTroubleError, UsageError, WrongAnswerError
from phone_client.scorebook.ids import Ids
from phone_client.sync.messages import PushBatch, SyncTransport
from phone_client.sync.outgoing import next_batch, take_back
from phone_client.sync.pages import Taken, begin_anew, take_pull
from phone_client.sync.replies import Settled, reject, take_reply

PAGE_ENTRIES = 1000
_MOST_FULL_PULLS = 3
_MOST_OTHER_IDS = 3
_MOST_IN_VAIN = 20
_TOO_LARGE = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(slots=True)
class SyncOutcome:
    """What a sync did.

    Attributes:
        pulled: How many entries came, this phone's own among them.
        pushed: How many changes the server took.
        held: How many it did not take in this sync; the user decides.
        held_in_all: How many wait for the user's decision.
        unsent: How many changes are still unsent, made meanwhile.
        full_pulls: How often everything had to be pulled.
        removed: How many entries went from here at the end of such a pull, because the server has them no more.
        is_same: Whether this phone has what the server has, as far as the server said.
    """

    pulled: int = 0
    pushed: int = 0
    held: int = 0
    held_in_all: int = 0
    unsent: int = 0
    full_pulls: int = 0
    removed: int = 0
    is_same: bool = True


class SyncEngine:
    """Syncs a database with the server. Two on the same database, in two processes, do no harm.

    Args:
        database: The phone's database.
        transport: Carries the messages.
        account: Whose data the server has: the user's id and the API's address.
        ids: Makes the ids of batches.
        page_entries: How many entries a page may bring.
    """

    def __init__(
        self,
        database: Database,
        transport: SyncTransport,
        account: str,
        ids: Ids | None = None,
        page_entries: int = PAGE_ENTRIES,
    ) -> None:
        self._database = database
        self._transport = transport
        self._account = account
        self._ids = ids or Ids()
        self._page_entries = page_entries
        self._other_ids = 0
        self._has_lost = False

    def sync(self) -> SyncOutcome:
        """Pull, push, and pull again when something was pushed.

        Raises:
            NetworkError: The server was not reached, or a reply was lost. Nothing is lost: sync again.
            ServerTroubleError: The server asks to wait.
            ProblemError: It refuses.
            LoginNeededError: The login has ended.
            WrongAnswerError: It does not answer as the API does.
            UsageError: The database holds another account's data.
        """
        self._check_account()
        self._other_ids, self._has_lost = 0, False
        outcome = SyncOutcome()
        # The pull comes first: after a restore of the server, changes of what it lost would be refused.
        self._pull(outcome)
        if self._push(outcome):
            self._pull(outcome)
        # A restore came between the two: that pull was of everything, and what the server has lost waits now, whole.
        if self._has_lost and self._push(outcome):
            self._pull(outcome)
        with self._database.reading() as db:
            outcome.unsent = outbox.unsent_count(db)
            outcome.held_in_all = len(held_changes.every(db))
        return outcome

    def _check_account(self) -> None:
        with self._database.transaction() as db:
            state = states.read(db)
            if state.account is None:
                state.account = self._account
                states.write(db, state)
        if state.account != self._account:
            raise UsageError(
                f"This phone's scorebook belongs to another user ({state.account}) than who is logged in "
                f"({self._account}). Nothing was sent; log in as that user, or use another folder."
            )

    def _pull(self, outcome: SyncOutcome) -> None:
        is_last = False
        while not is_last:
            taken = self._pull_page()
            outcome.pulled += taken.entries
            outcome.is_same = taken.is_same
            outcome.full_pulls += taken.begins_anew
            outcome.removed += taken.removed
            is_last = taken.is_last
            if outcome.full_pulls > _MOST_FULL_PULLS:
                raise WrongAnswerError("The server asks for everything over and over. Nothing is lost; try later.")

    def _pull_page(self) -> Taken:
        with self._database.reading() as db:
            asked = states.read(db)
        try:
            reply = self._transport.pull(asked.cursor, self._page_entries)
            behind_s = self._clock_behind_s()
        except ProblemError as error:
            if error.problem.status != HTTPStatus.BAD_REQUEST or asked.cursor is None:
                raise
            # The cursor is none that this server can read, such as one of an earlier version.
            with self._database.transaction() as db:
                begin_anew(db, asked)
            return Taken(is_last=False, begins_anew=True)
        with self._database.transaction() as db:
            states.keep_clock(db, behind_s)
            return take_pull(db, asked, reply, self._now(db))

    def _push(self, outcome: SyncOutcome) -> bool:
        did_push, in_vain = False, 0
        # A server that answers one thing to everything must not keep the phone busy for ever.
        while in_vain < _MOST_IN_VAIN and (batch := self._next_batch()):
            settled = self._send(batch)
            outcome.pushed += settled.taken
            outcome.held += settled.held
            in_vain = 0 if settled.taken or settled.held else in_vain + 1
            did_push = True
            if settled.lost:
                # What waits would be refused as well.
                outcome.full_pulls += 1
                self._has_lost = True
                break
        return did_push

    def _next_batch(self) -> PushBatch | None:
        with self._database.transaction() as db:
            return next_batch(db, self._ids.new(), self._now(db))

    def _send(self, batch: PushBatch) -> Settled:
        try:
            reply = self._transport.push(batch)
            behind_s = self._clock_behind_s()
        except ServerTroubleError:
            raise
        except ProblemError as error:
            return self._take_refusal(batch, error)
        with self._database.transaction() as db:
            states.keep_clock(db, behind_s)
            return take_reply(db, batch.batch_id, reply, self._now(db), may_pull_all=not self._has_lost)

    def _take_refusal(self, batch: PushBatch, error: ProblemError) -> Settled:
        """Make smaller batches of one that the server refuses whole, until the change that is at fault stands alone."""
        status = error.problem.status
        is_id_used = status == HTTPStatus.CONFLICT and self._other_ids < _MOST_OTHER_IDS
        if status not in _TOO_LARGE and not is_id_used:
            raise error
        self._other_ids += is_id_used
        with self._database.transaction() as db:
            if outbox.open_batch(db) != batch.batch_id:
                return Settled()
            if not is_id_used and len(batch.changes) == 1:
                return reject(db, batch.batch_id, msgspec.to_builtins(error.problem), self._now(db))
            take_back(db, batch.batch_id)
            if not is_id_used:
                state = states.read(db)
                state.largest_batch = max(1, len(batch.changes) // 2)
                states.write(db, state)
        return Settled()

    def _now(self, db: sqlite3.Connection) -> str:
        return states.now_text(db, self._ids.now_s())

    def _clock_behind_s(self) -> float | None:
        # Asked for right after the reply: the database may be busy for seconds.
        server_time_s: float | None = getattr(self._transport, "server_time_s", None)
        return None if server_time_s is None else server_time_s - self._ids.now_s()
