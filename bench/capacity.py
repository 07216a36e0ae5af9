"""What a request consumes of DynamoDB, counted by the sizes of items as AWS does: the embedded emulator counts calls.

Sources: "DynamoDB item sizes and formats" and "Read and write operations", Amazon DynamoDB Developer Guide.
"""

import contextlib
import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.client import BaseClient

_READ_BYTES, _WRITE_BYTES = 4096, 1024
_IN_A_TRANSACTION = 2
_CALL = "_make_api_call"

Item = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class Consumed:
    """What was consumed since it was last cleared.

    Attributes:
        read_units: Read capacity units.
        least_write_units: Write capacity units, a local index in a transaction counted once.
        most_write_units: The same, counted twice: AWS does not say which.
        aws_s: How long the calls took.
        calls: Their names.
    """

    read_units: float = 0.0
    least_write_units: int = 0
    most_write_units: int = 0
    aws_s: float = 0.0
    calls: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Begin again."""
        self.__init__()  # type: ignore[misc] # a dataclass's own defaults, all of them


def size_of(item: Item) -> int:
    """Return the size of an item in bytes."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    if "N" in value:
        return math.ceil(len(value["N"].strip("-")) / 2) + 1
    return 1 if "BOOL" in value else len(str(value["S"]).encode())


def read_units(request: Mapping[str, Any], items: Iterable[Item]) -> float:
    """Return the read units of a call: the items of its page together, a strong read in 4 KB, another one half."""
    return page_units(request, sum(map(size_of, items)))


def page_units(request: Mapping[str, Any], size_bytes: int) -> float:
    """Return the read units of a call whose page has so many bytes."""
    units = math.ceil(size_bytes / _READ_BYTES) or 1
    return units if request.get("ConsistentRead") else units / 2


def write_units(transaction: Iterable[Mapping[str, Mapping[str, Any]]]) -> tuple[int, int]:
    """Return the write units of a transaction, each index counted once, and twice.

    Updates and checks here are of items below 1 KB that stand in no index.
    """
    least = most = 0
    for action in transaction:
        item = action.get("Put", {}).get("Item", {})
        units = math.ceil(size_of(item) / _WRITE_BYTES) or 1
        indexes = ("seq" in item) + ("tree" in item)
        least += units * (_IN_A_TRANSACTION + indexes)
        most += units * _IN_A_TRANSACTION * (1 + indexes)
    return least, most


@contextlib.contextmanager
def metered() -> Iterator[Consumed]:
    """Count what every call of DynamoDB in this process consumes, whichever thread makes it."""
    consumed, lock = Consumed(), threading.Lock()
    call = getattr(BaseClient, _CALL)

    def counted(client: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        began_s = time.perf_counter()
        answer = call(client, operation, request)
        took_s = time.perf_counter() - began_s
        if client.meta.service_model.service_name == "dynamodb":
            with lock:
                consumed.aws_s += took_s
                _count(consumed, operation, request, answer)
        return answer

    setattr(BaseClient, _CALL, counted)
    try:
        yield consumed
    finally:
        setattr(BaseClient, _CALL, call)


def _count(consumed: Consumed, operation: str, request: dict[str, Any], answer: dict[str, Any]) -> None:
    consumed.calls.append(operation)
    match operation:
        case "GetItem":
            consumed.read_units += read_units(request, [answer["Item"]] if "Item" in answer else [])
        case "Query":
            consumed.read_units += read_units(request, answer["Items"])
        case "TransactWriteItems":
            least, most = write_units(request["TransactItems"])
            consumed.least_write_units += least
            consumed.most_write_units += most
        case _:
            raise NotImplementedError(f"what {operation} consumes is not counted here")
