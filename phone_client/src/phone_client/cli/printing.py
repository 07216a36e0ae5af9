"""A command's result, for a person or as JSON."""

import json
import sys
from argparse import Namespace
from typing import Any

import msgspec

from phone_client.cli.tables import printable
from phone_client.errors import ClientError, ExitCode

ENDED_SOON = "; what was open there stops within 15 minutes."
"""How a sentence on ended logins ends: an access token is not looked up at every request (docs/api.md)."""


class OutputError(ClientError):
    """Standard output takes no more."""


def _takes(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def print_result(options: Namespace, value: Any, text: str) -> ExitCode:
    """Print a value as JSON where that is asked for, else its text."""
    if options.json:
        shown = msgspec.json.encode(value).decode()
        if not _takes(shown):
            shown = json.dumps(msgspec.to_builtins(value))
    else:
        # A terminal of a few letters shows the others by their numbers.
        encoding = sys.stdout.encoding or "utf-8"
        shown = printable(text).encode(encoding, "backslashreplace").decode(encoding)
    try:
        sys.stdout.write(shown + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"What the command did stays done, but could not be shown: {error.strerror}.") from error
    return ExitCode.FINE
