"""A command's result, for a person or as JSON."""

import sys
from argparse import Namespace
from typing import Any

import msgspec

from phone_client.cli.tables import printable
from phone_client.errors import ExitCode

ENDED_SOON = "; what was open there stops within 15 minutes."
"""How a sentence on ended logins ends: an access token is not looked up at every request (docs/api.md)."""


def print_result(options: Namespace, value: Any, text: str) -> ExitCode:
    """Print a value as JSON where that is asked for, else its text."""
    if options.json:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    else:
        sys.stdout.write(printable(text) + "\n")
    return ExitCode.FINE
