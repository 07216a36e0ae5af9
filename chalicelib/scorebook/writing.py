"""The one way into the scorebook: pushes, direct changes, captures and deletions all come through `write`.

Changes are cut into parts that fit one transaction each. A part is written under the head that it was decided with:
when another write came first, or something is not as thought, nothing is written, and the part is decided again.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chalicelib.accounts.closing import AccountClosing
from chalicelib.errors import Problem
from chalicelib.scorebook import batches, store, transactions
from chalicelib.scorebook.busy import ATTEMPTS, ScorebookBusy, wait
from chalicelib.scorebook.changes import Change, Rejection
from chalicelib.scorebook.entry_types import type_of
from chalicelib.scorebook.merging import Outcome, Row
from chalicelib.scorebook.planning import Knowledge
from chalicelib.scorebook.rows import CLOSED, Head, Key
from chalicelib.scorebook.transactions import MOST_OF_A_PART, Batch, Item, Part, new_head

_CLOSING = "Nothing was changed: this account is being deleted."
Guard = Callable[[Head], None]
"""Looks at anything of the user's once the head is read; what it saw still holds when the part is written."""


class BatchReused(Problem):
    """The batch_id was used before, with other content."""

    status = 409
    name = "batch-reused"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        outcomes: What became of each change, in the order in which they were given. Those of a push that was done
            before are without the server's rows.
        head: The head afterwards.
    """

    outcomes: list[Outcome]
    head: Head


def write(
    user_id: str,
    changes: Sequence[Item],
    batch: Batch | None = None,
    *,
    guard: Guard | None = None,
    known: Iterable[Row] = (),
    marks: bool = True,
) -> Written:
    """Write changes, each for itself: one that is rejected keeps none of the others.

    Args:
        user_id: Whose.
        changes: What is to be written; a rejection among them stands for a change that is none.
        batch: Under which this is remembered, so that the same once more answers the same and changes nothing.
        guard: Called with the head before each part is decided; what it raises ends the writing.
        known: Entries as they were just read, so that they are not read again.
        marks: Whether the deletion of a session or game is marked, so that its descendants go as well.

    Raises:
        AccountClosing: The account is being deleted, or was.
        BatchReused: This batch has another content.
        ScorebookBusy: Others wrote all the time; parts may have been written, and the same once more goes on there.
    """
    order = _order(changes)
    items = [changes[place] for place in order]
    knowledge = Knowledge({row.key: row for row in known})
    head, number = store.find_head(user_id), 0
    outcomes: list[Outcome] = []
    while len(outcomes) < len(items):
        done = len(outcomes)
        part = Part(user_id, items[done:], done, number, batch, knowledge, marks)
        written = _write_part(part, head, guard)
        if written is None:
            before = _done_before(part, items)
            head, number, outcomes = store.find_head(user_id), before.count, before.outcomes
        else:
            head, number, outcomes = written.head, number + 1, outcomes + written.outcomes
    return Written(_in_given_order(order, outcomes), head or new_head())


def _order(changes: Sequence[Item]) -> list[int]:
    """Return the places of changes in the order in which they are written: what others belong to first, deletions last.

    A deletion that is followed by another change of the same entry stays before it.
    """
    last = {change.key: place for place, change in enumerate(changes) if isinstance(change, Change)}

    def rank(place: int) -> tuple[bool, int]:
        change = changes[place]
        if isinstance(change, Rejection):
            return False, 0
        return change.op == "delete" and last[change.key] == place, type_of(change.type).rank

    return sorted(range(len(changes)), key=rank)


def _in_given_order(order: Sequence[int], outcomes: Sequence[Outcome]) -> list[Outcome]:
    by_place = dict(zip(order, outcomes, strict=True))
    return [by_place[place] for place in range(len(order))]


def _write_part(part: Part, head: Head | None, guard: Guard | None) -> Written | None:
    """Write a part; None when it was written before: by this push, whose answer did not arrive."""
    _read_what_is_needed(part)
    for attempt in range(ATTEMPTS):
        if head is not None and head.state == CLOSED:
            raise AccountClosing(_CLOSING)
        if guard is not None:
            guard(head or new_head())
        transaction = transactions.plan_part(part, head)
        try:
            failed = store.write(transaction.actions, str(uuid.uuid4())) if transaction.actions else []
        except store.CollidedError:
            time.sleep(wait(attempt))
            head = store.find_head(part.user_id)
            continue
        if not failed:
            part.known.rows.update(transaction.plan.after)
            return Written(transaction.plan.outcomes, transaction.head)
        what = {transaction.names[each.index]: each.item for each in failed}
        if transactions.BATCH in what:
            return None
        if transactions.OPENNESS in what:
            raise AccountClosing(_CLOSING)
        transactions.learn(part.known, what)
        if transactions.HEAD in what:
            time.sleep(wait(attempt))
            head = store.find_head(part.user_id)
    raise ScorebookBusy.overloaded()


def _read_what_is_needed(part: Part) -> None:
    """Read what a decision needs: what is changed, and the games of frames; a new entry needs nothing."""
    wanted: set[Key] = set()
    for item in part.items[:MOST_OF_A_PART]:
        if isinstance(item, Change):
            if item.op != "put" or item.base:
                wanted.add(item.key)
            if item.type == "frame" and item.fields.get("game_id") is not None:
                wanted.add(("game", item.fields["game_id"]))
    wanted -= part.known.rows.keys()
    if wanted:
        part.known.rows.update(store.find_rows(part.user_id, sorted(wanted)))


@dataclass(frozen=True, slots=True)
class _Before:
    count: int
    outcomes: list[Outcome]


def _done_before(part: Part, items: Sequence[Item]) -> _Before:
    """Return how many parts of a push were written before, and what became of their changes."""
    assert part.batch is not None  # noqa: S101 - nothing else is remembered
    found = store.parts_of(part.user_id, part.batch.id)
    if any(item["digest"]["S"] != part.batch.digest for item in found):
        raise BatchReused("Nothing was changed. Send other changes under another batch_id.")
    outcomes = [outcome for item in found for outcome in batches.recall(item["outcomes"]["S"])]
    # What is no change says so by itself, with all of its errors.
    told = [
        Outcome("rejected", 0, rejection=item) if isinstance(item, Rejection) else outcome
        for item, outcome in zip(items, outcomes, strict=False)
    ]
    return _Before(len(found), told)
