"""Enrolment of a bridge by a code, after the manner of the device authorization grant (RFC 8628).

The bridge makes its own secret and tells only the secret's SHA-256. Once a user has approved the code that it shows,
the secret is the credential of a bridge of that user: nothing has to be handed back, so no lost reply costs anything,
and whoever reads the screen can do no more than take the bridge in.
"""

import contextlib
import secrets
import time
from datetime import UTC, datetime

from chalicelib.accounts import credential_store, throttling
from chalicelib.accounts.closing import check_open
from chalicelib.accounts.tokens import secret_sha256 as sha256_of
from chalicelib.devices import bridge_store, bridges
from chalicelib.devices.bridges import bridge_items, kind_of
from chalicelib.devices.items import BridgeItem, PairingItem
from chalicelib.devices.model import PairedBridge, PairingApproval, PairingView
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import Problem

LIFETIME_S = 600
INTERVAL_S = 5
"""RFC 8628 section 3.2: what holds when nothing is said."""
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628 section 6.1: no vowels, so no words, and nothing that looks like a digit. 20^8 codes are 34 bits."""
CODE_LETTERS = 8
_TRIES = 5


class PairingCodeInvalid(Problem):
    """No bridge shows this code."""

    status = 404
    name = "pairing-code-invalid"


class PairingBusy(Problem):
    """No free code was found."""

    status = 503
    name = "pairing-busy"


class PairingTaken(Problem):
    """This bridge belongs to somebody already."""

    status = 409
    name = "pairing-taken"


def begin(secret_sha256: str, address: str) -> PairingView:
    """Return a fresh code for a bridge's secret. Asked again, it gives another one, and each of them works.

    Args:
        secret_sha256: Of the secret that the bridge keeps.
        address: Where the bridge calls from.

    Raises:
        TooManyTries: Too many codes were asked for from there.
        PairingBusy: No code was free.
    """
    throttling.take(throttling.pairings_of_address(), address)
    for _ in range(_TRIES):
        letters = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LETTERS))
        # Taken letters are rare: once in some thousand million times, with a dozen bridges waiting.
        with contextlib.suppress(ConditionFailedError):
            bridge_store.add_pairing(_pairing(letters, secret_sha256), int(time.time()))
            return PairingView(f"{letters[:4]}-{letters[4:]}", LIFETIME_S, INTERVAL_S)
    raise PairingBusy("Try again.")


def _pairing(letters: str, secret_sha256: str) -> PairingItem:
    now = datetime.now(UTC)
    return PairingItem(
        f"P#{sha256_of(letters)}",
        PairingItem.SK,
        secret_sha256=secret_sha256,
        created_at=now.isoformat(),
        expires_at=int(now.timestamp()) + LIFETIME_S,
    )


def approve(user_id: str, approval: PairingApproval) -> tuple[PairedBridge, bool]:
    """Make the bridge that shows a code a bridge of the user; approved again it is the same bridge.

    Returns:
        The bridge, and whether it is new.

    Raises:
        PairingCodeInvalid: Nobody shows this code, or no longer.
        PairingTaken: It was approved by somebody else.
        TooManyTries: The user has tried too many codes that no bridge shows.
    """
    guess = throttling.take(throttling.wrong_codes_of_user(), user_id)
    pairing = _shown(approval.code)
    guess.give_back()
    if pairing.user_id is not None:
        return _approved_before(pairing, user_id), False
    bridge, credential = bridge_items(user_id, approval.name, approval.kind, str(pairing.secret_sha256))
    bridge.pairing_sha256 = pairing.pk.removeprefix("P#")
    try:
        bridge_store.approve_pairing(pairing, bridge, credential)
    except ConditionFailedError:
        check_open(user_id, bridges.NOTHING_MADE)
        return _approved_before(_shown(approval.code), user_id), False
    return _view(bridge), True


def _shown(code: str) -> PairingItem:
    letters = "".join(letter for letter in code.upper() if letter.isalpha())
    pairing = bridge_store.find_pairing(sha256_of(letters))
    if pairing is None or pairing.expires_at <= time.time():
        raise PairingCodeInvalid("Check the letters. A code is good for ten minutes; the bridge shows a new one then.")
    return pairing


def _approved_before(pairing: PairingItem, user_id: str) -> PairedBridge:
    """Return the bridge that a pairing, or another one with the same secret, has become, if it is the user's."""
    credential = credential_store.find_credential(str(pairing.secret_sha256))
    bridge = None
    if credential is not None and credential.user_id == user_id:
        bridge = bridge_store.find_bridge(user_id, credential.bridge_id)
    if bridge is None:
        raise PairingTaken("Nothing was changed. If it stands at your lane, let it make a new code.")
    return _view(bridge)


def _view(bridge: BridgeItem) -> PairedBridge:
    return PairedBridge(bridge.bridge_id, bridge.name, kind_of(bridge), datetime.fromisoformat(bridge.created_at))
