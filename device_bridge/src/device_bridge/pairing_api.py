"""Enrolment by a code as the bridge sees it (docs/api.md, `POST /v1/pairings`; after RFC 8628)."""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from device_bridge.api import Api, BusyError, EndpointError
from device_bridge.api_replies import HttpReply, failure

INTERVAL_S: Final = 5.0
"""RFC 8628 section 3.2: how often to ask when nothing is said."""
_LONGEST_INTERVAL_S: Final = 60.0
_CREATED, _BAD_REQUEST, _TOO_MANY_REQUESTS, _INTERNAL_SERVER_ERROR = 201, 400, 429, 500
_SHORTEST_LIFE_S, _LONGEST_LIFE_S = 1.0, 3600.0
# It is printed large for people to type: nothing but what can be a code.
_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{2,30})[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Pairing:
    """A code under which a user can take this bridge in.

    Attributes:
        code: What to show.
        expires_in_s: How long it is good, from when it was asked for; 1 s to an hour.
        interval_s: How long to wait between two questions whether it was approved; at most a minute.
    """

    code: str
    expires_in_s: float
    interval_s: float


class PairingApi(Api):
    """The Web API for a bridge that is to be enrolled; the credential is the secret that the bridge has made."""

    def begin_pairing(self) -> Pairing:
        """Ask for a code. Only the secret's SHA-256 is sent, and nobody is told who asks.

        Raises:
            UnreachableError: The API cannot be reached, broke off, or took too long.
            BusyError: It asks to wait.
            EndpointError: What answers is not the API, or one that knows no codes.
            TryLaterError: It answered with another error of its own.
        """
        body = json.dumps({"secret_sha256": hashlib.sha256(self._credential.encode("ascii")).hexdigest()}).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json, application/problem+json"}
        return read_pairing(self._exchange("POST", f"{self._url}/v1/pairings", headers, [body], len(body)))

    def _request(self, method: str, url: str, headers: dict[str, str], body: Iterable[bytes] | None) -> HttpReply:
        # Some proxies repeat a request in their answer, and an answer's words are shown.
        reply = super()._request(method, url, headers, body)
        return HttpReply(reply.status, reply.headers, reply.body.replace(self._credential.encode("ascii"), b"(secret)"))


def read_pairing(reply: HttpReply) -> Pairing:
    """Return the code that a reply of the API holds.

    Raises:
        ApiError: One of its kinds, for every reply without one.
    """
    if reply.status != _CREATED:
        raise _refusal(reply)
    answer = reply.json()
    code, life_s = answer.get("code"), _number(answer.get("expires_in"))
    if not isinstance(code, str) or not _CODE.fullmatch(code) or life_s is None:
        raise EndpointError(f"what answers at the address is not the API (it answered {reply.status})")
    interval_s = _number(answer.get("interval")) or INTERVAL_S
    return Pairing(code, min(max(life_s, _SHORTEST_LIFE_S), _LONGEST_LIFE_S), min(interval_s, _LONGEST_INTERVAL_S))


def _refusal(reply: HttpReply) -> Exception:
    if reply.status < _BAD_REQUEST:
        return EndpointError(f"what answers at the address is not the API (it answered {reply.status})")
    is_busy = reply.status == _TOO_MANY_REQUESTS or reply.retry_after_s() is not None
    if is_busy:
        return BusyError(f"the API asks to wait ({reply.said()})", reply.retry_after_s())
    if reply.status >= _INTERNAL_SERVER_ERROR:
        return failure(reply)
    # API Gateway says 403 for a path that it does not have.
    return EndpointError(
        f"what answers at the address knows no enrolment by a code ({reply.said()}): check --api. An older API takes a "
        "credential that the account's owner has made: `device_bridge enrol --credential`"
    )


def _number(value: object) -> float | None:
    """Return a number above 0, None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    number = float(value) if abs(value) < _LONGEST_LIFE_S * 1000 else _LONGEST_LIFE_S
    return number if math.isfinite(number) and number > 0 else None
