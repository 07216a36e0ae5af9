"""Waiting until somebody has approved this bridge's code (RFC 8628 sections 3.3 to 3.5)."""

import time
from collections.abc import Callable
from typing import Final, Protocol

from device_bridge.api import (
    ApiError,
    BridgeIdentity,
    BusyError,
    CredentialRefusedError,
    TryLaterError,
    UnreachableError,
)
from device_bridge.pairing_api import INTERVAL_S, Pairing, PairingApi

_FIRST_TRIES: Final = 3
_SLOWER_S: Final = 5.0
"""RFC 8628 section 3.5: what `slow_down` adds to the interval."""
_LONGEST_WAIT_S: Final = 60.0
_MOST_DOUBLINGS: Final = 6


class Screen(Protocol):
    """Where a person sees how far the enrolment is."""

    def show(self, pairing: Pairing) -> None:
        """Show a code, in the place of an earlier one."""

    def waiting(self, left_s: float) -> None:
        """Show that all is well, and how long the code is still good."""

    def trouble(self, what: str, wait_s: float) -> None:
        """Show what went wrong, and in how many seconds it is tried again."""


class Enrolment:
    """A bridge on its way into an account: it shows codes, one after the other, until one was approved.

    Args:
        api: The Web API, with the bridge's own secret.
        screen: Where the code is shown.
        clock: A steady clock, in seconds.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        api: PairingApi,
        screen: Screen,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._screen = screen
        self._clock = clock
        self._sleep = sleep
        self._interval_s = INTERVAL_S
        self._wait_s = INTERVAL_S
        self._failures = 0
        self._ends_s = 0.0

    def run(self, *, is_resumed: bool) -> BridgeIdentity:
        """Return who the bridge is, once a user has approved its code. It waits as long as that takes.

        Args:
            is_resumed: Whether the secret may have been approved before.

        Raises:
            ApiError: There was no first code. Afterwards what goes wrong is shown and tried again.
        """
        # When the API is away, asking for the code says so.
        identity = self._look(is_quiet=True) if is_resumed else None
        if identity is None:
            self._begin()
        while identity is None:
            self._sleep(self._wait_s)
            identity = self._look()
            if identity is None and self._clock() >= self._ends_s:
                self._renew()
        return identity

    def _begin(self) -> None:
        """Get the first code; a person who mistyped the address is told at once, a lost reply is asked again."""
        lost = 0
        while True:
            try:
                return self._take_code()
            except BusyError as error:
                self._note(error)
            except UnreachableError as error:
                lost += 1
                if not error.was_sent or lost == _FIRST_TRIES:
                    raise
                self._note(error)
            self._sleep(self._wait_s)

    def _renew(self) -> None:
        try:
            self._take_code()
        except ApiError as error:
            self._note(error)

    def _take_code(self) -> None:
        asked_at_s = self._clock()
        pairing = self._api.begin_pairing()
        self._interval_s = pairing.interval_s
        self._ends_s = asked_at_s + pairing.expires_in_s
        self._screen.show(pairing)
        self._be_calm()

    def _look(self, *, is_quiet: bool = False) -> BridgeIdentity | None:
        """Return who the bridge is, None while nobody has approved it or the API does not say."""
        try:
            return self._api.who_am_i()
        except ApiError as error:
            if isinstance(error, CredentialRefusedError) and error.is_apis_own and not error.is_known:
                self._be_calm()
            elif not is_quiet:
                self._note(error)
            return None

    def _be_calm(self) -> None:
        self._failures, self._wait_s = 0, self._interval_s
        left_s = self._ends_s - self._clock()
        if left_s > 0:
            self._screen.waiting(left_s)

    def _note(self, error: ApiError) -> None:
        """Say what went wrong and wait longer: as long as was asked for, else twice as long each time."""
        retry_after_s = error.retry_after_s if isinstance(error, TryLaterError) else None
        if isinstance(error, BusyError) and retry_after_s is None:
            self._interval_s = min(self._interval_s + _SLOWER_S, _LONGEST_WAIT_S)
        else:
            self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
        asked_s = retry_after_s if retry_after_s is not None else self._interval_s * 2.0**self._failures
        self._wait_s = max(self._interval_s, asked_s if retry_after_s is not None else min(asked_s, _LONGEST_WAIT_S))
        self._screen.trouble(_words(error), self._wait_s)


def _words(error: ApiError) -> str:
    if not isinstance(error, CredentialRefusedError):
        return str(error)
    if error.is_apis_own:
        return (
            f"the API knows this bridge's secret and does not let it in ({error.said}): no code mends that. Ask who "
            "runs the API, or whose account the bridge is in; it goes on by itself once it is let in"
        )
    return (
        f"something on the way to the API refuses the question ({error.said}), such as a proxy, a firewall or the "
        "network's login page"
    )
