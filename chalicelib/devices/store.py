"""Claims on devices in DynamoDB: each function is one read, or one write that happens wholly or not at all."""

from datetime import UTC, datetime

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.closing import require_open
from chalicelib.accounts.items import AuditItem, user_key
from chalicelib.devices.items import ClaimItem, DeviceItem, HolderItem
from chalicelib.dynamodb import write_together

_CLAIMS_A_READ = 25


def device_key(serial: str) -> str:
    """Return the partition of a device's claims."""
    return f"D#{serial}"


def claim_number(number: float) -> str:
    """Return a claim's number as it stands in keys, in which text sorts as numbers do."""
    return f"{int(number):06d}"


def kept_form(moment: datetime) -> str:
    """Return a moment as it is kept: in UTC with microseconds, so that text sorts as time does.

    It is for moments that are held to a range already: the first and the last day of the calendar are in no other zone.
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def find_holder(serial: str) -> HolderItem | None:
    """Return who has a device, or had it last."""
    try:
        return HolderItem.get(device_key(serial), HolderItem.SK, consistent_read=True)
    except DoesNotExist:
        return None


def write_claim(
    holder: HolderItem, device: DeviceItem, *, instead_of: int | None, record: AuditItem | None = None
) -> None:
    """Write a device's claim where it is kept: as the last one, in the history, and in its user's account.

    Args:
        holder: The last claim.
        device: The same for its user.
        instead_of: The version of the holder that this was made from; None when there was none.
        record: What the audit is told of it, when an admin does it.

    Raises:
        ConditionFailedError: The device's claim has changed meanwhile; nothing was written.
    """
    unchanged = HolderItem.pk.does_not_exist() if instead_of is None else HolderItem.version == instead_of
    claim = ClaimItem(
        holder.pk,
        ClaimItem.SK_PREFIX + claim_number(holder.number),
        user_id=holder.user_id,
        from_=holder.from_,
        until=holder.until,
    )

    def actions(write: TransactWrite) -> None:
        write.save(holder, condition=unchanged)
        write.save(claim)
        if holder.until is None:
            require_open(write, holder.user_id)
        write.save(device)
        if record is not None:
            write.save(record, condition=AuditItem.pk.does_not_exist())

    write_together(actions)


def claim_at(serial: str, moment: str) -> ClaimItem | None:
    """Return the last claim on a device that had begun by then, whether it had ended or not."""
    found = ClaimItem.query(
        device_key(serial),
        ClaimItem.sk.startswith(ClaimItem.SK_PREFIX),
        consistent_read=True,
        scan_index_forward=False,
        page_size=_CLAIMS_A_READ,
    )
    return next((claim for claim in found if claim.from_ <= moment), None)


def device_sort_key(serial: str, number: float) -> str:
    """Return the sort key of a user's claim."""
    return f"{DeviceItem.SK_PREFIX}{serial}#{claim_number(number)}"


def find_device(user_id: str, serial: str, number: float) -> DeviceItem | None:
    """Return a user's claim by its number."""
    try:
        return DeviceItem.get(user_key(user_id), device_sort_key(serial, number), consistent_read=True)
    except DoesNotExist:
        return None


def newest_device(user_id: str, serial: str) -> DeviceItem | None:
    """Return a user's newest claim on a device."""
    found = DeviceItem.query(
        user_key(user_id),
        DeviceItem.sk.startswith(f"{DeviceItem.SK_PREFIX}{serial}#"),
        consistent_read=True,
        scan_index_forward=False,
        limit=1,
    )
    return next(iter(found), None)


def devices_of(user_id: str, limit: int, after: str | None) -> tuple[list[DeviceItem], str | None]:
    """Return a part of a user's claims by serial and number, and the sort key where the next part begins."""
    found = DeviceItem.query(
        user_key(user_id),
        DeviceItem.sk.startswith(DeviceItem.SK_PREFIX),
        consistent_read=True,
        limit=limit,
        last_evaluated_key=None if after is None else {"pk": {"S": user_key(user_id)}, "sk": {"S": after}},
    )
    items = list(found)
    last = found.last_evaluated_key
    return items, last["sk"]["S"] if last else None
