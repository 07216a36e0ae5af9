"""A credential that a person types, or that is piped into stdin."""

import getpass
import os
import select
import stat
import sys
import warnings

from device_bridge.cli.console import Output
from device_bridge.errors import UsageError
from device_bridge.settings import CredentialMissingError, check_credential

_MOST_CHARACTERS = 8192
_SILENCE_S = 1.0


def given_credential(url: str, output: Output, *, is_wanted: bool) -> str | None:
    """Return the credential that is typed or piped in; None when the bridge is to be enrolled by a code.

    Args:
        url: The API's address, for the prompt.
        output: Where is said what is waited for.
        is_wanted: Whether it was asked to take a credential.

    Raises:
        UsageError: What comes cannot be a credential, or this terminal cannot hide it.
        CredentialMissingError: One is wanted and none comes.
    """
    if is_wanted:
        text = _typed(url) if sys.stdin.isatty() else _piped()
    elif _may_be_piped():
        _say_what_is_waited_for(output)
        text = _piped()
    else:
        return None
    credential = check_credential(text)
    if not credential and is_wanted:
        raise CredentialMissingError("no credential was given: nothing was written")
    return credential or None


def _may_be_piped() -> bool:
    """Return whether stdin is a pipe, a socket or a file; a terminal and /dev/null are devices."""
    try:
        return not stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError):
        # A stream of Python's own, which has no descriptor: it ends.
        return not sys.stdin.isatty()


def _say_what_is_waited_for(output: Output) -> None:
    """Tell whoever left a pipe open, as `ssh` does without a terminal, why nothing happens."""
    if os.name != "posix":
        return
    try:
        readable, _, _ = select.select([sys.stdin], [], [], _SILENCE_S)
    except (OSError, ValueError):
        return
    if not readable:
        output.message(
            "device_bridge: stdin is a pipe: waits for a credential or the pipe's end. For a code: enrol < /dev/null"
        )


def _typed(url: str) -> str:
    with warnings.catch_warnings():
        # Where the echo cannot be switched off getpass would show what is typed, and only warn.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"Credential of this bridge for {url} (not shown): ")
        except getpass.GetPassWarning as error:
            raise UsageError("this terminal cannot hide what is typed: pipe the credential into stdin") from error
        except EOFError:
            return ""


def _piped() -> str:
    try:
        return sys.stdin.read(_MOST_CHARACTERS)
    except UnicodeDecodeError as error:
        raise UsageError("what was piped in is no text: nothing was written") from error
