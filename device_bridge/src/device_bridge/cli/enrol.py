"""`enrol`: have this bridge taken into an account by a code, or take a credential that was made for it, and keep it."""

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from device_bridge.api import Api, ApiError, check_api_url
from device_bridge.cli.arguments import Commands, add_api, add_command, add_json
from device_bridge.cli.console import Output
from device_bridge.cli.credential_entry import given_credential
from device_bridge.cli.pairing_screen import PairingScreen
from device_bridge.cli.streams import is_wanted
from device_bridge.enrolment import Enrolment
from device_bridge.errors import BridgeError, ExitCode, UsageError
from device_bridge.pairing_api import PairingApi
from device_bridge.settings import (
    CONFIG,
    CREDENTIAL,
    EnrolmentLock,
    Settings,
    change_config,
    config_to_change,
    forget_pending,
    keep_pending,
    pending_api,
    pending_place,
    read_credential,
    read_pending,
    resolve,
    write_credential,
)


def add_enrol(commands: Commands) -> None:
    """Register `enrol`."""
    examples = (
        "  device_bridge enrol --api https://example.org     # shows a code, and waits until it was approved\n"
        "  device_bridge enrol --json < /dev/null            # the code as JSON, for a kiosk\n"
        "  device_bridge enrol --force                       # put a new credential in the old one's place\n"
        "  device_bridge enrol --credential                  # asks for one that was made before, without showing it\n"
        "  secret-store get lane7 | device_bridge enrol --credential\n"
        "\n"
        "the code is approved by the account's owner: in the app, or with `phone_client approve-bridge CODE`;\n"
        "a credential is made with POST /v1/bridges, or `phone_client add-bridge NAME`\n"
    )
    parser = add_command(commands, "enrol", "have this bridge taken into an account", examples, enrol)
    add_api(parser)
    parser.add_argument("--credential", action="store_true", help="take a credential, from a hidden prompt or a pipe")
    parser.add_argument("--no-check", action="store_true", help="do not ask the API whether it takes that credential")
    parser.add_argument("--force", action="store_true", help="replace a credential that is there already")
    add_json(parser)


def enrol(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Get a credential by a code, or read one and check it against the API; write it and the API's address."""
    flags = vars(chosen)
    config = config_to_change(flags)
    settings = resolve(flags) if config.exists() else _resolve_without_config(flags)
    place = _place(settings)
    # A call that was stopped has told nobody else the address.
    url = check_api_url(settings.api or pending_api(place) or settings.required_api())
    seen = _look(place, url)
    if not seen.was_stopped_at_the_end:
        _ask_before_replacing(place, force=chosen.force)
    given = given_credential(url, output, is_wanted=chosen.credential or chosen.no_check)
    bridge = None if given is None or chosen.no_check else _check(url, given)
    values = _values_to_keep(settings, url, place)
    with EnrolmentLock(place):
        if not chosen.force and _look(place, url) != seen:
            raise UsageError(f"another `device_bridge enrol` has changed {place} meanwhile; it was left as it is")
        if given is None:
            bridge = _enrol_by_code(url, place, output, is_json=chosen.json)
        else:
            write_credential(place, given)
        if values:
            _change_config(config, values, place)
        forget_pending(place)
    facts = {"bridge": bridge, "api": url, "credential_file": str(place), "config": str(config) if values else None}
    _tell(output, facts, [*values], is_json=chosen.json)
    _say_what_wins(settings, output)
    output.message("device_bridge: next: `device_bridge doctor` looks whether all is well, `device_bridge run` works")
    return ExitCode.FINE


def _tell(output: Output, facts: Mapping[str, str | None], kept: Sequence[str], *, is_json: bool) -> None:
    """Print what was done; `kept` are the settings that the settings file has now."""
    if is_json:
        output.json(facts)
        return
    bridge = facts["bridge"]
    output.result(f"enrolled{f' as {bridge}' if bridge else ', unchecked'} at {facts['api']}")
    output.result(f"credential in {facts['credential_file']}: only this user can read it")
    if kept:
        output.result(f"{' and '.join(kept)} in {facts['config']}")


class _Seen(NamedTuple):
    """What was there before anything was asked, so that what came meanwhile is not overwritten."""

    was_stopped_at_the_end: bool
    file: tuple[int, int, int] | None


def _look(place: Path, url: str) -> _Seen:
    try:
        found = place.stat()
    except OSError:
        return _Seen(was_stopped_at_the_end=False, file=None)
    return _Seen(_was_stopped_at_the_end(place, url), (found.st_ino, found.st_mtime_ns, found.st_size))


def _was_stopped_at_the_end(place: Path, url: str) -> bool:
    """Return whether the credential that is there is the one whose enrolment is yet to be finished."""
    pending = read_pending(place, url)
    try:
        return pending is not None and place.exists() and read_credential(place) == pending.secret
    except BridgeError:
        # It cannot be read, so it is another one: what becomes of it is asked next.
        return False


def _enrol_by_code(url: str, place: Path, output: Output, *, is_json: bool) -> str:
    """Write the secret that this bridge made, once a user has approved it; return the bridge's name in the account."""
    before = read_pending(place, url)
    pending = before or keep_pending(place, url)
    kept = (
        f"the bridge's own secret is kept in {pending_place(place)}, and the next `device_bridge enrol` goes on with it"
    )
    with (
        contextlib.closing(PairingApi(url, pending.secret)) as api,
        PairingScreen(output, url, is_json=is_json) as screen,
    ):
        try:
            name = Enrolment(api, screen).run(is_resumed=before is not None).name
        except ApiError as error:
            raise type(error)(f"{str(error).rstrip('.')}. There is no code; {kept}") from error
        except KeyboardInterrupt:
            what = "nobody has approved the code yet" if screen.has_shown else "there was no code yet"
            output.message(f"device_bridge: {what}: {kept}")
            raise
    try:
        write_credential(place, pending.secret)
    except UsageError as error:
        raise UsageError(f"{error}. The code was approved; {kept}") from error
    return name


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
