"""Usernames and addresses: what they are compared by, and which can be one."""

import re
import unicodedata
from typing import NoReturn

from chalicelib.errors import FieldError, InvalidRequest, Problem

LONGEST_KEY_BYTES = 512
"""A folded name that is a key of the database has at most so many bytes of UTF-8."""

_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+")
"""What stands before the @ unquoted (RFC 5322 section 3.2.3); SES sends to no other (SendEmail, "Destination")."""
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NOT_SEEN = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Characters of which nothing is seen: Default_Ignorable_Code_Point of Unicode 16.0 (DerivedCoreProperties.txt), first
and last of each range, and the blank of Braille, U+2800."""


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
    is_readable = all(map(_is_seen, username + folded))
    is_trimmed = bool(folded) and folded == folded.strip()
    if not is_readable or not is_trimmed or len(folded.encode()) > LONGEST_KEY_BYTES:
        detail = "A username has no control or invisible characters, no space at its ends, and at most 64 characters."
        raise InvalidRequest(f"$.username: {detail}", errors=(FieldError("$.username", detail),))
    return folded


def _is_seen(character: str) -> bool:
    is_ignored = any(first <= ord(character) <= last for first, last in _NOT_SEEN)
    return not is_ignored and not unicodedata.category(character).startswith("C")


def check_email(email: str) -> str:
    """Return the folded form of a new address, once it is written in the one way that mail reaches it by.

    A mailbox with two spellings would be counted as two, and be confirmed by two users.

    Raises:
        InvalidRequest: It holds a name, a comment or a quotation, or other letters than ASCII has.
    """
    local, _, domain = email.rpartition("@")
    is_domain = domain.isascii() and all(map(_is_label, domain.lower().split(".")))
    if not is_domain or not _LOCAL.fullmatch(local):
        _refuse_email(
            "An address has letters of ASCII, digits and .!#$%&'*+/=?^_`{|}~- before its @, no name or comment beside"
            " them, and a domain behind it; write a domain of other letters in its form with xn--."
        )
    return check_email_key(email)


def check_email_key(email: str) -> str:
    """Return what an address is looked up by, also one that was taken before today's rules, once it fits a key.

    Raises:
        InvalidRequest: Folded it is longer than a key of the database may be, or holds a space.
    """
    folded = fold_email(email)
    if len(folded.encode()) > LONGEST_KEY_BYTES or any(character.isspace() for character in folded):
        _refuse_email("This is not an address that mail reaches.")
    return folded


def _is_label(label: str) -> bool:
    """Tell whether a domain has such a part: letters, digits and hyphens, and what follows xn-- is Punycode."""
    if not label.startswith("xn--"):
        return _LABEL.fullmatch(label) is not None
    try:
        return (
            _LABEL.fullmatch(label) is not None and not label.removeprefix("xn--").encode().decode("punycode").isascii()
        )
    except UnicodeError:
        return False


def _refuse_email(detail: str) -> NoReturn:
    raise InvalidRequest(f"$.email: {detail}", errors=(FieldError("$.email", detail),))
