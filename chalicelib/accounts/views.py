"""Users and logins as the API shows them."""

from datetime import UTC, datetime
from typing import cast

from chalicelib.accounts.items import LoginItem, UserItem
from chalicelib.accounts.user_model import Handedness, LoginView, Role, UserView


def user_view(user: UserItem) -> UserView:
    """Return a user as the user sees it."""
    return UserView(
        id=_id_of(user),
        username=user.username,
        email=user.email,
        email_verified_at=_moment(user.email_verified_at),
        first_name=user.first_name,
        last_name=user.last_name,
        phone=user.phone,
        handedness=cast("Handedness | None", user.handedness),
        role=cast("Role", user.role),
        accepts_lane_bridges=bool(user.accepts_lane_bridges),
        created_at=datetime.fromisoformat(user.created_at),
        updated_at=datetime.fromisoformat(user.updated_at or user.created_at),
    )


def login_view(login: LoginItem, current: str | None) -> LoginView:
    """Return a login as its user sees it; `current` is the one that asks."""
    login_id = str(login.sk).removeprefix(LoginItem.SK_PREFIX)
    return LoginView(
        id=login_id,
        client=login.client,
        created_at=datetime.fromisoformat(login.created_at),
        last_used_at=_moment(login.last_used_at),
        expires_at=datetime.fromtimestamp(int(login.expires_at), UTC),
        is_current=login_id == current,
    )


def _id_of(user: UserItem) -> str:
    return str(user.pk).removeprefix("U#")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
