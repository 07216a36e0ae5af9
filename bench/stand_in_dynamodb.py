"""A table that stands for DynamoDB's on the wire: it answers reads from memory, by keys, indexes and pages alone.

It does not know who asks or why: whoever asks for too much is given it, and pays for it. What it does not know it
refuses. Sources: "Query" and "GetItem" in the Amazon DynamoDB API Reference, "Key condition expressions" and
"Paginating table query results" in its Developer Guide.
"""

import contextlib
import io
import json
import re
import time
import zlib
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from unittest.mock import patch

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session

from bench.capacity import Item, page_units, size_of

PAGE_BYTES = 1 << 20
_CONDITION = re.compile(
    r"pk = (?P<pk>:\w+) AND "
    r"(?:(?P<between>\w+) BETWEEN (?P<low>:\w+) AND (?P<high>:\w+)|begins_with\((?P<begins>\w+), (?P<prefix>:\w+)\))"
)
_KNOWN = {
    "TableName",
    "IndexName",
    "ConsistentRead",
    "KeyConditionExpression",
    "ExpressionAttributeValues",
    "ExclusiveStartKey",
    "ScanIndexForward",
    "Limit",
    "Key",
    "ReturnConsumedCapacity",
}

Request = Mapping[str, Any]
Place = tuple[Any, str]
"""Where an item stands in an index: its value there and its sort key."""


class _Stored(NamedTuple):
    key: dict[str, Mapping[str, Any]]
    size_bytes: int
    text: bytes


class StandInTable:
    """A table with `pk` and `sk`, and local indexes with all attributes.

    Args:
        name: Its name.
        indexes: The range keys of its indexes, by index.
        items: What it holds.

    Attributes:
        cpu_s: What its answers took so far, in processor time of whoever asked.
    """

    def __init__(self, name: str, indexes: Mapping[str, str], items: Iterable[Item]) -> None:
        self.cpu_s = 0.0
        self._name = name
        self._range_keys = {"": "sk", **indexes}
        held: dict[tuple[str, str], list[tuple[Place, _Stored]]] = defaultdict(list)
        for item in items:
            key = {each: item[each] for each in ("pk", *self._range_keys.values()) if each in item}
            stored = _Stored(key, size_of(item), json.dumps(item).encode())
            for name_there in key.keys() - {"pk"}:
                held[item["pk"]["S"], name_there].append((_place(item, name_there), stored))
        self._places: dict[tuple[str, str], list[Place]] = {}
        self._stored: dict[tuple[str, str], list[_Stored]] = {}
        for at, pairs in held.items():
            pairs.sort(key=lambda pair: pair[0])
            self._places[at] = [place for place, _ in pairs]
            self._stored[at] = [stored for _, stored in pairs]

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Answer a request as it goes onto the wire."""
        began_s = time.thread_time()
        body = self._answer(_text(request.headers["X-Amz-Target"]).split(".")[-1], json.loads(_text(request.body)))
        headers = HTTPHeaders()
        headers["x-amz-crc32"] = str(zlib.crc32(body))
        response = AWSResponse(request.url, 200, headers, _Raw(body))
        self.cpu_s += time.thread_time() - began_s
        return response

    def _answer(self, operation: str, request: Request) -> bytes:
        unknown = request.keys() - _KNOWN
        if unknown or request["TableName"] != self._name:
            raise NotImplementedError(f"{operation} of {request['TableName']} with {sorted(unknown)}")
        match operation:
            case "GetItem":
                return self._get(request)
            case "Query":
                return self._query(request)
        raise NotImplementedError(operation)

    def _get(self, request: Request) -> bytes:
        at = request["Key"]["pk"]["S"], "sk"
        found = bisect_left(self._places.get(at, []), _place(request["Key"], "sk"))
        stored = self._stored.get(at, [])[found : found + 1]
        stored = [each for each in stored if each.key["sk"] == request["Key"]["sk"]]
        consumed = self._consumed(request, stored)
        return b"{%s%s}" % (b"".join(b'"Item": %s, ' % each.text for each in stored), consumed)

    def _query(self, request: Request) -> bytes:
        range_key = self._range_keys[request.get("IndexName", "")]
        values = request["ExpressionAttributeValues"]
        condition = _condition(request["KeyConditionExpression"], range_key)
        at = values[condition["pk"]]["S"], range_key
        places = self._places.get(at, [])
        first, end = _stretch(places, condition, values)
        if "ExclusiveStartKey" in request:
            start = _place(request["ExclusiveStartKey"], range_key)
            if request.get("ScanIndexForward", True):
                first = max(first, bisect_right(places, start))
            else:
                end = min(end, bisect_left(places, start))
        order = range(first, end) if request.get("ScanIndexForward", True) else range(end - 1, first - 1, -1)
        page, is_cut = _page((self._stored[at][each] for each in order), request.get("Limit"))
        last = b""
        if is_cut:
            key = {name: page[-1].key[name] for name in {"pk", "sk", range_key}}
            last = b'"LastEvaluatedKey": %s, ' % json.dumps(key).encode()
        items = b", ".join(each.text for each in page)
        counts = b'"Count": %d, "ScannedCount": %d' % (len(page), len(page))
        return b'{"Items": [%s], %s, %s%s}' % (items, counts, last, self._consumed(request, page))

    def _consumed(self, request: Request, page: list[_Stored]) -> bytes:
        units = page_units(request, sum(each.size_bytes for each in page))
        return b'"ConsumedCapacity": %s' % json.dumps({"TableName": self._name, "CapacityUnits": units}).encode()


@contextlib.contextmanager
def on_the_wire(table: StandInTable) -> Iterator[None]:
    """Let a table answer whatever botocore sends in this process."""

    def send(_: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        return table.send(request)

    with patch.object(URLLib3Session, "send", send):
        yield


class _Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.getvalue()


def _condition(text: str, range_key: str) -> Mapping[str, str]:
    """Read a condition; one on anything but the range key is none that DynamoDB takes."""
    found = _CONDITION.fullmatch(text)
    if found is None or range_key not in (found["between"], found["begins"]):
        raise NotImplementedError(f"{text!r} of an index by {range_key}")
    return found.groupdict()


def _stretch(places: list[Place], condition: Mapping[str, str], values: Mapping[str, Any]) -> tuple[int, int]:
    """Return where what fulfils a condition begins and ends."""
    if condition["prefix"]:
        prefix = values[condition["prefix"]]["S"]
        return bisect_left(places, (prefix,)), bisect_right(places, prefix, key=lambda place: place[0][: len(prefix)])
    low, high = _value(values[condition["low"]]), _value(values[condition["high"]])
    if low > high:
        raise ValueError(f"DynamoDB takes nothing between {low} and {high}")
    return bisect_left(places, (low,)), bisect_right(places, high, key=lambda place: place[0])


def _page(found: Iterator[_Stored], most: int | None) -> tuple[list[_Stored], bool]:
    """Return a page, and whether it was cut before the end."""
    page: list[_Stored] = []
    size_bytes = 0
    for stored in found:
        size_bytes += stored.size_bytes
        if page and size_bytes > PAGE_BYTES:
            return page, True
        page.append(stored)
        # With as many as were asked for, DynamoDB does not look whether more would follow.
        if len(page) == most:
            return page, True
    return page, False


def _place(item: Item, range_key: str) -> Place:
    return _value(item[range_key]), item["sk"]["S"]


def _value(value: Mapping[str, Any]) -> Any:
    return int(value["N"]) if "N" in value else value["S"]


def _text(sent: Any) -> str:
    """Return what botocore sends as text or as bytes."""
    return sent.decode() if isinstance(sent, bytes) else str(sent)
