"""Throttling: how often something may be tried in a window of time, counted in the database for all processes.

Windows are fixed: they begin at multiples of their length. A try is taken before the work that it allows, so that the
work is bounded however many ask at the same moment.
"""

import hashlib
import ipaddress
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
DAY_S = 24 * HOUR_S
EXPORTS_A_DAY = 3
"""Each is an archive of everything, with the bytes of every capture."""
CLAIMS_A_DAY = 100
"""More than a club has devices: whoever claims free serials one after another claims others'."""
DENIALS_AN_HOUR = 20
"""So many denials of one user are each on record; then one record says that there are more."""


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
        is_by_address: Whether it counts for a client's address.
    """

    name: str
    most: int
    window_s: int
    is_by_address: bool = False


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
    return Limit("login-address", settings().most.login_failures_per_address, QUARTER_HOUR_S, is_by_address=True)


def registrations_of_address() -> Limit:
    """Return the limit of registrations from an address."""
    return Limit("registration", settings().most.registrations_per_address, HOUR_S, is_by_address=True)


def resets_of_address() -> Limit:
    """Return the limit of forgotten passwords from an address."""
    return Limit("password-reset", settings().most.resets_per_address, HOUR_S, is_by_address=True)


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
    return Limit("pairing", settings().most.pairings_per_address, HOUR_S, is_by_address=True)


def wrong_codes_of_user() -> Limit:
    """Return the limit of pairing codes that no bridge shows, tried by a user."""
    return Limit("pairing-code", settings().most.guesses_per_user, QUARTER_HOUR_S)


def refused_claims_of_user() -> Limit:
    """Return the limit of claims on devices that another has, tried by a user."""
    return Limit("device-claim", settings().most.guesses_per_user, QUARTER_HOUR_S)


def claims_of_user() -> Limit:
    """Return the limit of new claims on devices of a user."""
    return Limit("device-new", CLAIMS_A_DAY, DAY_S)


def exports_of_user() -> Limit:
    """Return the limit of exports that a user asks for."""
    return Limit("export", EXPORTS_A_DAY, DAY_S)


def denials_of_user() -> Limit:
    """Return the limit of denials that are put on record, of a user and the user's bridges."""
    return Limit("denied", DENIALS_AN_HOUR, HOUR_S)


def denials_beyond() -> Limit:
    """Return the limit of records that say that further denials are not on record."""
    return Limit("denied-beyond", 1, HOUR_S)


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


def forget(limit: Limit, key: str) -> None:
    """Take back all tries of this window."""
    asked = _try(limit, key)
    if asked.pk:
        limiter_store.forget_tries(asked.pk, asked.sk)


def keys_of(user_id: str, folded_username: str, folded_emails: Iterable[str]) -> list[str]:
    """Return the partitions of every counter that belongs to a user, but those of the user's logins."""
    to_user = (mails_of_recipient(), resets_of_recipient())
    mails = [partition_key(limit, email) for email in folded_emails for limit in to_user]
    by_user = (
        mails_of_sender(),
        wrong_codes_of_user(),
        refused_claims_of_user(),
        claims_of_user(),
        exports_of_user(),
        denials_of_user(),
        denials_beyond(),
    )
    done = [partition_key(limit, user_id) for limit in by_user]
    return [partition_key(failures_of_account(), folded_username), *mails, *done]


def partition_key(limit: Limit, key: str) -> str:
    """Return the partition of a counter; whom it counts is not readable from it."""
    counted = network_of(key) if limit.is_by_address else key
    return f"L#{limit.name}#{hashlib.sha256(counted.encode()).hexdigest()[:32]}"


def network_of(address: str) -> str:
    """Return what of an address is one client's: an IPv4 address, or the first 64 bits of an IPv6 address.

    Whoever has one IPv6 address has at least all of its /64 (RFC 4291 section 2.5.4, RFC 6177).
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip), 64), strict=False))


def _try(limit: Limit, key: str) -> Try:
    if limit.most == 0:
        return Try("", "", "", 0)
    window = int(time.time()) // limit.window_s
    return Try(partition_key(limit, key), f"W#{window}", uuid.uuid4().hex[:12], (window + 1) * limit.window_s)


def _too_many(ends_at_s: int) -> TooManyTries:
    wait_s = max(1, ends_at_s - int(time.time()))
    return TooManyTries(f"Try again in {wait_s} seconds.", headers={"Retry-After": str(wait_s)})
