"""What each command does: ask the client, then print for a person or as JSON."""

import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from phone_client.capture_id import checked_capture_id
from phone_client.cli.account_commands import ACCOUNT_COMMANDS
from phone_client.cli.conflict_commands import conflicts
from phone_client.cli.import_commands import import_scores
from phone_client.cli.lane_commands import LANE_COMMANDS
from phone_client.cli.printing import ENDED_SOON, print_result
from phone_client.cli.scorebook_commands import SCOREBOOK_COMMANDS
from phone_client.cli.secrets import new_password, secret
from phone_client.cli.shot_commands import shot
from phone_client.cli.tables import bridge_table, capture_facts, capture_table, metrics_report
from phone_client.client import ApiClient
from phone_client.errors import ClientError, ExitCode
from phone_client.files import replacing
from phone_client.users import PersonalDetails


def register(client: ApiClient, options: Namespace) -> ExitCode:
    """Make an account."""
    details = PersonalDetails(options.first_name, options.last_name, options.phone, options.handedness)
    password = new_password(from_stdin=options.password_stdin)
    user = client.register(options.username, options.email, password, details)
    text = (
        f"{user.username} is registered. Next: log-in {user.username}\n"
        f"A code is on its way to {user.email}; once you are logged in: confirm-email, or verify-email for another code"
    )
    return print_result(options, user, text)


def log_in(client: ApiClient, options: Namespace) -> ExitCode:
    """Log in and keep the login on this machine."""
    password = secret("password", "Password: ", "--password-stdin", from_stdin=options.password_stdin)
    client.log_in(options.username, password)
    told = {"username": options.username, "api": client.api_url}
    return print_result(options, told, f"{options.username} is logged in to {client.api_url}.")


def log_out(client: ApiClient, options: Namespace) -> ExitCode:
    """End the login, and forget it on this machine."""
    if options.everywhere:
        client.account.log_out_everywhere()
        told = {"api": client.api_url, "ended": True}
        return print_result(options, told, f"All your logins to {client.api_url} have ended{ENDED_SOON}")
    is_ended = client.log_out()
    there = "has ended." if is_ended else "is forgotten on this machine; the server was not told, and ends it in time."
    told = {"api": client.api_url, "ended": is_ended}
    return print_result(options, told, f"The login to {client.api_url} {there}")


def add_bridge(client: ApiClient, options: Namespace) -> ExitCode:
    """Make a bridge and show its credential."""
    bridge = client.add_bridge(options.name)
    text = f"Bridge {bridge.name} is made. Its credential, shown this once:\n{bridge.credential}"
    return print_result(options, bridge, text)


def bridges(client: ApiClient, options: Namespace) -> ExitCode:
    """List the bridges, and which of them are silent."""
    found = list(client.bridges())
    return print_result(options, found, bridge_table(found))


def captures(client: ApiClient, options: Namespace) -> ExitCode:
    """List the captures."""
    found = list(islice(client.captures(), options.limit))
    return print_result(options, found, capture_table(found))


def capture(client: ApiClient, options: Namespace) -> ExitCode:
    """Show a capture."""
    found = client.capture(options.id)
    return print_result(options, found, capture_facts(found))


def raw(client: ApiClient, options: Namespace) -> ExitCode:
    """Fetch a capture's bytes."""
    if options.out == "-":
        _pass_on(client, options.id, sys.stdout.buffer)
        return ExitCode.FINE
    size_bytes = _save(client, options.id, Path(options.out))
    told = {"id": checked_capture_id(options.id), "size_bytes": size_bytes, "out": options.out}
    return print_result(options, told, f"{size_bytes} bytes, as they were uploaded, are in {options.out}.")


def metrics(client: ApiClient, options: Namespace) -> ExitCode:
    """Show what was computed from a capture."""
    if options.wait is None:
        found = client.metrics(options.id)
    else:
        found = client.wait_for_metrics(options.id, timeout_s=options.wait)
    return print_result(options, found, metrics_report(found))


COMMANDS: dict[str, Callable[[ApiClient, Namespace], ExitCode]] = {
    "register": register,
    "log-in": log_in,
    "log-out": log_out,
    "add-bridge": add_bridge,
    "bridges": bridges,
    "captures": captures,
    "capture": capture,
    "raw": raw,
    "metrics": metrics,
    **ACCOUNT_COMMANDS,
    **LANE_COMMANDS,
    "shot": shot,
    **SCOREBOOK_COMMANDS,
    "conflicts": conflicts,
    "import-scores": import_scores,
}


def _pass_on(client: ApiClient, capture_id: str, out: BinaryIO) -> int:
    """Give the bytes on once all of them have arrived and are the right ones."""
    with tempfile.TemporaryFile() as file:
        size_bytes = client.save_raw(capture_id, file)
        file.seek(0)
        shutil.copyfileobj(file, out)
    return size_bytes


def _save(client: ApiClient, capture_id: str, path: Path) -> int:
    try:
        if path.exists() and not path.is_file():
            # A device or a pipe is written to, never replaced by a file.
            with path.open("wb") as device:
                return _pass_on(client, capture_id, device)
        with replacing(path) as file:
            return client.save_raw(capture_id, file)
    except OSError as error:
        raise ClientError(
            f"{path} could not be written: {error.strerror}. What it held before is untouched."
        ) from error
