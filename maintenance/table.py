"""A table as the migration reaches it: read in segments, written item by item, each on condition that it is as read."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.versions import RawItem
from maintenance.position import Key

_KEY = ("pk", "sk")


class ItemChangedError(Exception):
    """The item is not as it was read; nothing was written."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a segment.

    Attributes:
        items: What is in it.
        after: Where it ends; None when nothing follows.
        units: The capacity that reading it took.
    """

    items: list[RawItem]
    after: Key | None
    units: float


class Table:
    """A table.

    Args:
        name: Its name.
        segments: How many parts it is read in.
        page_items: The most items that are read at once.
    """

    def __init__(self, name: str, segments: int = 1, page_items: int = 200) -> None:
        self.name = name
        self._segments = segments
        self._page_items = page_items
        config = Config(retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=segments + 1)
        self._client: Any = boto3.client("dynamodb", config=config)

    def item_count(self) -> int:
        """Return about how many items there are: DynamoDB counts them every six hours."""
        return int(self._client.describe_table(TableName=self.name)["Table"]["ItemCount"])

    def page(self, segment: int, after: Key | None) -> Page:
        """Return the next part of a segment."""
        start = {} if after is None else {"ExclusiveStartKey": after}
        found = self._client.scan(
            TableName=self.name,
            Segment=segment,
            TotalSegments=self._segments,
            Limit=self._page_items,
            ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
            **start,
        )
        return Page(found["Items"], found.get("LastEvaluatedKey"), _units(found))

    def find(self, item: RawItem) -> RawItem | None:
        """Return an item as it is now, None when it is gone."""
        key = {name: item[name] for name in _KEY}
        found = self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        result: RawItem | None = found.get("Item")
        return result

    def replace(self, old: RawItem, new: RawItem) -> float:
        """Change an item from what was read to what it shall be, and return the capacity that it took.

        Only what differs is written, and only while every attribute that was read is as it was and none of those to be
        added is there: whoever changed the item in between keeps the change.

        Raises:
            ItemChangedError: It was changed or removed meanwhile.
        """
        request = _update(old, new)
        key = {name: old[name] for name in _KEY}
        try:
            done = self._client.update_item(TableName=self.name, Key=key, ReturnConsumedCapacity="TOTAL", **request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise ItemChangedError(ItemChangedError.__doc__) from error
        return _units(done)


def _update(old: RawItem, new: RawItem) -> dict[str, Any]:
    """Return the expressions of an update (UpdateItem, Amazon DynamoDB API Reference)."""
    names = {name: f"#n{index}" for index, name in enumerate(sorted((old.keys() | new.keys()) - set(_KEY)))}
    before = {name: f":o{index}" for index, name in enumerate(old) if name not in _KEY}
    changed = {name: f":n{index}" for index, name in enumerate(new) if new[name] != old.get(name)}
    gone = [names[name] for name in old if name not in new]
    conditions = ["attribute_exists(pk)", *(f"{names[name]} = {value}" for name, value in before.items())]
    conditions += [f"attribute_not_exists({names[name]})" for name in changed if name not in old]
    expression = "SET " + ", ".join(f"{names[name]} = {value}" for name, value in changed.items())
    used = {*before, *changed, *(name for name in old if name not in new)}
    return {
        "UpdateExpression": expression + (" REMOVE " + ", ".join(gone) if gone else ""),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {names[name]: name for name in used},
        "ExpressionAttributeValues": {
            **{value: old[name] for name, value in before.items()},
            **{value: new[name] for name, value in changed.items()},
        },
    }


def _units(answer: dict[str, Any]) -> float:
    return float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
