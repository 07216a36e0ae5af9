"""Where the bridge's settings come from: flags over the environment over defaults."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from device_bridge.errors import BridgeError, ExitCode, UsageError

PORT, SPOOL, API = "DEVICE_BRIDGE_PORT", "DEVICE_BRIDGE_SPOOL", "DEVICE_BRIDGE_API"
CREDENTIAL, CREDENTIAL_FILE = "DEVICE_BRIDGE_CREDENTIAL", "DEVICE_BRIDGE_CREDENTIAL_FILE"


class CredentialMissingError(BridgeError):
    """There is no credential to upload with."""

    exit_code = ExitCode.CREDENTIAL_REFUSED


@dataclass(frozen=True, slots=True)
class Settings:
    """What the commands share.

    Attributes:
        port: The device's serial port; None finds the one SmartDot that is plugged in.
        spool: The spool's file.
        api: The Web API's address, None when it was not given.
        credential_file: The file with the bridge's credential, None when it was not given.
        credential: The credential from the environment, None when it was not given.
    """

    port: str | None
    spool: Path
    api: str | None
    credential_file: Path | None
    credential: str | None

    def __repr__(self) -> str:
        """Leave the credential out: what is printed is logged."""
        return f"Settings(port={self.port!r}, spool={self.spool!r}, api={self.api!r})"

    def required_api(self) -> str:
        """Return the API's address. Raises `UsageError` when it was not given."""
        if not self.api:
            raise UsageError(f"where to upload to is not known: give --api or set {API}")
        return self.api

    def required_credential(self) -> str:
        """Return the bridge's credential; a file wins over the environment.

        Raises:
            CredentialMissingError: There is none.
            UsageError: The file cannot be read, or what is in it cannot be a credential.
        """
        text = self.credential if self.credential_file is None else _read_credential(self.credential_file)
        if not text:
            raise CredentialMissingError(
                f"no credential to upload with: give --credential-file, or set {CREDENTIAL_FILE} or {CREDENTIAL}"
            )
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise UsageError("the credential holds spaces or control characters: it must be one line, as it was issued")
        return text


def _read_credential(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"the credential file {path} cannot be read: {why}") from error


def default_spool(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the spool's usual place, in the user's state folder (XDG Base Directory)."""
    state = environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "device_bridge" / "spool.db"


def resolve(flags: Mapping[str, str | None], environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings from the command line's flags and the environment.

    Args:
        flags: `port`, `spool`, `api`, `credential_file`, each None when it was not given.
        environ: The environment.
    """

    def choose(flag: str, name: str) -> str | None:
        return flags.get(flag) or environ.get(name) or None

    spool, credential_file = choose("spool", SPOOL), choose("credential_file", CREDENTIAL_FILE)
    # A file named on the command line wins over a credential in the environment, and that over a file named there.
    credential = environ.get(CREDENTIAL, "").strip() or None
    if credential and not flags.get("credential_file"):
        credential_file = None
    return Settings(
        port=choose("port", PORT),
        spool=Path(spool).expanduser() if spool else default_spool(environ),
        api=choose("api", API),
        credential_file=Path(credential_file).expanduser() if credential_file else None,
        credential=credential,
    )
