"""The audit in DynamoDB: added to and read, never changed."""

from chalicelib.accounts.items import AuditItem
from chalicelib.dynamodb import ConditionFailedError, told_conditions


def add(item: AuditItem) -> None:
    """Write a record; the same record written twice, after a lost reply, is one.

    Raises:
        ConditionFailedError: Another record stands there, and stays as it is.
    """
    try:
        with told_conditions():
            # A function may put here, and what is put without a condition takes the place of what is there.
            item.save(condition=AuditItem.pk.does_not_exist())
    except ConditionFailedError:
        there = next(iter(AuditItem.query(item.pk, AuditItem.sk == item.sk, consistent_read=True)), None)
        if there is None or there.serialize() != item.serialize():
            raise


def records_of(day: str, limit: int, before: str | None) -> tuple[list[AuditItem], str | None]:
    """Return a part of a day's records, newest first, and the sort key where the next part begins."""
    pk = f"A#{day}"
    start = None if before is None else {"pk": {"S": pk}, "sk": {"S": before}}
    found = AuditItem.query(pk, consistent_read=True, limit=limit, scan_index_forward=False, last_evaluated_key=start)
    items = list(found)
    last = found.last_evaluated_key
    return items, last["sk"]["S"] if last else None
