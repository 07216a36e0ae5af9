"""Examples for the description of the API: a user and a device as an admin sees them."""

from datetime import UTC, datetime

from chalicelib.accounts.audit_model import AuditList, AuditRecord
from chalicelib.administration.model import ManagedDevice, ManagedUser, ManagedUserList, RoleChange

_NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_ID = "8c2c1f0e-3f5d-4b6f-9a53-0c6c1f2b7d11"
USER = ManagedUser(
    id=_ID,
    username="alice",
    email="alice@example.org",
    email_verified_at=_NOON,
    first_name="Alice",
    last_name="Lane",
    role="bowler",
    state="open",
    locked_at=None,
    pseudonym="f4f1b9de-0a40-4c86-8a52-9a5a3d3f6c10",
    created_at=_NOON,
)
USERS = ManagedUserList((USER,), None)
ROLE = RoleChange("researcher")
AUDIT = AuditList(
    (AuditRecord(_NOON, "3d1c6c0a-93c5-4df6-9c0b-7a0a4bb1a2c5", "set_role", "done", USER.pseudonym, "researcher"),),
    None,
)
DEVICE = ManagedDevice("SD-000123", "8c2c1f0e-3f5d-4b6f-9a53-0c6c1f2b7d11", _NOON, until=None)
