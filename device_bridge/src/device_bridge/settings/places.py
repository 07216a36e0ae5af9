"""Where the bridge's own files are, when nobody says otherwise (XDG Base Directory)."""

from collections.abc import Mapping
from pathlib import Path

SYSTEM_CONFIG = Path("/etc/device_bridge/config.toml")


def default_spool(environ: Mapping[str, str]) -> Path | None:
    """Return the spool's usual place in the user's state folder, None for a user without a home."""
    return _below(environ, "XDG_STATE_HOME", "~/.local/state", "spool.db")


def default_credential_file(environ: Mapping[str, str]) -> Path | None:
    """Return the usual place of the credential, None for a user without a home."""
    return _below(environ, "XDG_CONFIG_HOME", "~/.config", "credential")


def user_config(environ: Mapping[str, str]) -> Path | None:
    """Return the place of the user's settings file, None for a user without a home."""
    return _below(environ, "XDG_CONFIG_HOME", "~/.config", "config.toml")


def _below(environ: Mapping[str, str], variable: str, usual: str, name: str) -> Path | None:
    try:
        return Path(environ.get(variable) or usual).expanduser() / "device_bridge" / name
    except RuntimeError:
        return None
