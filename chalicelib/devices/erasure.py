"""What an erased user's bridges and claims lead to outside of the user's own partition."""

import contextlib
from datetime import UTC, datetime

from chalicelib import partition
from chalicelib.accounts.erasure import Leads
from chalicelib.accounts.items import CredentialItem
from chalicelib.devices import store
from chalicelib.devices.items import NOBODY, BridgeItem, ClaimItem, DeviceItem, HolderItem, PairingItem
from chalicelib.dynamodb import ConditionFailedError, write_together
from chalicelib.partition import Row


def _remove_credential(row: Row, user_id: str) -> None:
    partition.remove_of_user(f"B#{row.text('credential_sha256')}", CredentialItem.SK, user_id)
    partition.remove_of_user(f"P#{row.text('pairing_sha256')}", PairingItem.SK, user_id)


def _disown(row: Row, user_id: str) -> None:
    """Leave of a claim on a device when it was, and not whose: later holders' claims are counted from it.

    What the device recorded meanwhile goes to nobody, where it would otherwise go to whoever claims the device next.
    """
    _, serial, number = row.sk.split("#", 2)
    now = store.kept_form(datetime.now(UTC))
    _leave_unnamed(HolderItem(f"D#{serial}", HolderItem.SK), user_id, now)
    _leave_unnamed(ClaimItem(f"D#{serial}", ClaimItem.SK_PREFIX + number), user_id, now)


def _leave_unnamed(claim: HolderItem | ClaimItem, user_id: str, now: str) -> None:
    kind = type(claim)
    unnamed, ended = kind.user_id.set(NOBODY), kind.until.set(kind.until | now)
    with contextlib.suppress(ConditionFailedError):
        write_together(lambda write: write.update(claim, actions=[unnamed, ended], condition=kind.user_id == user_id))


LEADS: Leads = {BridgeItem.SK_PREFIX: _remove_credential, DeviceItem.SK_PREFIX: _disown}
"""What removes, for a user, what a row whose sort key begins so leads to outside of the user's partition."""
