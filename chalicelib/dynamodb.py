"""DynamoDB, as every store reaches it: where the tables are, and transactions that survive a lost reply."""

import random
import time
import uuid
from collections.abc import Callable
from functools import cache

from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from chalicelib.settings import region, settings

_ATTEMPTS = 6
_FIRST_DELAY_S = 0.05
_WORTH_ANOTHER_TRY = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


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


class _InCaptures(_Located):
    @property
    def table_name(cls) -> str:
        return settings().captures_table


class AccountsTable(metaclass=_InAccounts):
    """Meta of the models in the accounts table."""


class CapturesTable(metaclass=_InCaptures):
    """Meta of the models in the captures table."""


@cache
def _connection() -> Connection:
    return Connection(region=region(), connect_timeout_seconds=2, read_timeout_seconds=5)


class ConditionFailedError(Exception):
    """The write was refused because what it relied on is no longer so."""


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
            time.sleep(random.uniform(0, _FIRST_DELAY_S * 2**attempt))  # noqa: S311 - jitter is no secret
        else:
            return
