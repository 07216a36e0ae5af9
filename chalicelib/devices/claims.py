"""Devices: who has a SmartDot, and who had it when (docs/decisions/0019-devices-and-ownership.md).

A device's claims follow each other in time and never overlap, so at each moment at most one user has it. Every change
is one transaction with a condition on the device's holder item: of several at once one is done.
"""

import contextlib
import re
from collections.abc import Callable
from datetime import datetime

from msgspec import UNSET

from chalicelib import queue
from chalicelib.accounts import throttling
from chalicelib.accounts.closing import check_open
from chalicelib.accounts.items import AuditItem, user_key
from chalicelib.devices import bridges, claim_times, store
from chalicelib.devices.items import DeviceItem, HolderItem
from chalicelib.devices.model import DeviceChange, DeviceList, DeviceView, NewDevice
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import InvalidRequest, NotFound, Problem
from chalicelib.lists import decode_position, encode_position
from chalicelib.preconditions import require_version

_RACING = 20
_NONE = "You have no such device."
NEVER_CLAIMED = "Nobody has ever claimed this device."
_SORT_KEY = re.compile(r"DEVICE#[A-Za-z0-9._-]{1,16}#[0-9]{6,}")


class DeviceTaken(Problem):
    """Somebody else has this device."""

    status = 409
    name = "device-taken"


class DeviceBusy(Problem):
    """Many claims of this device came at the same moment."""

    status = 409
    name = "device-busy"


class _AsItIs(Exception):
    """There is nothing to change."""


State = tuple[HolderItem, DeviceItem]
"""A device's last claim, and the same for its user."""
Recorded = Callable[[HolderItem], AuditItem | None]
"""Makes what the audit is told of a changed claim, if it is told of it."""


def claim(user_id: str, wanted: NewDevice) -> tuple[DeviceItem, bool]:
    """Claim a device that nobody has; one that the user has already stays as it is.

    What waits for it in an inbox is looked for afterwards, also when it is claimed once more.

    Returns:
        The claim, and whether it is new.

    Raises:
        InvalidRequest: It would begin in the future, or too long ago.
        DeviceTaken: Another has it.
        ClaimOverlaps: It would begin at a time when it was claimed.
        DeviceBusy: Others were faster, again and again.
        TooManyTries: The user has tried too many devices that others have, or has claimed too many in a day.
    """

    def begin(last: HolderItem | None) -> State:
        if last is not None and last.until is None:
            if last.user_id != user_id:
                raise DeviceTaken("It is free once whoever has it releases it.")
            raise _AsItIs
        begins = claim_times.beginning(wanted.begins, last.until if last else None)
        throttling.take(throttling.claims_of_user(), user_id)
        return _first_state(user_id, wanted, begins, last)

    is_new = True
    guess = throttling.take(throttling.refused_claims_of_user(), user_id)
    try:
        device = _change(wanted.serial, begin)
    except _AsItIs:
        device, is_new = show(user_id, wanted.serial), False
    except (InvalidRequest, throttling.TooManyTries):
        guess.give_back()
        raise
    guess.give_back()
    queue.announce_claim(wanted.serial, device.from_)
    return device, is_new


def _first_state(user_id: str, wanted: NewDevice, begins: str, last: HolderItem | None) -> State:
    holder = HolderItem(
        store.device_key(wanted.serial),
        HolderItem.SK,
        number=int(last.number) + 1 if last else 1,
        user_id=user_id,
        from_=begins,
        not_before=last.until if last else None,
    )
    device = DeviceItem(
        user_key(user_id),
        store.device_sort_key(wanted.serial, holder.number),
        serial=wanted.serial,
        name=wanted.name or wanted.serial,
        ball_id=wanted.ball_id,
        from_=begins,
    )
    return holder, device


def change(user_id: str, serial: str, wanted: DeviceChange, versions: frozenset[int] | None) -> DeviceItem:
    """Change what a user says of a device, or let the claim begin earlier.

    Raises:
        NotFound: The user does not have it.
        PreconditionFailed: It is in another version.
        InvalidRequest: The claim would begin later, or too long ago.
        ClaimOverlaps: It would begin at a time when the device was claimed.
    """

    def changed(last: HolderItem | None) -> State:
        holder, device = _own(user_id, serial, last)
        if holder.until is not None:
            raise NotFound(_NONE)
        require_version(int(holder.version), versions)
        if wanted.begins is not UNSET:
            holder.from_ = device.from_ = claim_times.earlier(holder.from_, wanted.begins, holder.not_before)
        device.name = device.name if wanted.name is UNSET else wanted.name
        device.ball_id = device.ball_id if wanted.ball_id is UNSET else wanted.ball_id
        return holder, device

    device = _change(serial, changed)
    if wanted.begins is not UNSET:
        queue.announce_claim(serial, device.from_)
    return device


def release(user_id: str, serial: str, versions: frozenset[int] | None) -> None:
    """End a user's claim on a device now; what came meanwhile stays in the account. Ended already, it is left so.

    Raises:
        NotFound: The user does not have it.
        PreconditionFailed: It is in another version.
    """
    with contextlib.suppress(_AsItIs):
        _change(serial, lambda last: _ended(_own(user_id, serial, last), versions))


def _ended(state: State, versions: frozenset[int] | None) -> State:
    holder, device = state
    # RFC 9110 section 13.1.1: a change that was made already is a success, for the reply may have been lost.
    if holder.until is not None:
        raise _AsItIs
    require_version(int(holder.version), versions)
    holder.until = device.until = max(store.kept_form(claim_times.now()), holder.from_)
    return state


def release_for(serial: str, versions: frozenset[int] | None, recorded: Recorded) -> bool:
    """End whoever's claim on a device, for an admin, together with the audit's record of it.

    Args:
        serial: The device.
        versions: What the claim may be found in.
        recorded: Makes the record of the claim that is ended.

    Returns:
        Whether somebody had it.

    Raises:
        NotFound: Nobody has ever claimed it.
        PreconditionFailed: Its claim is in another version.
        DeviceBusy: Others were faster, again and again.
    """

    def ended(last: HolderItem | None) -> State:
        if last is None:
            raise NotFound(NEVER_CLAIMED)
        # An erased user's claim has ended, and the user's own item of it is gone.
        if last.until is not None:
            raise _AsItIs
        return _ended(_own(str(last.user_id), serial, last), versions)

    try:
        _change(serial, ended, recorded)
    except _AsItIs:
        return False
    return True


def _own(user_id: str, serial: str, last: HolderItem | None) -> State:
    device = None
    if last is not None and last.user_id == user_id:
        device = store.find_device(user_id, serial, last.number)
    if last is None or device is None:
        raise NotFound(_NONE)
    return last, device


def _change(
    serial: str, wanted: Callable[[HolderItem | None], State], recorded: Recorded = lambda _: None
) -> DeviceItem:
    """Write what `wanted` makes of the device's last claim, from the one that is there when it is written."""
    for _ in range(_RACING):
        last = store.find_holder(serial)
        found = None if last is None else int(last.version)
        holder, device = wanted(last)
        holder.version = device.version = (found or 0) + 1
        try:
            store.write_claim(holder, device, instead_of=found, record=recorded(holder))
        except ConditionFailedError:
            check_open(str(holder.user_id), bridges.NOTHING_MADE)
            continue
        return device
    raise DeviceBusy("Nothing was changed. Try again.")


def show(user_id: str, serial: str) -> DeviceItem:
    """Return a user's newest claim on a device, ended or not.

    Raises:
        NotFound: The user never had it.
    """
    device = store.newest_device(user_id, serial)
    if device is None:
        raise NotFound(_NONE)
    return device


def overview(user_id: str, limit: int, cursor: str | None) -> DeviceList:
    """Return a part of a user's claims, and where the next part begins.

    Raises:
        InvalidQuery: The cursor is none of this list's.
    """
    after = None if cursor is None else decode_position(cursor, (_SORT_KEY,))[0]
    items, last = store.devices_of(user_id, limit, after)
    return DeviceList(tuple(map(view_of, items)), encode_position(None if last is None else (last,)))


def view_of(item: DeviceItem) -> DeviceView:
    """Return a claim as the API shows it."""
    return DeviceView(
        item.serial, item.name, item.ball_id, datetime.fromisoformat(item.from_), until=_moment(item.until)
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
