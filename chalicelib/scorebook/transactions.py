"""A part of a write as one transaction of DynamoDB: its actions, and what each of them is about."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chalicelib.scorebook import actions, batches, rows
from chalicelib.scorebook.actions import Action
from chalicelib.scorebook.changes import Change, Rejection
from chalicelib.scorebook.cursor import new_epoch
from chalicelib.scorebook.merging import MICROS, Outcome
from chalicelib.scorebook.planning import Knowledge, Plan
from chalicelib.scorebook.rows import OPEN, Head, Key
from chalicelib.versions import RawItem

MOST_OF_A_PART = 250
"""Changes; those that write nothing cost no action, and are remembered all the same."""
Item = Change | Rejection
Name = tuple[str, Key]
"""What an action is about: a word, and for some which entry."""
_NONE: Key = ("", "")
HEAD: Name = ("head", _NONE)
OPENNESS: Name = ("open", _NONE)
BATCH: Name = ("batch", _NONE)
_ENTRY = "entry"
_SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Batch:
    """A push that is remembered.

    Attributes:
        id: The client's name for it.
        digest: What tells its content from another.
    """

    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Part:
    """What is left of a write, and as much of it as has room is the next part.

    Attributes:
        user_id: Whose.
        items: What is left.
        begins: How many changes come before it.
        number: How many parts come before it.
        batch: Under which it is remembered.
        known: What is known of the user's entries.
        marks: Whether the deletion of what others belong to is marked.
    """

    user_id: str
    items: Sequence[Item]
    begins: int
    number: int
    batch: Batch | None
    known: Knowledge
    marks: bool = True


@dataclass(slots=True)
class Transaction:
    """A transaction.

    Attributes:
        plan: What it does.
        head: The head afterwards.
        actions: Its actions.
        names: What each of them is about.
    """

    plan: Plan
    head: Head
    actions: list[Action] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)

    def add(self, name: Name, action: Action) -> None:
        """Add an action."""
        self.names.append(name)
        self.actions.append(action)


def new_head() -> Head:
    """Return the head of a user who has none yet."""
    return Head(n=0, prev=0, at=0, epoch=new_epoch(), min_seq=0, state=OPEN, count=0, sweeping=0)


def plan_part(part: Part, head: Head | None) -> Transaction:
    """Return the transaction that writes as many of the changes as have room in it; none when nothing is to be done.

    Args:
        part: What is left.
        head: The user's head, None when there is none yet.
    """
    extra = 1 + (head is None) + (part.batch is not None)
    plan = Plan(part.known, time.time_ns() // 1000, actions.MOST - extra, part.marks)
    for item in part.items[:MOST_OF_A_PART]:
        if isinstance(item, Rejection):
            plan.outcomes.append(Outcome("rejected", 0, rejection=item))
        elif not plan.add(item):
            break
    before = head or new_head()
    transaction = Transaction(plan, plan.head(before))
    if plan.after or part.batch is not None:
        _add_head(transaction, part, head)
        _add_batch(transaction, part)
        _add_entries(transaction, part, before)
    return transaction


def _add_head(transaction: Transaction, part: Part, head: Head | None) -> None:
    if head is None:
        made, is_open = actions.make_head(part.user_id, transaction.head)
        transaction.add(HEAD, made)
        transaction.add(OPENNESS, is_open)
    else:
        transaction.add(HEAD, actions.move_head(part.user_id, head, transaction.head))


def _add_batch(transaction: Transaction, part: Part) -> None:
    if part.batch is not None:
        outcomes = batches.remember(transaction.plan.outcomes)
        expires_s = transaction.plan.now // MICROS + batches.KEPT_S
        key = rows.batch_key(part.batch.id, part.number)
        item = rows.batch_item(part.user_id, key, part.batch.digest, part.begins, outcomes, expires_s)
        transaction.add(BATCH, actions.put_new(item))


def _add_entries(transaction: Transaction, part: Part, before: Head) -> None:
    user_id, plan = part.user_id, transaction.plan
    for row in plan.rows(before):
        was, item = plan.before[row.key], rows.row_item(user_id, row)
        transaction.add((_ENTRY, row.key), actions.put_new(item) if was is None else actions.put_instead(item, was.ver))
    for need in plan.live.values():
        transaction.add((_ENTRY, need.key), actions.require_live(user_id, need.key, need.position))
    for key in plan.there:
        transaction.add((_ENTRY, key), actions.require_there(user_id, rows.sort_key(key)))
    for key, below in plan.swept.items():
        transaction.add((_SWEEP, key), actions.put_new(rows.sweep_item(user_id, key, below)))
    for key in plan.restored:
        transaction.add((_SWEEP, key), actions.require_none(user_id, rows.sweep_key(key)))


def learn(known: Knowledge, what: dict[Name, RawItem | None]) -> None:
    """Take up what was there where something else was thought."""
    for (kind, key), item in what.items():
        if kind == _ENTRY:
            known.rows[key] = None if item is None else rows.read_row(item)
        elif kind == _SWEEP:
            known.sweeping.add(key)
