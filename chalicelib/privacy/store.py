"""The state of exports in DynamoDB: each function is one read, or one write that happens wholly or not at all."""

from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.closing import require_open
from chalicelib.dynamodb import write_together
from chalicelib.privacy.items import ExportItem

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action


def new_export(user_id: str) -> ExportItem:
    """Return an export without anything in it."""
    return ExportItem(f"U#{user_id}", ExportItem.SK)


def find(user_id: str) -> ExportItem | None:
    """Return the export that a user asked for last."""
    try:
        return ExportItem.get(f"U#{user_id}", ExportItem.SK, consistent_read=True)
    except DoesNotExist:
        return None


def put(user_id: str, export: ExportItem, instead_of: str | None) -> None:
    """Write a new export, in the place of the last one.

    Args:
        user_id: Whose.
        export: The new one.
        instead_of: The id of the last one, None for none.

    Raises:
        ConditionFailedError: Another one came meanwhile, or the account is being deleted.
    """
    unchanged = ExportItem.pk.does_not_exist() if instead_of is None else ExportItem.export_id == instead_of

    def actions(write: TransactWrite) -> None:
        write.save(export, condition=unchanged)
        require_open(write, user_id)

    write_together(actions)


def hold(user_id: str, export: ExportItem, worker: str, now_s: int, until_s: int) -> None:
    """Hold an unfinished export for one worker; the one that holds it may hold it again.

    Raises:
        ConditionFailedError: Another worker holds it, it is finished, there is another one, or the account is being
            deleted.
    """
    is_free = ExportItem.held_by.does_not_exist() | (ExportItem.held_by == worker) | (ExportItem.held_until < now_s)
    is_unfinished = (ExportItem.export_id == export.export_id) & ExportItem.ready_at.does_not_exist()
    held: list[Action] = [
        ExportItem.state.set("running"),
        ExportItem.held_by.set(worker),
        ExportItem.held_until.set(until_s),
    ]

    def actions(write: TransactWrite) -> None:
        write.update(export, actions=held, condition=is_unfinished & is_free)
        require_open(write, user_id)

    write_together(actions)


def let_go(export: ExportItem) -> None:
    """Let the next worker take up an export.

    Raises:
        ConditionFailedError: There is another one, or none.
    """
    free: list[Action] = [ExportItem.held_by.remove(), ExportItem.held_until.remove()]
    condition = ExportItem.export_id == export.export_id
    write_together(lambda write: write.update(export, actions=free, condition=condition))


def set_ready(user_id: str, export: ExportItem, ready_at: str, size_bytes: int, expires_at_s: int) -> None:
    """Say that the archive is whole.

    Raises:
        ConditionFailedError: There is another one, or the account is being deleted.
    """
    ready: list[Action] = [
        ExportItem.state.set("ready"),
        ExportItem.ready_at.set(ready_at),
        ExportItem.size_bytes.set(size_bytes),
        ExportItem.expires_at.set(expires_at_s),
        ExportItem.held_by.remove(),
        ExportItem.held_until.remove(),
    ]

    def actions(write: TransactWrite) -> None:
        write.update(export, actions=ready, condition=ExportItem.export_id == export.export_id)
        require_open(write, user_id)

    write_together(actions)
