"""The index of the Raw database in DynamoDB: one row for each capture of a user, and the tickets of uploads to S3."""

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.captures import rows
from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import REJECTED

Position = tuple[str, str]
"""Where a list stands in the caller's own partition: the received key and the sort key of the last item."""

partition = rows.partition


def sort_key(sha256: str) -> str:
    """Return the sort key of a capture."""
    return CaptureItem.SK_PREFIX + sha256


def add(item: CaptureItem) -> tuple[CaptureItem, bool]:
    """Write a capture's row unless there is one; a rejected one gives way, but not to the same verdict once more.

    Returns:
        The row that is there now, and whether it is this one. A write whose reply was lost and that the SDK sent again
        finds its own row, and knows it by its `write_id`.
    """
    gives_way = CaptureItem.state == REJECTED
    if item.state == REJECTED:
        gives_way &= CaptureItem.ticket_id != item.ticket_id
    try:
        item.save(condition=CaptureItem.pk.does_not_exist() | gives_way)
    except PutError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        there = CaptureItem.get(item.pk, item.sk, consistent_read=True)
        return there, there.write_id == item.write_id
    return item, True


def find(user_id: str, sha256: str) -> CaptureItem | None:
    """Return a user's capture."""
    try:
        return CaptureItem.get(partition(user_id), sort_key(sha256), consistent_read=True)
    except DoesNotExist:
        return None


def put_ticket(ticket: TicketItem) -> None:
    """Write a ticket; an earlier one for the same bytes gives way. The same ticket written twice changes nothing."""
    ticket.save()


def find_ticket(user_id: str, sha256: str) -> TicketItem | None:
    """Return the ticket for bytes of this hash, open or not."""
    try:
        return TicketItem.get(partition(user_id), TicketItem.SK_PREFIX + sha256, consistent_read=True)
    except DoesNotExist:
        return None


def newest(user_id: str, limit: int, after: Position | None) -> tuple[list[CaptureItem], Position | None]:
    """Return a page of a user's captures, newest first, and where the next page begins.

    Args:
        user_id: Whose.
        limit: At most so many.
        after: The position that the page before ended at.
    """
    start = None
    if after is not None:
        start = {"pk": {"S": partition(user_id)}, "received_key": {"S": after[0]}, "sk": {"S": after[1]}}
    found = CaptureItem.by_received.query(
        partition(user_id), consistent_read=True, scan_index_forward=False, limit=limit, last_evaluated_key=start
    )
    items = list(found)
    last = found.last_evaluated_key
    return items, (last["received_key"]["S"], last["sk"]["S"]) if last else None
