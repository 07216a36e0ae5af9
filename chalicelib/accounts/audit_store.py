"""The audit in DynamoDB: added to and read, never changed."""

from chalicelib.accounts.items import AuditItem


def add(item: AuditItem) -> None:
    """Write a record; the same record written twice is one."""
    item.save()


def records_of(day: str, limit: int, before: str | None) -> tuple[list[AuditItem], str | None]:
    """Return a part of a day's records, newest first, and the sort key where the next part begins."""
    pk = f"A#{day}"
    start = None if before is None else {"pk": {"S": pk}, "sk": {"S": before}}
    found = AuditItem.query(pk, consistent_read=True, limit=limit, scan_index_forward=False, last_evaluated_key=start)
    items = list(found)
    last = found.last_evaluated_key
    return items, last["sk"]["S"] if last else None
