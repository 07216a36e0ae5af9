"""What each command does: ask the client, then print for a person or as JSON."""

import getpass
import sys
from argparse import Namespace
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from phone_client.capture_id import checked_capture_id
from phone_client.cli.tables import capture_facts, capture_table, metrics_report, printable
from phone_client.client import ApiClient
from phone_client.errors import ClientError, ExitCode, UsageError
from phone_client.files import write_atomically


def register(client: ApiClient, options: Namespace) -> ExitCode:
    """Make an account."""
    user = client.register(options.username, options.email, _password(options, is_new=True))
    return _print(options, user, f"{user.username} is registered. Next: log-in {user.username}")


def log_in(client: ApiClient, options: Namespace) -> ExitCode:
    """Log in and keep the login on this machine."""
    client.log_in(options.username, _password(options))
    told = {"username": options.username, "api": client.api_url}
    return _print(options, told, f"{options.username} is logged in to {client.api_url}.")


def log_out(client: ApiClient, options: Namespace) -> ExitCode:
    """Forget the login on this machine."""
    client.log_out()
    return _print(options, {"api": client.api_url}, f"The login to {client.api_url} is forgotten on this machine.")


def add_bridge(client: ApiClient, options: Namespace) -> ExitCode:
    """Make a bridge and show its credential."""
    bridge = client.add_bridge(options.name)
    text = f"Bridge {bridge.name} is made. Its credential, shown this once:\n{bridge.credential}"
    return _print(options, bridge, text)


def captures(client: ApiClient, options: Namespace) -> ExitCode:
    """List the captures."""
    found = list(islice(client.captures(), options.limit))
    return _print(options, found, capture_table(found))


def capture(client: ApiClient, options: Namespace) -> ExitCode:
    """Show a capture."""
    found = client.capture(options.id)
    return _print(options, found, capture_facts(found))


def raw(client: ApiClient, options: Namespace) -> ExitCode:
    """Fetch a capture's bytes."""
    data = client.raw(options.id)
    if options.out == "-":
        sys.stdout.buffer.write(data)
        return ExitCode.FINE
    _write(Path(options.out), data)
    told = {"id": checked_capture_id(options.id), "size_bytes": len(data), "out": options.out}
    return _print(options, told, f"{len(data)} bytes, as they were uploaded, are in {options.out}.")


def metrics(client: ApiClient, options: Namespace) -> ExitCode:
    """Show what was computed from a capture."""
    if options.wait is None:
        found = client.metrics(options.id)
    else:
        found = client.wait_for_metrics(options.id, timeout_s=options.wait)
    return _print(options, found, metrics_report(found))


COMMANDS: dict[str, Callable[[ApiClient, Namespace], ExitCode]] = {
    "register": register,
    "log-in": log_in,
    "log-out": log_out,
    "add-bridge": add_bridge,
    "captures": captures,
    "capture": capture,
    "raw": raw,
    "metrics": metrics,
}


def _print(options: Namespace, value: Any, text: str) -> ExitCode:
    if options.json:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    else:
        sys.stdout.write(printable(text) + "\n")
    return ExitCode.FINE


def _write(path: Path, data: bytes) -> None:
    try:
        if path.exists() and not path.is_file():
            # A device or a pipe is written to, never replaced by a file.
            path.write_bytes(data)
        else:
            write_atomically(path, data)
    except OSError as error:
        raise ClientError(
            f"{path} could not be written: {error.strerror}. What it held before is untouched."
        ) from error


def _password(options: Namespace, *, is_new: bool = False) -> str:
    if options.password_stdin:
        return _password_line()
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask for the password on. Use --password-stdin.")
    try:
        password = getpass.getpass()
        again = getpass.getpass("The same again: ") if is_new else password
    except EOFError as error:
        raise UsageError("No password was typed. Nothing was sent.") from error
    if again != password:
        raise UsageError("The two passwords differ. Nothing was sent.")
    return password


def _password_line() -> str:
    try:
        password = sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError("The password on standard input is not UTF-8. Nothing was sent.") from error
    if not password:
        raise UsageError("Standard input has no password. Nothing was sent.")
    return password
