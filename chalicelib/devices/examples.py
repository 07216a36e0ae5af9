"""Examples for the description of the API: bridges, pairings and devices in the forms in which they are shown."""

from datetime import UTC, datetime

from chalicelib.devices.bridge_model import (
    BridgeIdentity,
    BridgeList,
    BridgeStatus,
    BridgeView,
    Heartbeat,
    HeartbeatReply,
    NewBridge,
    ReceivedHeartbeat,
    SeenDevice,
)
from chalicelib.devices.model import (
    DeviceChange,
    DeviceList,
    DeviceView,
    NewDevice,
    NewPairing,
    PairedBridge,
    PairingApproval,
    PairingView,
)

_BRIDGE = "b7d0a4e6-7d1c-4a55-9c38-0e4f5a8d2b19"
_MADE_AT = datetime(2026, 11, 24, 17, 40, 2, 118000, tzinfo=UTC)
_SEEN = SeenDevice(serial="SD-000123", seen_at=datetime(2026, 11, 24, 18, 3, 29, tzinfo=UTC), battery_percent=81)
_SENT_AT = datetime(2026, 11, 24, 18, 3, 30, tzinfo=UTC)
_HEARD_AT = datetime(2026, 11, 24, 18, 3, 30, 71000, tzinfo=UTC)
_SHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

NEW = NewBridge(name="lane 7", kind="lane")
MADE = BridgeView(id=_BRIDGE, name="lane 7", created_at=_MADE_AT, credential="rmb_...", kind="lane")
IDENTITY = BridgeIdentity(id=_BRIDGE, name="lane 7", server_time=_HEARD_AT, kind="lane")
HEARTBEAT = Heartbeat("0.2.0", 0, 0, 0, _SENT_AT, _SEEN)
HEARD = HeartbeatReply(server_time=_HEARD_AT, next_s=300)
LIST = BridgeList(
    items=(
        BridgeStatus(
            id=_BRIDGE,
            name="lane 7",
            created_at=_MADE_AT,
            last_heartbeat=ReceivedHeartbeat("0.2.0", 0, 0, 0, _SENT_AT, _SEEN, _HEARD_AT),
            is_silent=False,
            kind="lane",
        ),
    ),
    next=None,
)
NEW_PAIRING = NewPairing(secret_sha256=_SHA256)
PAIRING = PairingView(code="WDJB-MJHT", expires_in=600, interval=5)
APPROVAL = PairingApproval(code="WDJB-MJHT", kind="lane", name="lane 7")
PAIRED = PairedBridge(id=_BRIDGE, name="lane 7", kind="lane", created_at=_MADE_AT)
CLAIM = NewDevice(serial="SD-000123", name="the blue one", ball_id="Phaze II 15 lb", begins=_MADE_AT)
CHANGE = DeviceChange(name="the red one", ball_id=None)
DEVICE = DeviceView("SD-000123", "the blue one", "Phaze II 15 lb", _MADE_AT, until=None)
DEVICES = DeviceList(items=(DEVICE,), next=None)
