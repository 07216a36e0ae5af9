"""Users as admins see them."""

from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast

from chalicelib.accounts.items import UserItem
from chalicelib.administration.model import ManagedUser

if TYPE_CHECKING:
    from chalicelib.accounts.user_model import Role


def managed_user(user: UserItem, pseudonym: str) -> ManagedUser:
    """Return a user as an admin sees it."""
    return ManagedUser(
        id=str(user.pk).removeprefix("U#"),
        username=user.username,
        email=user.email,
        email_verified_at=_moment(user.email_verified_at),
        first_name=user.first_name,
        last_name=user.last_name,
        role=cast("Role", user.role),
        state=cast('Literal["open", "closing"]', user.state),
        locked_at=_moment(user.locked_at),
        pseudonym=pseudonym,
        created_at=datetime.fromisoformat(user.created_at),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
