"""Which value counts: flag, environment, the user's settings file, the computer's, default, in this order."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast

from device_bridge.errors import UsageError
from device_bridge.settings import places
from device_bridge.settings.credential import (
    CredentialMissingError,
    check_credential,
    permission_problem,
    read_credential,
)
from device_bridge.settings.files import read_config
from device_bridge.settings.table import CONFIG, CREDENTIAL, SETTINGS, Setting

LogFormat: TypeAlias = Literal["text", "json"]
Kind: TypeAlias = Literal["flag", "environment", "file", "default"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Attributes:
        kind: A flag, the environment, a settings file, or the default.
        where: The flag, the variable or the file; `default` for the default.
    """

    kind: Kind
    where: str

    def __str__(self) -> str:
        """Return it for a person."""
        return self.where


@dataclass(frozen=True, slots=True)
class Settings:
    """What the commands share.

    Attributes:
        ports: Places of devices; none takes every SmartDot that is plugged in.
        spool: The spool's file.
        api: The Web API's address, None when nobody gave it.
        credential_file: The file with the bridge's credential, whether it exists or not; None without a home folder.
        poll_s: How often to look for new records.
        min_free_mib: With less free disk, nothing more is read from devices.
        erase_verified: Whether records that the cloud has verified are erased from devices.
        heartbeat_s: How often to tell the API that this bridge works.
        log_format: How `run` writes what happens.
        credential: The credential when the environment holds it and no flag names a file, otherwise None.
        origins: Where each came from, by its name.
        config_files: The settings files that were read.
    """

    ports: tuple[str, ...]
    spool: Path
    api: str | None
    credential_file: Path | None
    poll_s: float
    min_free_mib: int
    erase_verified: bool
    heartbeat_s: float
    log_format: LogFormat
    credential: str | None = field(repr=False)
    origins: Mapping[str, Origin] = field(repr=False)
    config_files: tuple[Path, ...]

    @property
    def port(self) -> str | None:
        """The one place that was given, None when none was. Raises `UsageError` when there are several."""
        if len(self.ports) > 1:
            raise UsageError(
                f"this command works with one device, and {self.origins['ports']} names {len(self.ports)}: "
                f"choose one with --port ({', '.join(self.ports)})"
            )
        return self.ports[0] if self.ports else None

    @property
    def min_free_bytes(self) -> int:
        """`min_free_mib` in bytes."""
        return self.min_free_mib << 20

    def required_api(self) -> str:
        """Return the API's address. Raises `UsageError` when it was not given."""
        if not self.api:
            raise UsageError("where to upload to is not known: give --api, or run `device_bridge enrol --api ADDRESS`")
        return self.api

    def required_credential(self) -> str:
        """Return the bridge's credential.

        Raises:
            CredentialMissingError: There is none.
            UsageError: The file cannot be read, or what is in it cannot be a credential.
        """
        text = check_credential(self.credential) if self.credential else self._read_credential_file()
        if not text:
            raise CredentialMissingError(
                "no credential to upload with: run `device_bridge enrol`, or name its file with --credential-file"
            )
        return text

    def credential_origin(self) -> Origin | None:
        """Return where the credential is, None when there is none; a file that somebody named counts always."""
        if self.credential:
            return Origin("environment", CREDENTIAL)
        if self.credential_file is None or self._is_default_file_missing():
            return None
        return Origin("file", str(self.credential_file))

    def credential_warning(self) -> str | None:
        """Return in a line that others can read the credential's file, None when they cannot."""
        return None if self.credential or self.credential_file is None else permission_problem(self.credential_file)

    def _read_credential_file(self) -> str:
        if self.credential_file is None or self._is_default_file_missing():
            return ""
        return read_credential(self.credential_file)

    def _is_default_file_missing(self) -> bool:
        return (
            self.credential_file is not None
            and self.origins["credential_file"].kind == "default"
            and not self.credential_file.exists()
        )


def resolve(flags: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings.

    Args:
        flags: What the command line gave, by the settings' names, and `config`; None where it gave nothing.
        environ: The environment.

    Raises:
        UsageError: A value makes no sense, or a settings file has an unknown key, cannot be read or is missing.
    """
    files = _read_files(flags.get("config"), environ)
    values: dict[str, object] = {}
    origins: dict[str, Origin] = {}
    for setting in SETTINGS:
        values[setting.name], origins[setting.name] = _choose(setting, flags, environ, files)
    if values["spool"] is None:
        raise UsageError("this user has no home folder: say with --spool or DEVICE_BRIDGE_SPOOL where the spool is")
    credential = None if origins["credential_file"].kind == "flag" else environ.get(CREDENTIAL, "").strip() or None
    # Each value was read by its own setting's `read`.
    return Settings(**cast("dict[str, bool]", values), credential=credential, origins=origins, config_files=(*files,))  # type: ignore[arg-type]


def config_to_change(flags: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Path:
    """Return the settings file that is this user's to change: the one that was named, or their own.

    Raises:
        UsageError: None was named, and the user has no home folder.
    """
    named = flags.get("config") or environ.get(CONFIG)
    path = Path(str(named)).expanduser() if named else places.user_config(environ)
    if path is None:
        raise UsageError("this user has no home folder: name the settings file with --config")
    return path


def _read_files(named: object, environ: Mapping[str, str]) -> dict[Path, dict[str, object]]:
    """Return the settings files as they count: the one that was named, or the user's and the system's."""
    named = named or environ.get(CONFIG)
    if named:
        path = Path(str(named)).expanduser()
        try:
            return {path: read_config(path)}
        except FileNotFoundError as error:
            raise UsageError(f"there is no settings file {path}") from error
    found = {}
    for usual in (places.user_config(environ), places.SYSTEM_CONFIG):
        if usual is not None and usual.exists():
            found[usual] = read_config(usual)
    return found


def _choose(
    setting: Setting, flags: Mapping[str, object], environ: Mapping[str, str], files: Mapping[Path, dict[str, object]]
) -> tuple[object, Origin]:
    given = flags.get(setting.name)
    if given is not None and given not in ("", []):
        return _read(setting, given, Origin("flag", setting.flag)), Origin("flag", setting.flag)
    if environ.get(setting.environ):
        origin = Origin("environment", setting.environ)
        return _read(setting, environ[setting.environ], origin), origin
    for path, content in files.items():
        if setting.name in content:
            origin = Origin("file", str(path))
            value = _read(setting, content[setting.name], origin)
            # A service has no folder of its own that a relative path could mean.
            return path.absolute().parent / value if isinstance(value, Path) else value, origin
    return _default(setting, environ), Origin("default", "default")


def _read(setting: Setting, value: object, origin: Origin) -> object:
    try:
        return setting.read(value)
    except ValueError as error:
        name = "" if origin.kind == "flag" else f"{setting.name} "
        raise UsageError(f"{origin}: {name}{value!r} {error}") from error


def _default(setting: Setting, environ: Mapping[str, str]) -> object:
    match setting.name:
        case "spool":
            return places.default_spool(environ)
        case "credential_file":
            return places.default_credential_file(environ)
        case _:
            return setting.default
