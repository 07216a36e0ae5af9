"""Password hashes: Argon2id with OWASP's parameters (Password Storage cheat sheet: 19 MiB, t = 2, p = 1)."""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Of a random word that nobody kept: what an unknown user's password is checked against.
_NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$QleXukHjg97SxNOEqzbaOQ$B8Cav/sEJxOZ0ltvw/XlHn0DHO6+xhgfwpRVaEhjchE"
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _normal(password: str) -> str:
    # NIST SP 800-63B 5.1.1.2: normalise, or the same word typed on two phones differs.
    return unicodedata.normalize("NFKC", password)


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
