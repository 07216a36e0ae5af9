"""Users as the database has them, made without the API: for tests of what happens in an account."""

import uuid
from datetime import UTC, datetime

from chalicelib.accounts.items import UserItem, UsernameItem


def new_user_id() -> str:
    """Make a user with an open account, who can do nothing, and return the id."""
    user_id = str(uuid.uuid4())
    username = f"made-{user_id}"
    UserItem(
        f"U#{user_id}",
        UserItem.SK,
        username=username,
        email=f"{username}@example.org",
        password_hash="none",
        created_at=datetime.now(UTC).isoformat(),
    ).save()
    UsernameItem(f"N#{username}", UsernameItem.SK, user_id=user_id).save()
    return user_id
