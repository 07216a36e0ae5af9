"""What a transaction of the scorebook does and relies on, action by action; each asks to be told what was there.

Source: "TransactWriteItems", Amazon DynamoDB API Reference.
"""

from typing import Any

from chalicelib.accounts.closing import CLOSING, OpennessItem
from chalicelib.scorebook import rows
from chalicelib.scorebook.items import HeadItem
from chalicelib.scorebook.rows import OPEN, Head, Key
from chalicelib.settings import settings
from chalicelib.versions import RawItem

Action = dict[str, Any]
MOST = 100
"""Of a transaction."""
_TELL = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def key_of(user_id: str, sk: str) -> RawItem:
    """Return the key of an item."""
    return {"pk": {"S": rows.partition(user_id)}, "sk": {"S": sk}}


def put_new(item: RawItem) -> Action:
    """Return the action that writes an item where none is."""
    return _put(item, "attribute_not_exists(pk)")


def put_instead(item: RawItem, ver: int) -> Action:
    """Return the action that writes an entry in the place of its version `ver`."""
    return _put(item, "ver = :ver", {":ver": {"N": str(ver)}})


def _put(item: RawItem, condition: str, values: dict[str, Any] | None = None) -> Action:
    action = {"TableName": settings().scorebook_table, "Item": item, "ConditionExpression": condition, **_TELL}
    return {"Put": action if values is None else {**action, "ExpressionAttributeValues": values}}


def require_live(user_id: str, key: Key, position: str | None = None) -> Action:
    """Return the action that lets a transaction fail unless an entry is live, and stands where it is thought to."""
    check = {"TableName": settings().scorebook_table, "Key": key_of(user_id, rows.sort_key(key)), **_TELL}
    condition = "attribute_exists(pk) AND attribute_not_exists(deleted)"
    if position is None:
        return {"ConditionCheck": {**check, "ConditionExpression": condition}}
    values = {":tree": {"S": position}}
    return {
        "ConditionCheck": {
            **check,
            "ConditionExpression": f"{condition} AND tree = :tree",
            "ExpressionAttributeValues": values,
        }
    }


def require_there(user_id: str, sk: str) -> Action:
    """Return the action that lets a transaction fail unless there is an item."""
    return _check(user_id, sk, "attribute_exists(pk)")


def require_none(user_id: str, sk: str) -> Action:
    """Return the action that lets a transaction fail when there is an item."""
    return _check(user_id, sk, "attribute_not_exists(pk)")


def _check(user_id: str, sk: str, condition: str) -> Action:
    key = key_of(user_id, sk)
    return {
        "ConditionCheck": {
            "TableName": settings().scorebook_table,
            "Key": key,
            "ConditionExpression": condition,
            **_TELL,
        }
    }


def remove(user_id: str, sk: str) -> Action:
    """Return the action that removes an item, which must be there."""
    key = key_of(user_id, sk)
    return {
        "Delete": {
            "TableName": settings().scorebook_table,
            "Key": key,
            "ConditionExpression": "attribute_exists(pk)",
            **_TELL,
        }
    }


def make_head(user_id: str, head: Head) -> list[Action]:
    """Return the actions that make a user's head, if the account is open."""
    key = {"pk": {"S": rows.partition(user_id)}, "sk": {"S": OpennessItem.SK}}
    is_open = {
        "TableName": settings().accounts_table,
        "Key": key,
        # As `accounts.closing.IS_OPEN` has it.
        "ConditionExpression": "attribute_exists(pk) AND (attribute_not_exists(#state) OR #state <> :closing)",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":closing": {"S": CLOSING}},
    }
    return [put_new(rows.head_item(user_id, head)), {"ConditionCheck": is_open}]


def move_head(user_id: str, before: Head, after: Head) -> Action:
    """Return the action that moves a head on, if it is as it was read and open."""
    values = {
        ":before": {"N": str(before.n)},
        ":swept": {"N": str(before.sweeping)},
        ":epoch": {"S": before.epoch},
        ":open": {"S": OPEN},
        ":n": {"N": str(after.n)},
        ":prev": {"N": str(after.prev)},
        ":at": {"N": str(after.at)},
        ":count": {"N": str(after.count)},
        ":sweeping": {"N": str(after.sweeping)},
    }
    return {
        "Update": {
            "TableName": settings().scorebook_table,
            "Key": key_of(user_id, HeadItem.SK),
            "ConditionExpression": "n = :before AND sweeping = :swept AND epoch = :epoch AND #state = :open",
            "UpdateExpression": "SET n = :n, prev = :prev, #at = :at, #count = :count, sweeping = :sweeping",
            "ExpressionAttributeNames": {"#at": "at", "#count": "count", "#state": "state"},
            "ExpressionAttributeValues": values,
            **_TELL,
        }
    }
