"""What an export tells of devices, bridges and pairings: each attribute is told or withheld, by name."""

from chalicelib.devices.items import BridgeItem, ClaimItem, DeviceItem, HolderItem, PairingItem
from chalicelib.partition import Kind

KINDS = (
    Kind(
        BridgeItem,
        "U#",
        BridgeItem.SK_PREFIX,
        section="bridges",
        told=("v", "bridge_id", "kind", "name", "created_at", "heartbeat", "heartbeat_received_at"),
        withheld=("credential_sha256", "pairing_sha256"),
    ),
    Kind(
        DeviceItem,
        "U#",
        DeviceItem.SK_PREFIX,
        section="devices",
        told=("v", "serial", "name", "ball_id", "from_", "until", "version"),
    ),
    Kind(
        HolderItem,
        "D#",
        HolderItem.SK,
        withheld=("v", "number", "user_id", "from_", "until", "not_before", "version"),
    ),
    Kind(ClaimItem, "D#", ClaimItem.SK_PREFIX, withheld=("v", "user_id", "from_", "until")),
    Kind(
        PairingItem,
        "P#",
        PairingItem.SK,
        withheld=("v", "secret_sha256", "created_at", "expires_at", "user_id", "bridge_id"),
    ),
)
"""All classes of items of this domain."""
