"""Examples for the description of the API: one user, in each of the forms in which users are sent and shown."""

from datetime import UTC, datetime

from chalicelib.accounts.model import PasswordGrant, RefreshGrant, TokenView
from chalicelib.accounts.user_model import (
    EmailConfirmation,
    LoginList,
    LoginView,
    PasswordChange,
    ProfileChange,
    Registration,
    ResetConfirmation,
    ResetRequest,
    UserView,
)

_NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_ID = "8c2c1f0e-3f5d-4b6f-9a53-0c6c1f2b7d11"
_LOGIN = "0b9f6f2c-5a0e-4d0b-8f6e-5b7f2a1c9e44"
_PASSWORD = "correct horse battery"  # noqa: S105 - an example for the documentation
_CODE = "40318852"
REGISTRATION = Registration("alice", "alice@example.org", _PASSWORD, "Alice", "Lane", "+1 717 555 0100", "right")
USER = UserView(
    id=_ID,
    username="alice",
    email="alice@example.org",
    email_verified_at=None,
    first_name="Alice",
    last_name="Lane",
    phone="+1 717 555 0100",
    handedness="right",
    role="bowler",
    accepts_lane_bridges=True,
    created_at=_NOON,
    updated_at=_NOON,
)
CHANGE = ProfileChange(handedness="left", phone=None)
GRANT = PasswordGrant("alice", _PASSWORD)
REFRESH = RefreshGrant("rmr_Kx0...")
TOKENS = TokenView("eyJhbGciOiJIUzI1NiIs...", "rmr_Kx0...", "Bearer", 900)
PASSWORD = PasswordChange(_PASSWORD, "battery horse correct")
RESET = ResetRequest("alice@example.org")
RESET_CONFIRMATION = ResetConfirmation("alice@example.org", _CODE, "battery horse correct")
EMAIL_CONFIRMATION = EmailConfirmation(_CODE)
LOGINS = LoginList((LoginView(_LOGIN, "RevMetrix/1.4 (Android 16)", _NOON, _NOON, _NOON, is_current=True),), None)
