"""The scorebook table, read and written in plain items: each function is one call of DynamoDB, or a page after another.

pynamodb's objects would take most of the time of a push or a pull of 1,000 entries.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.dynamodb import plain_client
from chalicelib.scorebook import actions, rows
from chalicelib.scorebook.actions import Action
from chalicelib.scorebook.busy import ScorebookBusy
from chalicelib.scorebook.items import BatchItem, EntryItem, HeadItem, SweepItem
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.rows import CLOSED, OPEN, Head, Key
from chalicelib.settings import settings
from chalicelib.versions import RawItem

_MOST_KEYS = 100
_TRIES_OF_A_READ = 6
_OVERLOADED = {
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
}
_COLLIDED = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


@dataclass(frozen=True, slots=True)
class Failed:
    """An action whose condition did not hold.

    Attributes:
        index: Which action.
        item: What was there; None for nothing.
    """

    index: int
    item: RawItem | None


class CollidedError(Exception):
    """Another transaction was at the same items; nothing was written."""


def _call(operation: Callable[..., Any], **request: Any) -> Any:
    try:
        return operation(**request, ReturnConsumedCapacity="TOTAL")
    except ClientError as error:
        if error.response["Error"]["Code"] in _OVERLOADED:
            raise ScorebookBusy.overloaded() from error
        raise


def _table() -> str:
    return settings().scorebook_table


def find_head(user_id: str) -> Head | None:
    """Return a user's head, read strongly; None before the first write."""
    item = _get(user_id, HeadItem.SK)
    return None if item is None else rows.read_head(item)


def find_row(user_id: str, key: Key) -> Row | None:
    """Return an entry or its tombstone, read strongly."""
    item = _get(user_id, rows.sort_key(key))
    return None if item is None else rows.read_row(item)


def _get(user_id: str, sk: str) -> RawItem | None:
    found = _call(plain_client().get_item, TableName=_table(), Key=actions.key_of(user_id, sk), ConsistentRead=True)
    item: RawItem | None = found.get("Item")
    return item


def find_rows(user_id: str, keys: Iterable[Key]) -> dict[Key, Row | None]:
    """Return some entries, read strongly, each with None when there is none."""
    wanted = list(dict.fromkeys(keys))
    found: dict[Key, Row | None] = dict.fromkeys(wanted)
    for begin in range(0, len(wanted), _MOST_KEYS):
        asked = [actions.key_of(user_id, rows.sort_key(key)) for key in wanted[begin : begin + _MOST_KEYS]]
        for item in _batch_get(asked):
            row = rows.read_row(item)
            found[row.key] = row
    return found


def _batch_get(keys: list[RawItem]) -> Iterator[RawItem]:
    for _ in range(_TRIES_OF_A_READ):
        asked = {_table(): {"Keys": keys, "ConsistentRead": True}}
        answer = _call(plain_client().batch_get_item, RequestItems=asked)
        yield from answer["Responses"].get(_table(), [])
        keys = answer.get("UnprocessedKeys", {}).get(_table(), {}).get("Keys", [])
        if not keys:
            return
    raise ScorebookBusy.overloaded()


def query(user_id: str, condition: str, values: dict[str, Any], limit: int | None, **request: Any) -> Iterator[RawItem]:
    """Yield plain items in their order, at most so many, page by page.

    Args:
        user_id: Whose.
        condition: What their keys fulfil.
        values: What the condition compares with.
        limit: At most so many; None for all.
        request: The rest of the call.
    """
    remaining = limit
    while True:
        if remaining is not None:
            request["Limit"] = remaining
        answer = _call(
            plain_client().query,
            TableName=_table(),
            ConsistentRead=True,
            KeyConditionExpression=f"pk = :pk AND {condition}",
            ExpressionAttributeValues={":pk": {"S": rows.partition(user_id)}, **values},
            **request,
        )
        yield from answer["Items"]
        if remaining is not None:
            remaining -= len(answer["Items"])
        if "LastEvaluatedKey" not in answer or remaining == 0:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def changed_between(user_id: str, after: int, until: int, limit: int) -> Iterator[RawItem]:
    """Yield the entries of the feed with `after < seq <= until`, in its order, as plain items."""
    if after >= until:
        return iter(())
    values = {":from": {"N": str(after + 1)}, ":until": {"N": str(until)}}
    return query(user_id, "seq BETWEEN :from AND :until", values, limit, IndexName=EntryItem.by_seq.Meta.index_name)


def all_entries(user_id: str) -> Iterator[RawItem]:
    """Yield all entries and tombstones as plain items, by type and id."""
    return query(user_id, "begins_with(sk, :prefix)", {":prefix": {"S": EntryItem.SK_PREFIX}}, None)


def below(user_id: str, position: str, limit: int | None = None) -> Iterator[RawItem]:
    """Yield the entries whose position in the tree begins so, in its order, as plain items."""
    values = {":prefix": {"S": position}}
    return query(user_id, "begins_with(tree, :prefix)", values, limit, IndexName=EntryItem.by_tree.Meta.index_name)


def sweeps(user_id: str) -> list[tuple[Key, str]]:
    """Return the deletions under way: what was deleted, and how the positions below it begin."""
    found = query(user_id, "begins_with(sk, :prefix)", {":prefix": {"S": SweepItem.SK_PREFIX}}, None)
    return [(rows.entry_key(item["sk"]["S"]), item["below"]["S"]) for item in found]


def is_swept(user_id: str, key: Key) -> bool:
    """Return whether the descendants of something deleted are still to go, read strongly."""
    return _get(user_id, rows.sweep_key(key)) is not None


def parts_of(user_id: str, batch_id: str) -> list[RawItem]:
    """Return what became of the parts of a push, in their order, as plain items."""
    values = {":prefix": {"S": rows.batch_prefix(batch_id)}}
    return [rows.today(BatchItem, item) for item in query(user_id, "begins_with(sk, :prefix)", values, None)]


def close_head(user_id: str) -> None:
    """Close a user's head, if there is one: no write comes after it."""
    _update_head(user_id, "attribute_exists(pk)", "#state = :closed", {":closed": {"S": CLOSED}})


def keep_digest(user_id: str, head: Head, digest: str, now: int) -> None:
    """Keep the checksum of everything with the head that it belongs to; with a later one only that it was tried."""
    at, still = {":at": {"N": str(now)}, ":open": {"S": OPEN}}, "n = :n AND #state = :open"
    found = {**at, ":n": {"N": str(head.n)}, ":digest": {"S": digest}}
    if not _update_head(user_id, still, "digest = :digest, digest_seq = :n, digest_at = :at", found):
        _update_head(user_id, "#state = :open", "digest_at = :at", at)


def _update_head(user_id: str, condition: str, change: str, values: dict[str, Any]) -> bool:
    """Change a head, if the condition holds, and return whether it did; done twice it is the same."""
    try:
        _call(
            plain_client().update_item,
            TableName=_table(),
            Key=actions.key_of(user_id, HeadItem.SK),
            ConditionExpression=condition,
            UpdateExpression=f"SET {change}",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def write(transaction: Sequence[Action], token: str) -> list[Failed]:
    """Do some actions wholly or not at all.

    Args:
        transaction: At most 100.
        token: Random for each try; the SDK repeats a lost one under it, and it is done once.

    Returns:
        The actions whose condition did not hold; none when all was written.

    Raises:
        CollidedError: Another transaction was at the same items, or DynamoDB had too much to do.
    """
    try:
        _call(plain_client().transact_write_items, TransactItems=list(transaction), ClientRequestToken=token)
    except ClientError as error:
        if error.response["Error"]["Code"] == "TransactionInProgressException":
            raise CollidedError(CollidedError.__doc__) from error
        reasons = error.response.get("CancellationReasons")
        if not reasons:
            raise
        return _failures(reasons, error)
    return []


def _failures(reasons: Sequence[Any], error: ClientError) -> list[Failed]:
    failed = [
        Failed(index, reason.get("Item") or None)
        for index, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    ]
    codes = {reason.get("Code") for reason in reasons} - {"None", None, "ConditionalCheckFailed"}
    if codes <= _COLLIDED and (failed or codes):
        if failed:
            return failed
        raise CollidedError(CollidedError.__doc__) from error
    raise error
