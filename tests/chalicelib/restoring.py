"""One user's part of the scorebook, as a backup has it, and brought back as an operator does."""

from chalicelib.scorebook.items import HeadItem
from chalicelib.settings import settings
from chalicelib.versions import RawItem
from maintenance.epochs import renewing
from maintenance.table import Table
from maintenance.walk import Pace
from tests.chalicelib import dump

FAST = 1e9


def items_of(user_id: str) -> list[RawItem]:
    """Return all items of a user."""
    with dump.client("dynamodb") as client:
        found: list[RawItem] = client.query(
            TableName=settings().scorebook_table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"U#{user_id}"}},
            ConsistentRead=True,
        )["Items"]
    return found


def restore(user_id: str, then: list[RawItem]) -> None:
    """Bring a user's items back to what they were; the epoch is the one of then."""
    table = settings().scorebook_table
    now = items_of(user_id)
    with dump.client("dynamodb") as client:
        for item in now:
            client.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})
        for item in then:
            client.put_item(TableName=table, Item=item)


def head_of(user_id: str) -> RawItem:
    """Return the head of a user's feed."""
    return next(item for item in items_of(user_id) if item["sk"]["S"] == HeadItem.SK)


def renew(item: RawItem) -> str:
    """Do with one item what `python -m maintenance new-epoch` does with all, and return what it tells."""
    return renewing(Table(settings().scorebook_table), Pace(FAST), is_dry=False)(item)
