"""One-time codes: sent by mail, kept as hashes, good for 15 minutes and 5 tries."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from chalicelib.accounts import code_store
from chalicelib.accounts.items import CodeItem, user_key
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import Problem

EMAIL = "email"
PASSWORD = "password"  # noqa: S105 - the purpose of a code, not a password
DIGITS = 8
LIFETIME_S = 15 * 60
TRIES = 5


class CodeInvalid(Problem):
    """The code is wrong, used, expired, or was tried too often."""

    status = 403
    name = "code-invalid"


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code that was just drawn.

    Attributes:
        text: What is sent.
        item: What is kept, once it was sent.
    """

    text: str
    item: CodeItem


def draw(user_id: str, purpose: str, email: str) -> NewCode:
    """Return a new code, which replaces the one before once it is kept.

    Args:
        user_id: Whose it is.
        purpose: What it is for.
        email: The address that it will be sent to.
    """
    text, salt = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}", secrets.token_hex(16)
    item = CodeItem(
        user_key(user_id),
        CodeItem.SK_PREFIX + purpose,
        salt=salt,
        code_sha256=_hash(salt, text),
        tries_left=TRIES,
        email=email,
        expires_at=int(time.time()) + LIFETIME_S,
    )
    return NewCode(text, item)


def nobody_of(folded_email: str) -> str:
    """Return the id, which no user has, that codes for an address which nobody has confirmed are kept under."""
    return f"nobody-{hashlib.sha256(folded_email.encode()).hexdigest()[:32]}"


def check(user_id: str, purpose: str, sent: str) -> CodeItem:
    """Take one of a code's tries and return the code, when it is the one that was sent.

    The same calls are made whether there is a code or not.

    Raises:
        CodeInvalid: It is not, or it cannot be used any more.
    """
    try:
        code_store.take_try(user_id, purpose, int(time.time()))
        is_usable = True
    except ConditionFailedError:
        is_usable = False
    item = code_store.find_code(user_id, purpose)
    plain = sent.replace(" ", "").replace("-", "")
    if item is None or not is_usable or not hmac.compare_digest(_hash(item.salt, plain), item.code_sha256):
        raise CodeInvalid(f"A code works for 15 minutes and {TRIES} tries, once. Ask for a new one.")
    return item


def _hash(salt: str, code: str) -> str:
    return hashlib.sha256(f"{salt}{code}".encode()).hexdigest()
