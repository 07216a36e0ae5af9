"""The bridge's credential: where it is, who may read it, what it may look like. It is never part of a message."""

import os
import stat
from pathlib import Path

from device_bridge.errors import BridgeError, ExitCode, UsageError
from device_bridge.settings.files import PRIVATE_FILE, write_file

_LONGEST = 4096


class CredentialMissingError(BridgeError):
    """There is no credential to upload with."""

    exit_code = ExitCode.CREDENTIAL_REFUSED


def check_credential(text: str) -> str:
    """Return a credential without the white space around it.

    Raises:
        UsageError: It cannot be one, and would break the request that carries it.
    """
    text = text.strip()
    if len(text) > _LONGEST or not (text.isascii() and text.isprintable() and " " not in text):
        raise UsageError("the credential holds spaces or control characters: it must be one line, as it was issued")
    return text


def read_credential(path: Path) -> str:
    """Return what a credential file holds; empty when it holds nothing.

    Raises:
        UsageError: It cannot be read, or what is in it cannot be a credential.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return check_credential(file.read(2 * _LONGEST))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"the credential file {path} cannot be read: {why}") from error


def write_credential(path: Path, credential: str) -> None:
    """Write a credential file that only its owner can read, whole or not at all.

    Raises:
        UsageError: It cannot be written; what was there before is still there.
    """
    write_file(path, f"{credential}\n".encode("ascii"), PRIVATE_FILE)


def permission_problem(path: Path) -> str | None:
    """Return in a line that others can read a credential file, None when they cannot or there is none."""
    if os.name != "posix":
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    # Root gives a service its credential by the service's group.
    forbidden = stat.S_IRWXO if status.st_uid == 0 else stat.S_IRWXO | stat.S_IRWXG
    if not status.st_mode & forbidden:
        return None
    mode = stat.S_IMODE(status.st_mode)
    return f"other users of this computer can read the credential file {path} (mode {mode:04o}): chmod 600 {path}"
