"""DynamoDB's transactions on moto: copies of the touched items only, and ClientRequestToken honoured.

moto 5.2.5 deep-copies the whole table once for each action of a transaction and applies a repeated token again.
The checks and errors here are moto's own, in moto's order.
Source: "TransactWriteItems", Amazon DynamoDB API Reference.
"""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import (
    ConditionalCheckFailed,
    MockValidationException,
    MultipleTransactionsException,
    TooManyTransactionsException,
    TransactionCanceledException,
    TransactWriteSingleOpException,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from local_cloud.calls import Reply

MOST_ACTIONS = 100
TOKEN_LIFETIME_S = 600
"""AWS forgets a ClientRequestToken after ten minutes."""

NO_REASON = (None, None, None)
Reason = tuple[str, str, dict[str, Any] | None] | tuple[None, None, None]


@dataclass(slots=True)
class _TouchedItems:
    """What the items that a transaction touches were before it, and how long each table's stream was."""

    items: list[tuple[Table, DynamoType, DynamoType | None, Item | None]] = field(default_factory=list)
    stream_lengths: dict[str, tuple[Any, int]] = field(default_factory=dict)

    def remember(self, backend: DynamoDBBackend, table: Table, key: dict[str, Any]) -> None:
        hash_key, range_key = backend.get_keys_value(table, key)
        before = copy.deepcopy(table.get_item(hash_key, range_key))
        self.items.append((table, hash_key, range_key, before))
        if table.stream_shard is not None:
            self.stream_lengths.setdefault(table.name, (table.stream_shard, len(table.stream_shard.items)))

    def restore(self) -> None:
        for table, hash_key, range_key, before in self.items:
            _put_back(table, hash_key, range_key, before)
        for stream, length in self.stream_lengths.values():
            del stream.items[length:]


def _put_back(table: Table, hash_key: DynamoType, range_key: DynamoType | None, before: Item | None) -> None:
    container: Any = table.items if range_key is None else table.items[hash_key]
    if before is None:
        container.pop(hash_key if range_key is None else range_key, None)
    else:
        container[hash_key if range_key is None else range_key] = before


def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Apply all of `transact_items` or none; a replacement for the method of that name of moto's backend.

    Raises moto's TransactionCanceledException with one cancellation reason for each action, and moto's validation
    errors (MockValidationException) for a request that DynamoDB would not begin.
    """
    if len(transact_items) > MOST_ACTIONS:
        raise TooManyTransactionsException
    touched = _TouchedItems()
    targets: set[tuple[str, str]] = set()
    reasons: list[Reason] = []
    try:
        for item in transact_items:
            if len(item) > 1:
                raise TransactWriteSingleOpException
            reasons.append(_outcome(backend, item, targets, touched))
    except MockValidationException:
        touched.restore()
        raise
    if any(reason != NO_REASON for reason in reasons):
        touched.restore()
        raise TransactionCanceledException(reasons)


def _outcome(
    backend: DynamoDBBackend, item: dict[str, Any], targets: set[tuple[str, str]], touched: _TouchedItems
) -> Reason:
    """Apply one action and return its cancellation reason; only validation errors leave as exceptions."""
    kind, action = next(iter(item.items()))
    try:
        _apply(backend, kind, action, targets, touched)
    except MockValidationException:
        raise
    except ConditionalCheckFailed as error:
        return ("ConditionalCheckFailed", str(error.message), _item_of(error))
    except Exception as error:  # noqa: BLE001 - as moto does: any other error cancels the transaction under its name
        return (type(error).__name__, str(error), None)
    return NO_REASON


def _item_of(error: ConditionalCheckFailed) -> dict[str, Any] | None:
    """Return the item that moto put into a failed condition's description, when it was asked for."""
    item: dict[str, Any] | None = json.loads(error.description).get("Item")
    return item


def _apply(
    backend: DynamoDBBackend,
    kind: str,
    action: dict[str, Any],
    targets: set[tuple[str, str]],
    touched: _TouchedItems,
) -> None:
    if kind not in _OPERATIONS:
        raise ValueError("Unsupported transaction operation")
    table = backend.get_table(action["TableName"])
    key = action["Key"] if kind != "Put" else {name: action["Item"][name] for name in table.table_key_attrs}
    target = (table.name, str(dict(sorted(key.items()))))
    if target in targets:
        raise MultipleTransactionsException
    targets.add(target)
    touched.remember(backend, table, key)
    _check_condition(backend, key, action)
    _OPERATIONS[kind](backend, key, action)


def _check_condition(backend: DynamoDBBackend, key: dict[str, Any], action: dict[str, Any]) -> None:
    if action.get("ConditionExpression") is None:
        return
    current = backend.get_item(action["TableName"], key)
    condition = get_filter_expression(
        action["ConditionExpression"], action.get("ExpressionAttributeNames"), action.get("ExpressionAttributeValues")
    )
    if not condition.expr(current):
        wanted = action.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and current is not None
        raise ConditionalCheckFailed(item=current.to_json()["Attributes"] if wanted and current is not None else None)


def _expressions(action: dict[str, Any]) -> dict[str, Any]:
    return {
        "condition_expression": action.get("ConditionExpression"),
        "expression_attribute_names": action.get("ExpressionAttributeNames"),
        "expression_attribute_values": action.get("ExpressionAttributeValues"),
    }


def _put(backend: DynamoDBBackend, _key: dict[str, Any], action: dict[str, Any]) -> None:
    backend.put_item(action["TableName"], action["Item"], **_expressions(action))


def _delete(backend: DynamoDBBackend, key: dict[str, Any], action: dict[str, Any]) -> None:
    backend.delete_item(action["TableName"], key, **_expressions(action))


def _update(backend: DynamoDBBackend, key: dict[str, Any], action: dict[str, Any]) -> None:
    backend.update_item(action["TableName"], key, update_expression=action["UpdateExpression"], **_expressions(action))


def _only_check(_backend: DynamoDBBackend, _key: dict[str, Any], _action: dict[str, Any]) -> None:
    """Do nothing: a ConditionCheck is done when its condition has been checked."""


_OPERATIONS: dict[str, Callable[[DynamoDBBackend, dict[str, Any], dict[str, Any]], None]] = {
    "ConditionCheck": _only_check,
    "Put": _put,
    "Delete": _delete,
    "Update": _update,
}


class AppliedTokens:
    """The ClientRequestTokens of the transactions applied in the last ten minutes, with a digest of what each asked."""

    def __init__(self) -> None:
        self._applied: dict[str, tuple[float, bytes]] = {}

    def answer(self, body: bytes, now_s: float) -> Reply | None:
        """Return the reply to a TransactWriteItems whose token was applied before, or None when it is to be applied.

        The same content gives a success that changes nothing, other content IdempotentParameterMismatchException.
        `body` is the request's JSON, `now_s` the time in seconds since 1970.
        """
        token, digest = _token_and_digest(body)
        applied_s, applied_digest = self._applied.get(token, (0.0, b""))
        if not token or now_s - applied_s >= TOKEN_LIFETIME_S:
            return None
        if digest == applied_digest:
            return _json_reply(200, {"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
        return _json_reply(
            400,
            {
                "__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
                "Message": "The request uses the same client token as a previous, but non-identical request.",
            },
        )

    def remember(self, body: bytes, applied_s: float) -> None:
        """Note that a transaction was applied at `applied_s`, in seconds since 1970."""
        token, digest = _token_and_digest(body)
        if not token:
            return
        self._applied.pop(token, None)
        self._applied[token] = (applied_s, digest)
        for old in list(self._applied):
            if applied_s - self._applied[old][0] < TOKEN_LIFETIME_S:
                break
            del self._applied[old]


def _token_and_digest(body: bytes) -> tuple[str, bytes]:
    try:
        request = json.loads(body)
        token = str(request.pop("ClientRequestToken", ""))
    except (ValueError, AttributeError):
        return "", b""
    # What the caller wants to be told of the costs is no part of what is asked for.
    request.pop("ReturnConsumedCapacity", None)
    return token, hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest()


def _json_reply(status: int, content: dict[str, Any]) -> Reply:
    return Reply(status, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(content).encode())
