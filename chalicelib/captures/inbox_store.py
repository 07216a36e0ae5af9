"""What waits in inboxes, by device, and where bridges' captures went, in DynamoDB: each function one read or write."""

from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.closing import AccountClosing, require_open
from chalicelib.captures.items import BroughtItem, CaptureItem, WaitingItem
from chalicelib.captures.places import inbox_of, owner_of
from chalicelib.captures.rows import partition, place_of, sha256_of
from chalicelib.dynamodb import ConditionFailedError, write_together

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.versions import VersionedItem

_AFTER_ALL = "W$"
"""Sorts right after every key of what waits."""


def device_partition(serial: str) -> str:
    """Return the partition of what waits for a device's holder."""
    return f"D#{serial}"


def waiting_key(item: CaptureItem) -> str:
    """Return the sort key of a capture that waits: by time within its device."""
    return f"{WaitingItem.SK_PREFIX}{item.start_at}#{owner_of(place_of(item))}#{sha256_of(item)}"


def parse_waiting_key(key: str) -> tuple[str, str]:
    """Return the inbox and the capture of a key."""
    _, _, user_id, sha256 = key.split("#")
    return inbox_of(user_id), sha256


def put_waiting(serial: str, item: CaptureItem) -> None:
    """Let a capture of an inbox be found by its device; done twice it is the same."""
    _put_for(owner_of(place_of(item)), WaitingItem(device_partition(serial), waiting_key(item)))


def waiting_of(serial: str, since: str, limit: int) -> list[str]:
    """Return the keys of what waits for a device's holder.

    Args:
        serial: The device.
        since: A time, or a key, from which on.
        limit: At most so many, the earliest first.
    """
    begin = since if since.startswith(WaitingItem.SK_PREFIX) else WaitingItem.SK_PREFIX + since
    within = WaitingItem.sk.between(begin, _AFTER_ALL)
    found = WaitingItem.query(device_partition(serial), within, consistent_read=True, limit=limit)
    return [str(item.sk) for item in found]


def remove_waiting(serial: str, key: str) -> None:
    """Take a capture out of what waits; done twice it is the same."""
    WaitingItem(device_partition(serial), key).delete()


def find_brought(owner_id: str, sha256: str) -> BroughtItem | None:
    """Return where a capture went that one of a user's bridges brought."""
    try:
        return BroughtItem.get(partition(owner_id), BroughtItem.SK_PREFIX + sha256, consistent_read=True)
    except DoesNotExist:
        return None


def put_brought(owner_id: str, brought: BroughtItem) -> None:
    """Write where a capture goes, in the place of where it went before; done twice it is the same."""
    _put_for(owner_id, brought)


def close_waiting(serial: str, item: CaptureItem, brought: BroughtItem) -> None:
    """Let a capture that was delivered wait no more, and note where it is; done twice it is the same."""

    def actions(write: TransactWrite) -> None:
        write.delete(item, condition=CaptureItem.pk.does_not_exist() | (CaptureItem.write_id == item.write_id))
        write.delete(WaitingItem(device_partition(serial), waiting_key(item)))
        write.save(brought)
        # A transaction names an item once.
        for user_id in {owner_of(place_of(item)), str(brought.place)}:
            require_open(write, user_id)

    _together(actions)


def _put_for(user_id: str, item: "VersionedItem") -> None:
    def actions(write: TransactWrite) -> None:
        write.save(item)
        require_open(write, user_id)

    _together(actions)


def _together(actions: "Callable[[TransactWrite], None]") -> None:
    try:
        write_together(actions)
    except ConditionFailedError as error:
        raise AccountClosing("Nothing was kept: this account is being deleted.") from error
