"""The secret of a bridge whose code nobody has approved yet, kept beside the credential's file so that no step is lost.

It is bound to the address of the API that it was made for. The bridge asks with the secret itself whether it was
approved, so whoever answers at a mistyped address knows it, and it must never become a credential elsewhere.
"""

import json
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from device_bridge.errors import UsageError
from device_bridge.settings.files import PRIVATE_FILE, write_file

_PREFIX = "rmb_"
_RANDOM_BYTES = 32
# docs/api.md, `POST /v1/pairings`: base64url of 32 bytes.
_SECRET = re.compile(r"rmb_[A-Za-z0-9_-]{43}")
_LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class PendingSecret:
    """A secret that may become the bridge's credential.

    Attributes:
        api: The address of the API that it was made for.
        secret: `rmb_` and 43 characters of base64url.
    """

    api: str
    secret: str = field(repr=False)


def pending_place(credential_file: Path) -> Path:
    """Return where the secret is kept that becomes the content of a credential file."""
    return credential_file.with_name(f"{credential_file.name}.pending")


def read_pending(credential_file: Path, api: str) -> PendingSecret | None:
    """Return the secret that waits for its approval by an API, None when there is none that may be used.

    Args:
        credential_file: Where the credential is to be.
        api: The API's address.
    """
    pending = _read(pending_place(credential_file))
    # One that another API has heard is that one's as well.
    return pending if pending is not None and pending.api == api else None


def pending_api(credential_file: Path) -> str | None:
    """Return the address of the API that is to approve the secret that waits; None when there is none that may be used.

    Args:
        credential_file: Where the credential is to be.
    """
    pending = _read(pending_place(credential_file))
    return None if pending is None else pending.api


def _read(place: Path) -> PendingSecret | None:
    try:
        with place.open(encoding="ascii") as file:
            is_private = os.name != "posix" or not os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            found = json.loads(file.read(_LONGEST))
    except (OSError, ValueError, RecursionError):
        # Nothing hangs on it yet: a new one does as well, and a file that cannot be written is told then.
        return None
    # One that others could read is theirs as well.
    if not isinstance(found, dict) or not is_private:
        return None
    api, secret = found.get("api"), found.get("secret")
    if not isinstance(api, str) or not isinstance(secret, str) or not _SECRET.fullmatch(secret):
        return None
    return PendingSecret(api, secret)


def keep_pending(credential_file: Path, api: str) -> PendingSecret:
    """Make a secret of 256 random bits and keep it where only this user can read it, before anybody hears of it.

    Args:
        credential_file: Where the credential is to be.
        api: The API's address.

    Raises:
        UsageError: It cannot be written.
    """
    pending = PendingSecret(api, _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES))
    text = json.dumps({"api": pending.api, "secret": pending.secret})
    write_file(pending_place(credential_file), f"{text}\n".encode("ascii"), PRIVATE_FILE)
    return pending


def forget_pending(credential_file: Path) -> None:
    """Remove the secret's file, when the credential's file has taken its place.

    Raises:
        UsageError: It cannot be removed.
    """
    place = pending_place(credential_file)
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"the credential is kept, but {place} cannot be removed: {error.strerror}") from error
