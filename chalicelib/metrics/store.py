"""Where results are kept: beside the capture rows, joined by key, each an upsert."""

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.closing import AccountClosing, require_open
from chalicelib.dynamodb import ConditionFailedError, write_together
from chalicelib.metrics.items import MetricsItem
from chalicelib.metrics.model import ALGORITHM, ALGORITHM_VERSION


def new_item(user_id: str, sha256: str) -> MetricsItem:
    """Return an empty result of this algorithm version for a capture."""
    return MetricsItem(f"U#{user_id}", _sort_key(sha256))


def put(item: MetricsItem) -> None:
    """Write a result; the same result written twice changes nothing.

    Raises:
        AccountClosing: The owner is being deleted, or was; nothing was written.
    """

    def actions(write: TransactWrite) -> None:
        write.save(item)
        require_open(write, item.pk.removeprefix("U#"))

    try:
        write_together(actions)
    except ConditionFailedError as error:
        raise AccountClosing("Nothing is computed for an account that is being deleted.") from error


def find(user_id: str, sha256: str) -> MetricsItem | None:
    """Return the result of this algorithm version for a capture."""
    try:
        return MetricsItem.get(f"U#{user_id}", _sort_key(sha256), consistent_read=True)
    except DoesNotExist:
        return None


def _sort_key(sha256: str) -> str:
    return f"{MetricsItem.SK_PREFIX}{sha256}#{ALGORITHM}#{ALGORITHM_VERSION}"
