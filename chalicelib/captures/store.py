"""The index of the Raw database in DynamoDB: one row for each capture of a user, and the tickets of uploads to S3."""

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.closing import AccountClosing, require_open
from chalicelib.captures import rows
from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import REJECTED
from chalicelib.captures.places import NOBODY, owner_of
from chalicelib.dynamodb import ConditionFailedError, write_together
from chalicelib.partition import CapturesRow

Position = tuple[str, str]
"""Where a list stands in the caller's own partition: the received key and the sort key of the last item."""

partition = rows.partition
RESULT_PREFIX = "M#"
"""What the algorithm unit keeps beside the rows begins so."""
_NOTHING_KEPT = "Nothing was kept: this account is being deleted."


def sort_key(sha256: str) -> str:
    """Return the sort key of a capture."""
    return CaptureItem.SK_PREFIX + sha256


def add(item: CaptureItem) -> tuple[CaptureItem, bool]:
    """Write a capture's row unless there is one; a rejected one gives way, but not to the same verdict once more.

    Returns:
        The row that is there now, and whether it is this one. A write whose reply was lost and that the SDK sent again
        finds its own row, and knows it by its `write_id`.

    Raises:
        AccountClosing: The account is being deleted, or there is none; nothing was written.
    """
    gives_way = CaptureItem.state == REJECTED
    if item.state == REJECTED:
        gives_way &= CaptureItem.ticket_id != item.ticket_id
    place = rows.place_of(item)

    def actions(write: TransactWrite) -> None:
        write.save(item, condition=CaptureItem.pk.does_not_exist() | gives_way)
        _require_all_open(write, place, item.brought_by)

    try:
        write_together(actions)
    except ConditionFailedError as error:
        there = find(place, rows.sha256_of(item))
        if there is None:
            raise AccountClosing(_NOTHING_KEPT) from error
        return there, there.write_id == item.write_id
    return item, True


def find(place: str, sha256: str) -> CaptureItem | None:
    """Return a capture of a user's account, or of an inbox."""
    try:
        return CaptureItem.get(partition(place), sort_key(sha256), consistent_read=True)
    except DoesNotExist:
        return None


def has_result(place: str, sha256: str) -> bool:
    """Return whether something was computed of a capture."""
    found = CapturesRow.query(
        partition(place), CapturesRow.sk.startswith(f"{RESULT_PREFIX}{sha256}#"), consistent_read=True, limit=1
    )
    return next(iter(found), None) is not None


def put_ticket(ticket: TicketItem) -> None:
    """Write a ticket; an earlier one for the same bytes gives way. The same ticket written twice changes nothing.

    Raises:
        AccountClosing: The account is being deleted, or there is none; nothing was written.
    """

    def actions(write: TransactWrite) -> None:
        write.save(ticket)
        _require_all_open(write, ticket.pk.removeprefix("U#"), ticket.brought_by)

    try:
        write_together(actions)
    except ConditionFailedError as error:
        raise AccountClosing(_NOTHING_KEPT) from error


def _require_all_open(write: TransactWrite, place: str, brought_by: str | None) -> None:
    # Whoever is named on it: the erasure of a bridge's owner takes that name off, and none may come after it.
    for user_id in sorted({owner_of(place), brought_by or owner_of(place)} - {NOBODY}):
        require_open(write, user_id)


def find_ticket(place: str, sha256: str) -> TicketItem | None:
    """Return the ticket for bytes of this hash, open or not."""
    try:
        return TicketItem.get(partition(place), TicketItem.SK_PREFIX + sha256, consistent_read=True)
    except DoesNotExist:
        return None


def newest(place: str, limit: int, after: Position | None) -> tuple[list[CaptureItem], Position | None]:
    """Return a page of a place's captures, newest first, and where the next page begins.

    Args:
        place: The account or the inbox.
        limit: At most so many.
        after: The position that the page before ended at.
    """
    start = None
    if after is not None:
        start = {"pk": {"S": partition(place)}, "received_key": {"S": after[0]}, "sk": {"S": after[1]}}
    found = CaptureItem.by_received.query(
        partition(place), consistent_read=True, scan_index_forward=False, limit=limit, last_evaluated_key=start
    )
    items = list(found)
    last = found.last_evaluated_key
    return items, (last["received_key"]["S"], last["sk"]["S"]) if last else None
