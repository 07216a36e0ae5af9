"""DynamoDB, as every store reaches it: where the tables are, what a call consumed, and safe transactions."""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore
from pynamodb.connection import Connection
from pynamodb.exceptions import DeleteError, PutError, TransactWriteError, UpdateError
from pynamodb.transactions import TransactWrite

from chalicelib.jitter import JITTER
from chalicelib.observation import note_capacity
from chalicelib.settings import region, settings

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from botocore.session import Session

_ATTEMPTS = 6
_FIRST_DELAY_S = 0.05
_WORTH_ANOTHER_TRY = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_READING = ("Get", "Query", "Scan", "BatchGet", "TransactGet")


class _Located(type):
    """Attributes that pynamodb looks up on a model's Meta, read from the settings when they are needed."""

    # Below the 29 s of a request, retries included: a connection that hangs is an error in the log, not a silence.
    connect_timeout_seconds = 2
    read_timeout_seconds = 5

    @property
    def region(cls) -> str:
        return region()


class _InAccounts(_Located):
    @property
    def table_name(cls) -> str:
        return settings().accounts_table


class _InAudit(_Located):
    @property
    def table_name(cls) -> str:
        return settings().audit_table


class _InCaptures(_Located):
    @property
    def table_name(cls) -> str:
        return settings().captures_table


class _InScorebook(_Located):
    @property
    def table_name(cls) -> str:
        return settings().scorebook_table


class AccountsTable(metaclass=_InAccounts):
    """Meta of the models in the accounts table."""


class AuditTable(metaclass=_InAudit):
    """Meta of the model in the audit table."""


class CapturesTable(metaclass=_InCaptures):
    """Meta of the models in the captures table."""


class ScorebookTable(metaclass=_InScorebook):
    """Meta of the models in the scorebook table."""


def _note_consumed(**call: Any) -> None:
    # botocore calls it by names: the answer is `parsed`, the operation `model`.
    model: OperationModel = call["model"]
    consumed = call["parsed"].get("ConsumedCapacity", [])
    units = sum(each.get("CapacityUnits", 0.0) for each in (consumed if isinstance(consumed, list) else [consumed]))
    is_reading = model.name.startswith(_READING)
    note_capacity(units if is_reading else 0.0, 0.0 if is_reading else units)


def _count_capacity(session: "Session") -> None:
    session.register("after-call.dynamodb", _note_consumed)


# pynamodb asks DynamoDB for the consumed capacity with every call and keeps it to itself; botocore tells every session.
botocore.register_initializer(_count_capacity)


@cache
def _connection() -> Connection:
    return Connection(region=region(), connect_timeout_seconds=2, read_timeout_seconds=5)


def plain_client() -> Any:
    """Return the client of DynamoDB that all transactions share, for a store that reads and writes plain items."""
    return _connection().client


class ConditionFailedError(Exception):
    """The write was refused because what it relied on is no longer so."""


@contextlib.contextmanager
def told_conditions() -> Iterator[None]:
    """Turn the refusal of a single write's condition into ConditionFailedError.

    Only for writes that are the same when they are done twice: the SDK repeats them after a lost reply.
    """
    try:
        yield
    except (PutError, UpdateError, DeleteError) as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        raise ConditionFailedError(str(error)) from error


def write_together(describe: Callable[[TransactWrite], None]) -> None:
    """Write several items wholly or not at all.

    The transaction carries a token, so that a retry after a lost reply applies it once; one that met another
    transaction on the same item is tried again.

    Args:
        describe: Adds the actions to the transaction it is given; it may be called several times.

    Raises:
        ConditionFailedError: A condition of one of the actions does not hold; nothing was written.
        TransactWriteError: It could not be done; nothing was written.
    """
    token = str(uuid.uuid4())
    for attempt in range(_ATTEMPTS):
        try:
            with TransactWrite(connection=_connection(), client_request_token=token) as write:
                describe(write)
        except TransactWriteError as error:
            codes = {reason.code for reason in error.cancellation_reasons if reason is not None}
            if "ConditionalCheckFailed" in codes:
                raise ConditionFailedError(str(error)) from error
            if not codes or not codes <= _WORTH_ANOTHER_TRY or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(JITTER.uniform(0, _FIRST_DELAY_S * 2**attempt))
        else:
            return
