"""The texts of the mails. None holds words of others than the reader, or it would carry their message."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without its address."""

    subject: str
    text: str


def verification(code: str) -> Letter:
    """Return the mail that shows that an address is read by the one who gave it."""
    return Letter(
        "Your RevMetrix code",
        f"Your code is {code}. Enter it in the app within 15 minutes to confirm this address.\n\n"
        "Someone gave this address for an account of RevMetrix. If it was not you, do nothing, and give the code to"
        " nobody: the address is confirmed for no one without it. If you have an account of your own, it stays as it"
        " is.\n",
    )


def address_changes(username: str) -> Letter:
    """Return the mail to the confirmed address of an account that gets another one."""
    return Letter(
        "The address of your RevMetrix account changes",
        f"Someone who is logged in as {username} and knows its password gives the account another address. This address"
        " stays in use until the other one is confirmed.\n\nIf it was not you, ask the app for a new password now: its"
        " code comes to this address, and all logins end with it.\n",
    )


def forgotten_password(code: str, username: str) -> Letter:
    """Return the mail to the owner of an account whose password was forgotten."""
    return Letter(
        "Your RevMetrix code for a new password",
        f"Your code is {code}. Enter it in the app within 15 minutes to choose a new password for the account"
        f" {username}.\n\nIf you did not ask for it, do nothing, and give the code to nobody: the password stays as it"
        " is.\n",
    )
