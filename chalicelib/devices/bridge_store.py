"""Bridges and pairings in DynamoDB: each function is one read, or one write that happens wholly or not at all."""

import contextlib
from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.closing import require_open
from chalicelib.accounts.items import CredentialItem, user_key
from chalicelib.devices.items import BridgeItem, PairingItem
from chalicelib.dynamodb import ConditionFailedError, told_conditions, write_together

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action


def add_bridge(bridge: BridgeItem, credential: CredentialItem) -> None:
    """Write a bridge and its credential together.

    Raises:
        ConditionFailedError: The account is closing.
    """

    def actions(write: TransactWrite) -> None:
        write.save(bridge)
        write.save(credential, condition=CredentialItem.pk.does_not_exist())
        require_open(write, credential.user_id)

    write_together(actions)


def find_bridge(user_id: str, bridge_id: str) -> BridgeItem | None:
    """Return a bridge of a user."""
    try:
        return BridgeItem.get(user_key(user_id), BridgeItem.SK_PREFIX + bridge_id, consistent_read=True)
    except DoesNotExist:
        return None


def set_heartbeat(user_id: str, bridge_id: str, heartbeat: object, received_at: str) -> None:
    """Write a bridge's last heartbeat onto it; written twice it is the same.

    Raises:
        ConditionFailedError: There is no such bridge any more, and this makes none.
    """
    bridge = BridgeItem(user_key(user_id), BridgeItem.SK_PREFIX + bridge_id)
    latest: list[Action] = [
        BridgeItem.heartbeat.set(heartbeat),
        BridgeItem.heartbeat_received_at.set(received_at),
    ]
    with told_conditions():
        bridge.update(actions=latest, condition=BridgeItem.pk.exists())


def bridges_of(user_id: str, limit: int, after: str | None) -> tuple[list[BridgeItem], str | None]:
    """Return a part of a user's bridges in the order of their ids, and the sort key where the next part begins."""
    start = None if after is None else {"pk": {"S": user_key(user_id)}, "sk": {"S": after}}
    found = BridgeItem.query(
        user_key(user_id),
        BridgeItem.sk.startswith(BridgeItem.SK_PREFIX),
        consistent_read=True,
        limit=limit,
        last_evaluated_key=start,
    )
    items = list(found)
    last = found.last_evaluated_key
    return items, last["sk"]["S"] if last else None


def remove_bridge(bridge: BridgeItem) -> None:
    """Remove a bridge and its credential together, and before them what its pairing says of its user.

    Raises:
        ConditionFailedError: It is gone already.
    """
    if bridge.pairing_sha256 is not None:
        _remove_pairing(str(bridge.pairing_sha256), str(bridge.bridge_id))
    credential = CredentialItem(f"B#{bridge.credential_sha256}", CredentialItem.SK)

    def actions(write: TransactWrite) -> None:
        write.delete(bridge, condition=BridgeItem.pk.exists())
        write.delete(credential)

    write_together(actions)


def _remove_pairing(code_sha256: str, bridge_id: str) -> None:
    # The letters may be those of another bridge by now.
    with contextlib.suppress(ConditionFailedError), told_conditions():
        PairingItem(f"P#{code_sha256}", PairingItem.SK).delete(condition=PairingItem.bridge_id == bridge_id)


def add_pairing(pairing: PairingItem, now_s: int) -> None:
    """Write a pairing, in the place of none or of an expired one.

    Raises:
        ConditionFailedError: Another bridge shows this code now.
    """
    is_free = PairingItem.pk.does_not_exist() | (PairingItem.expires_at <= now_s)
    write_together(lambda write: write.save(pairing, condition=is_free))


def find_pairing(code_sha256: str) -> PairingItem | None:
    """Return a pairing by its code's hash, expired or not."""
    try:
        return PairingItem.get(f"P#{code_sha256}", PairingItem.SK, consistent_read=True)
    except DoesNotExist:
        return None


def approve_pairing(pairing: PairingItem, bridge: BridgeItem, credential: CredentialItem) -> None:
    """Make the bridge of a pairing, whose secret is its credential from now on.

    Raises:
        ConditionFailedError: The pairing was approved, or its secret is a bridge's credential already.
    """
    approved: list[Action] = [
        PairingItem.user_id.set(credential.user_id),
        PairingItem.bridge_id.set(credential.bridge_id),
    ]
    is_open = PairingItem.user_id.does_not_exist() & (PairingItem.secret_sha256 == pairing.secret_sha256)

    def actions(write: TransactWrite) -> None:
        write.update(pairing, actions=approved, condition=is_open)
        write.save(bridge, condition=BridgeItem.pk.does_not_exist())
        write.save(credential, condition=CredentialItem.pk.does_not_exist())
        require_open(write, credential.user_id)

    write_together(actions)
