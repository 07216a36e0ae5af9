"""Taking a client's changes."""

from collections.abc import Sequence

import msgspec

from chalicelib import jobs
from chalicelib.errors import TooLarge
from chalicelib.scorebook import batches, store
from chalicelib.scorebook.changes import Change, Rejection, names_of, read_change
from chalicelib.scorebook.merging import Outcome
from chalicelib.scorebook.model import (
    LARGEST_REPLY_BYTES,
    MOST_CHANGES,
    ChangeResult,
    EntryView,
    PushReply,
    PushRequest,
)
from chalicelib.scorebook.rows import Head
from chalicelib.scorebook.transactions import Batch
from chalicelib.scorebook.views import problem_of, view_of
from chalicelib.scorebook.writing import write

_WITH_ROW = {"merged", "conflict"}


def push(user_id: str, request: PushRequest) -> PushReply:
    """Take a client's changes, each for itself, and tell what became of each.

    Raises:
        TooLarge: There are more than 1,000; nothing was changed.
        AccountClosing: The account is being deleted, or was.
        BatchReused: This batch_id was used before, with other content.
        ScorebookBusy: Part of it may be done; the same once more goes on there.
    """
    if len(request.changes) > MOST_CHANGES:
        raise TooLarge(f"A push has at most {MOST_CHANGES} changes; this one has {len(request.changes)}.")
    sent = [bytes(raw) for raw in request.changes]
    items = [read_change(raw) for raw in sent]
    written = write(user_id, items, Batch(request.batch_id, batches.digest_of(sent)))
    if written.head.sweeping:
        jobs.send(jobs.Job(jobs.DESCENDANTS, user_id))
    servers = _server_rows(user_id, items, written.outcomes)
    results = tuple(
        _result(raw, item, outcome, servers.get(place))
        for place, (raw, item, outcome) in enumerate(zip(sent, items, written.outcomes, strict=True))
    )
    return PushReply(results, count_of(written.head), checksum_at(written.head))


def count_of(head: Head) -> int | None:
    """Return how many live entries there are; None while descendants of what was deleted are still to go."""
    return None if head.sweeping else head.count


def checksum_at(head: Head) -> str | None:
    """Return the checksum of what there is, if it is known."""
    return head.digest if head.digest_seq == head.n and not head.sweeping else None


def _result(raw: bytes, item: Change | Rejection, outcome: Outcome, server: EntryView | None) -> ChangeResult:
    kind, entry_id = item.key if isinstance(item, Change) else names_of(raw)[::-1]
    problem = None if outcome.rejection is None else problem_of(outcome.rejection)
    return ChangeResult(entry_id, kind, outcome.status, outcome.ver, server, problem)


def _server_rows(
    user_id: str, items: Sequence[Change | Rejection], outcomes: Sequence[Outcome]
) -> dict[int, EntryView]:
    """Return the server's entries that go with the results, by place, as many as have room in a reply."""
    with_row = [
        (place, item, outcome)
        for place, (item, outcome) in enumerate(zip(items, outcomes, strict=True))
        if outcome.status in _WITH_ROW and isinstance(item, Change)
    ]
    anew = [item.key for _, item, outcome in with_row if outcome.server is None]
    found = store.find_rows(user_id, anew) if anew else {}
    servers: dict[int, EntryView] = {}
    room = LARGEST_REPLY_BYTES
    for place, item, outcome in with_row:
        row = outcome.server or found.get(item.key)
        if row is not None:
            view = view_of(row)
            room -= len(msgspec.json.encode(view))
            if room < 0:
                break
            servers[place] = view
    return servers
