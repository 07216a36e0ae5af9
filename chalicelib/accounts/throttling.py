"""Throttling: how often something may be tried in a window of time, counted in the database for all processes.

Windows are fixed: they begin at multiples of their length. A try is taken before the work that it allows, so that the
work is bounded however many ask at the same moment.
"""

import contextlib
import hashlib
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.accounts import limiter_store
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import Problem
from chalicelib.settings import settings

QUARTER_HOUR_S = 15 * 60
HOUR_S = 3600


class TooManyTries(Problem):
    """This was tried too often; it may be tried again later."""

    status = 429
    name = "too-many-tries"


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may be tried.

    Attributes:
        name: What is tried.
        most: How often in a window; 0 for as often as one likes.
        window_s: The length of a window.
    """

    name: str
    most: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was counted.

    Attributes:
        pk: The counter's partition; an empty text when nothing is counted.
        sk: The window.
        name: The try's own name.
        expires_at_s: When the window ends.
    """

    pk: str
    sk: str
    name: str
    expires_at_s: int

    def give_back(self) -> None:
        """Count it no longer."""
        if self.pk:
            limiter_store.drop_try(self.pk, self.sk, self.name, self.expires_at_s)


def failures_of_account() -> Limit:
    """Return the limit of wrong passwords for a username."""
    return Limit("login", settings().most.login_failures_per_account, QUARTER_HOUR_S)


def failures_of_known_login() -> Limit:
    """Return the limit of wrong passwords from a client that proved a login of before."""
    return Limit("known-login", settings().most.login_failures_per_account, QUARTER_HOUR_S)


def failures_of_address() -> Limit:
    """Return the limit of wrong passwords and codes from an address."""
    return Limit("login-address", settings().most.login_failures_per_address, QUARTER_HOUR_S)


def registrations_of_address() -> Limit:
    """Return the limit of registrations from an address."""
    return Limit("registration", settings().most.registrations_per_address, HOUR_S)


def resets_of_address() -> Limit:
    """Return the limit of forgotten passwords from an address."""
    return Limit("password-reset", settings().most.resets_per_address, HOUR_S)


def mails_of_recipient() -> Limit:
    """Return the limit of mails to an address, but those for a forgotten password."""
    return Limit("mail", settings().most.mails_per_recipient, HOUR_S)


def resets_of_recipient() -> Limit:
    """Return the limit of mails for a forgotten password: others' registrations must not use it up."""
    return Limit("mail-reset", settings().most.mails_per_recipient, HOUR_S)


def mails_of_sender() -> Limit:
    """Return the limit of codes that a user has sent, to whatever addresses the account has one after another."""
    return Limit("mail-sender", settings().most.mails_per_recipient, HOUR_S)


def pairings_of_address() -> Limit:
    """Return the limit of codes for bridges at an address."""
    return Limit("pairing", settings().most.pairings_per_address, HOUR_S)


def wrong_codes_of_user() -> Limit:
    """Return the limit of pairing codes that no bridge shows, tried by a user."""
    return Limit("pairing-code", settings().most.guesses_per_user, QUARTER_HOUR_S)


def refused_claims_of_user() -> Limit:
    """Return the limit of claims on devices that another has, tried by a user."""
    return Limit("device-claim", settings().most.guesses_per_user, QUARTER_HOUR_S)


def take(limit: Limit, key: str) -> Try:
    """Count a try, and return it.

    Args:
        limit: How often it may be.
        key: Who tries, or what is tried; kept as a hash.

    Raises:
        TooManyTries: It was tried as often as it may be in this window.
    """
    taken = _try(limit, key)
    if taken.pk:
        try:
            limiter_store.add_try(taken.pk, taken.sk, taken.name, limit.most, taken.expires_at_s)
        except ConditionFailedError as error:
            raise _too_many(taken.expires_at_s) from error
    return taken


def count(limit: Limit, key: str) -> None:
    """Count a try that has been made; once there are as many as there may be, further ones make no difference."""
    with contextlib.suppress(TooManyTries):
        take(limit, key)


def require_room(limit: Limit, key: str) -> None:
    """Let pass what may be tried, without counting it.

    Raises:
        TooManyTries: It was tried as often as it may be in this window.
    """
    asked = _try(limit, key)
    if asked.pk and limiter_store.count_tries(asked.pk, asked.sk) >= limit.most:
        raise _too_many(asked.expires_at_s)


def forget(limit: Limit, key: str) -> None:
    """Take back all tries of this window."""
    asked = _try(limit, key)
    if asked.pk:
        limiter_store.forget_tries(asked.pk, asked.sk)


def keys_of(user_id: str, folded_username: str, folded_emails: Iterable[str]) -> list[str]:
    """Return the partitions of every counter that belongs to a user, but those of the user's logins."""
    to_user = (mails_of_recipient(), resets_of_recipient())
    mails = [partition_key(limit, email) for email in folded_emails for limit in to_user]
    by_user = (mails_of_sender(), wrong_codes_of_user(), refused_claims_of_user())
    done = [partition_key(limit, user_id) for limit in by_user]
    return [partition_key(failures_of_account(), folded_username), *mails, *done]


def partition_key(limit: Limit, key: str) -> str:
    """Return the partition of a counter; whom it counts is not readable from it."""
    return f"L#{limit.name}#{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _try(limit: Limit, key: str) -> Try:
    if limit.most == 0:
        return Try("", "", "", 0)
    window = int(time.time()) // limit.window_s
    return Try(partition_key(limit, key), f"W#{window}", uuid.uuid4().hex[:12], (window + 1) * limit.window_s)


def _too_many(ends_at_s: int) -> TooManyTries:
    wait_s = max(1, ends_at_s - int(time.time()))
    return TooManyTries(f"Try again in {wait_s} seconds.", headers={"Retry-After": str(wait_s)})
