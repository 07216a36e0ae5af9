"""The API with the credential of this moment: paused while it is refused, going on when the file changes."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from device_bridge.api import Api, check_api_url
from device_bridge.daemon.journal import Event, Journal, Level
from device_bridge.errors import UsageError
from device_bridge.settings import CredentialMissingError, Settings

# A refusal may be a passing fault, of a proxy for example: now and then one request finds out.
PROBE_S = 900.0
_TOPIC = "credential"

_Fingerprint = tuple[int, int, str] | None


@dataclass(frozen=True, slots=True)
class Grant:
    """The API with a credential that it may take.

    Attributes:
        api: The API, always the same one.
        number: Which credential it uses now, so that what is said of an older one is not taken for it.
    """

    api: Api
    number: int


class CloudAccess:
    """Gives the loops that talk to the API a way to it, or None while there is no credential that it takes.

    Args:
        settings: Where the API and the credential are.
        journal: Where it is said why nothing is uploaded.
        probe_s: How often a refused credential is tried once more.
        read_s: The steady clock.

    Raises:
        UsageError: The API's address is missing or makes no sense.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        probe_s: float = PROBE_S,
        read_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._probe_s = probe_s
        self._read_s = read_s
        self._url = check_api_url(settings.required_api())
        self._lock = threading.Lock()
        self._api: Api | None = None
        self._grant: Grant | None = None
        self._number = 0
        self._fingerprint: _Fingerprint = None
        self._refused_until_s: float | None = None

    def grant(self) -> Grant | None:
        """Return the API, with a new credential as soon as there is one; None while uploading pauses."""
        with self._lock:
            fingerprint = self._read_fingerprint()
            if self._grant is None or fingerprint != self._fingerprint:
                self._take_credential(fingerprint)
            if self._refused_until_s is not None and self._read_s() < self._refused_until_s:
                return None
            return self._grant

    def refuse(self, grant: Grant, problem: str) -> None:
        """Note that the API does not take the credential: pause until it changes."""
        with self._lock:
            # Another loop may have seen a new credential meanwhile, which this refusal does not mean.
            if grant != self._grant:
                return
            self._refused_until_s = self._read_s() + self._probe_s
        self._journal.say_once(_TOPIC, Event("credential-refused", f"{problem}. Uploading pauses", Level.ERROR))

    def accept(self, grant: Grant) -> None:
        """Note that the API takes the credential."""
        with self._lock:
            if grant != self._grant:
                return
            self._refused_until_s = None
        if self._journal.forget(_TOPIC):
            self._journal.say(Event("credential-accepted", "the API takes the credential: uploading goes on"))

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._api is not None:
                self._api.close()

    def _take_credential(self, fingerprint: _Fingerprint) -> None:
        self._fingerprint = fingerprint
        self._refused_until_s = None
        self._grant = None
        try:
            credential = self._settings.required_credential()
        except (UsageError, CredentialMissingError) as error:
            missing = f"{error}. Captures are read and kept; uploading begins by itself once there is a credential"
            self._journal.say_once(_TOPIC, Event("credential-missing", missing, Level.ERROR))
            return
        if self._api is None:
            self._api = Api(self._url, credential)
        else:
            self._api.replace_credential(credential)
        self._number += 1
        self._grant = Grant(self._api, self._number)

    def _read_fingerprint(self) -> _Fingerprint:
        # A credential in the environment stays what it is until the process ends.
        return None if self._settings.credential else _fingerprint(self._settings.credential_file)


def _fingerprint(path: Path | None) -> _Fingerprint:
    """Return what changes whenever the credential's file is written again, None when there is no file to read."""
    if path is None:
        return None
    try:
        state = path.stat()
        return (state.st_ino, state.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError:
        return None
