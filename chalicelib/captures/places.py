"""Places: where captures lie. A user's account, `<user>`, and the inbox of the user's bridges, `<user>/inbox`.

Each has a partition of rows and a folder of objects of its own, and is handled alike; in an inbox nothing is computed.
User ids are made by the server and hold no slash.
"""

_INBOX = "/inbox"
NOBODY = "nobody"
"""Stands on a capture of somebody else in the place of an erased user whose bridge brought it; no user has this id."""


def inbox_of(user_id: str) -> str:
    """Return the place where captures wait that a user's bridges brought."""
    return user_id + _INBOX


def is_inbox(place: str) -> bool:
    """Return whether a place is an inbox."""
    return place.endswith(_INBOX)


def owner_of(place: str) -> str:
    """Return the user whose account or inbox it is."""
    return place.removesuffix(_INBOX)
