"""Passwords and codes: typed on a terminal or read from a pipe, never arguments, which other users of a machine see."""

import getpass
import sys

from phone_client.errors import UsageError


def new_password(*, from_stdin: bool) -> str:
    """Return a password that is to be set; on a terminal it is typed twice."""
    if from_stdin:
        return secret_line("password")
    password = ask("password", "New password: ", "--password-stdin")
    if ask("password", "The same again: ", "--password-stdin") != password:
        raise UsageError("The two passwords differ. Nothing was sent.")
    return password


def secret(what: str, prompt: str, option: str, *, from_stdin: bool) -> str:
    """Return a password or a code, from the terminal or standard input.

    Args:
        what: `password` or `code`.
        prompt: What to show on the terminal.
        option: The option that reads standard input.
        from_stdin: Whether it was given.

    Raises:
        UsageError: There is none, or nowhere to ask for it.
    """
    return secret_line(what) if from_stdin else ask(what, prompt, option)


def ask(what: str, prompt: str, option: str) -> str:
    """Return what is typed on the terminal, unseen; errors as of `secret`."""
    if not sys.stdin.isatty():
        raise UsageError(f"There is no terminal to ask for the {what} on. Use {option}.")
    try:
        return getpass.getpass(prompt)
    except EOFError as error:
        raise UsageError(f"No {what} was typed. Nothing was sent.") from error


def secret_line(what: str) -> str:
    """Return the next line of standard input; errors as of `secret`."""
    try:
        line = sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"The {what} on standard input is not UTF-8. Nothing was sent.") from error
    if not line:
        raise UsageError(f"Standard input has no {what}. Nothing was sent.")
    return line
