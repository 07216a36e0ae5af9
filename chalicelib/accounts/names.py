"""Usernames and addresses: what they are compared by, and which can be one."""

import unicodedata

from chalicelib.errors import FieldError, InvalidRequest, Problem

LONGEST_KEY_BYTES = 512
"""A folded name that is a key of the database has at most so many bytes of UTF-8."""


class UsernameTaken(Problem):
    """This username is taken."""

    status = 409
    name = "username-taken"


def fold_username(username: str) -> str:
    """Return what usernames are compared by: NFKC, case-folded, NFKC again (Unicode 16 section 3.13, D147)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())


def fold_email(email: str) -> str:
    """Return what addresses are compared by: the whole of it, folded as a username is."""
    return fold_username(email)


def check_username(username: str) -> str:
    """Return the folded username, once it is one that people can read and type.

    Raises:
        InvalidRequest: Folded it is empty, has space at an end, holds an invisible or control character, or is longer
            than a key of the database may be.
    """
    folded = fold_username(username)
    is_readable = not any(unicodedata.category(character).startswith("C") for character in username + folded)
    is_trimmed = bool(folded) and folded == folded.strip()
    if not is_readable or not is_trimmed or len(folded.encode()) > LONGEST_KEY_BYTES:
        detail = "A username has no control or invisible characters, no space at its ends, and at most 64 characters."
        raise InvalidRequest(f"$.username: {detail}", errors=(FieldError("$.username", detail),))
    return folded


def check_email(email: str) -> str:
    """Return the folded address, once it fits a key of the database.

    Raises:
        InvalidRequest: Folded it is longer than that, or holds a space.
    """
    folded = fold_email(email)
    if len(folded.encode()) > LONGEST_KEY_BYTES or any(character.isspace() for character in folded):
        detail = "This is not an address that mail reaches."
        raise InvalidRequest(f"$.email: {detail}", errors=(FieldError("$.email", detail),))
    return folded
