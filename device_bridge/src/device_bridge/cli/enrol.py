"""`enrol`: take the bridge's credential once, check it, and keep it where only its owner can read it."""

import argparse
import contextlib
import getpass
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from device_bridge.api import Api, ApiError, check_api_url
from device_bridge.cli.arguments import Commands, add_api, add_command, add_json
from device_bridge.cli.console import Output
from device_bridge.cli.streams import is_wanted
from device_bridge.errors import ExitCode, UsageError
from device_bridge.settings import (
    CONFIG,
    CREDENTIAL,
    CredentialMissingError,
    Settings,
    change_config,
    check_credential,
    config_to_change,
    resolve,
    write_credential,
)

_MOST_CHARACTERS = 8192


def add_enrol(commands: Commands) -> None:
    """Register `enrol`."""
    examples = (
        "  device_bridge enrol --api https://example.org     # asks for the credential, without showing it\n"
        "  secret-store get lane7 | device_bridge enrol --api https://example.org\n"
        "  device_bridge enrol --force                       # put a new credential in the old one's place\n"
        "\n"
        "the credential is made by the account's owner: POST /v1/bridges, or `phone_client add-bridge NAME`\n"
    )
    parser = add_command(commands, "enrol", "take this bridge's credential, check it and keep it", examples, enrol)
    add_api(parser)
    parser.add_argument("--no-check", action="store_true", help="do not ask the API whether it takes the credential")
    parser.add_argument("--force", action="store_true", help="replace a credential that is there already")
    add_json(parser)


def enrol(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Read a credential, check it against the API, and write it and the API's address."""
    flags = vars(chosen)
    config = config_to_change(flags)
    settings = resolve(flags) if config.exists() else _resolve_without_config(flags)
    url, place = check_api_url(settings.required_api()), _place(settings)
    _ask_before_replacing(place, force=chosen.force)
    credential = _read_credential(url)
    bridge = None if chosen.no_check else _check(url, credential)
    write_credential(place, credential)
    values = _values_to_keep(settings, url, place)
    if values:
        _change_config(config, values, place)
    if chosen.json:
        output.json(
            {"bridge": bridge, "api": url, "credential_file": str(place), "config": str(config) if values else None}
        )
    else:
        output.result(f"enrolled{f' as {bridge}' if bridge else ', unchecked'} at {url}")
        output.result(f"credential in {place}: only this user can read it")
        if values:
            output.result(f"{' and '.join(values)} in {config}")
    _say_what_wins(settings, output)
    output.message("device_bridge: next: `device_bridge doctor` looks whether all is well, `device_bridge run` works")
    return ExitCode.FINE


def _resolve_without_config(flags: Mapping[str, object]) -> Settings:
    """Return the settings while the settings file that was named is yet to be made."""
    environ = {name: value for name, value in os.environ.items() if name != CONFIG}
    return resolve({**flags, "config": None}, environ)


def _values_to_keep(settings: Settings, url: str, place: Path) -> dict[str, str]:
    """Return what the settings file should say; what one says already needs no second place."""
    values = {} if settings.origins["api"].kind == "file" else {"api": url}
    if settings.origins["credential_file"].kind == "flag":
        values["credential_file"] = str(place.absolute())
    return values


def _place(settings: Settings) -> Path:
    if settings.credential_file is None:
        raise UsageError("this user has no home folder: say with --credential-file where to keep the credential")
    return settings.credential_file


def _ask_before_replacing(place: Path, *, force: bool) -> None:
    if force or not place.exists() or not place.stat().st_size:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"there is a credential in {place} already; it was left as it is. Replace it with --force")
    if not is_wanted(f"There is a credential in {place} already. Replace it?"):
        raise UsageError(f"the credential in {place} was left as it is")


def _read_credential(url: str) -> str:
    """Return a credential from a prompt that does not show it, or from what is piped into stdin."""
    if sys.stdin.isatty():
        with warnings.catch_warnings():
            # Where the echo cannot be switched off getpass would show what is typed, and only warn.
            warnings.simplefilter("error", getpass.GetPassWarning)
            try:
                text = getpass.getpass(f"Credential of this bridge for {url} (not shown): ")
            except getpass.GetPassWarning as error:
                raise UsageError("this terminal cannot hide what is typed: pipe the credential into stdin") from error
            except EOFError:
                text = ""
    else:
        try:
            text = sys.stdin.read(_MOST_CHARACTERS)
        except UnicodeDecodeError as error:
            raise UsageError("what was piped in is no text: nothing was written") from error
    credential = check_credential(text)
    if not credential:
        raise CredentialMissingError("no credential was given: nothing was written")
    return credential


def _check(url: str, credential: str) -> str:
    """Return the name under which the API knows this bridge."""
    with contextlib.closing(Api(url, credential)) as api:
        try:
            return api.who_am_i().name
        except ApiError as error:
            what = f"{str(error).rstrip('.')}. The credential was not written"
            raise type(error)(
                what if error.exit_code is ExitCode.CREDENTIAL_REFUSED else f"{what}; {_LATER}"
            ) from error


_LATER = "try again, or keep it unchecked with --no-check"


def _change_config(config: Path, values: dict[str, str], place: Path) -> None:
    try:
        change_config(config, values)
    except UsageError as error:
        raise UsageError(f"the credential is in {place}, but {error}") from error


def _say_what_wins(settings: Settings, output: Output) -> None:
    if os.environ.get(CREDENTIAL):
        output.message(f"device_bridge: {CREDENTIAL} is set and wins over the file: take it out of the environment")
    if settings.origins["api"].kind == "environment":
        output.message(f"device_bridge: {settings.origins['api']} is set and wins over the settings file")
