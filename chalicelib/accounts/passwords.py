"""Passwords: which are good enough, and their hashes.

Hashes are Argon2id with OWASP's parameters (Password Storage cheat sheet: 19 MiB, t = 2, p = 1). The rules are those of
NIST SP 800-63B section 5.1.1.2: long enough, not a common one, and nothing asked of its composition.
"""

import gzip
import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chalicelib.errors import FieldError, InvalidRequest

SHORTEST = 8
OURS = frozenset({"revmetrix", "smartdot"})
_COMMON = Path(__file__).parent / "common_passwords.txt.gz"
# Of a random word that nobody kept: what an unknown user's password is checked against.
_NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$QleXukHjg97SxNOEqzbaOQ$B8Cav/sEJxOZ0ltvw/XlHn0DHO6+xhgfwpRVaEhjchE"
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _normal(password: str) -> str:
    # NIST SP 800-63B 5.1.1.2: normalise, or the same word typed on two phones differs.
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, field: str, *own_words: str) -> None:
    """Hold a new password to the rules.

    Args:
        password: What was sent.
        field: Where it was sent, such as `$.password`.
        own_words: What the user is known by: the username, the address.

    Raises:
        InvalidRequest: It is too short once normalised, common, or one of the user's own words.
    """
    word = _folded(password)
    if len(_normal(password)) < SHORTEST:
        _refuse(field, f"A password has at least {SHORTEST} characters.")
    if is_common(password):
        _refuse(field, "This is among the passwords that are tried first. Choose another, for instance a few words.")
    if any(word in (_folded(own), _folded(own).partition("@")[0]) for own in own_words if own):
        _refuse(field, "A password is not one's username or address. Choose another.")


def is_common(password: str) -> bool:
    """Tell whether a password is on the list of common ones, in whatever capitals."""
    word = _folded(password)
    return word in OURS or ("\n" not in word and f"\n{word}\n".encode() in _common())


@cache
def _common() -> bytes:
    """Return the list, one folded word a line, read when a password is first chosen; shorter words are not on it."""
    return gzip.decompress(_COMMON.read_bytes())


def _folded(text: str) -> str:
    return _normal(_normal(text).casefold())


def _refuse(field: str, detail: str) -> None:
    raise InvalidRequest(f"{field}: {detail}", errors=(FieldError(field, detail),))


def hash_password(password: str) -> str:
    """Return the hash to keep, with its parameters and salt; the whole password counts, whatever its length."""
    return _hasher.hash(_normal(password))


def verify_password(kept_hash: str | None, password: str) -> bool:
    """Tell whether the password is the one of the hash.

    Args:
        kept_hash: None when there is no such user: then as much work is done, so that time does not tell.
        password: What was sent.
    """
    try:
        _hasher.verify(kept_hash or _NOBODYS_HASH, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return kept_hash is not None


def needs_rehash(kept_hash: str) -> bool:
    """Tell whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept_hash)
