"""Who sends the campaign's requests: users and bridges with values that nobody else may ever see."""

import contextlib
import hashlib
import io
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from chalicelib.administration import grant_admin
from tests.api import PASSWORD, Api, Bowler, upload_headers
from tests.throws import Throw

ANONYMOUS = "anonymous"
ADMIN = "admin"
_FRESH_FOR_S = 600


_ENTRIES: dict[str, dict[str, Any]] = {
    "ball": {"name": "blue"},
    "establishment": {"name": "Lucky Strike Lanes"},
    "event": {"name": "Tuesday league", "kind": "league"},
    "session": {"started_at": "2026-11-24T19:00:00+01:00"},
    "game": {"game_number": 1},
    "frame": {"frame_number": 1},
    "shot": {"frame_number": 1, "shot_number": 1, "count": 7, "pins_standing": 0b1001000001},
}
"""By type, parents first, what is said of each entry beside its links."""
ENTRY_IDS = tuple(f"{kind}_id" for kind in _ENTRIES)
"""What paths, queries and bodies call the ids of entries."""
_LINKS = {
    "session": ("event_id", "establishment_id"),
    "game": ("session_id",),
    "frame": ("game_id",),
    "shot": ("session_id", "game_id", "ball_id", "capture_id"),
}


@dataclass
class Identity:
    """One who sends requests.

    Attributes:
        name: What the campaign calls it.
        credential: The Bearer credential, None for nobody's.
        markers: Values that are this one's alone: what was written into its objects, and their ids.
        ids: Its objects by the name of a path's parameter.
        made_at_s: When it was made, by the process's clock.
    """

    name: str
    credential: str | None = None
    markers: frozenset[str] = frozenset()
    ids: dict[str, list[str]] = field(default_factory=dict)
    made_at_s: float = field(default_factory=time.monotonic)


class People:
    """The identities of a campaign; one that was logged out or deleted by its own requests is replaced.

    Args:
        api: The API that is tried.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._missing = {
            "capture_id": hashlib.sha256(b"none").hexdigest(),
            "serial": "SD-NONE",
            "bridge_id": "00000000-0000-4000-8000-000000000000",
            "login_id": "00000000-0000-4000-8000-000000000000",
            "user_id": "00000000-0000-4000-8000-000000000000",
            "file": "start.js",
        }
        self.everyone: dict[str, Identity] = {ANONYMOUS: Identity(ANONYMOUS)}
        self.bowlers = ("alice", "bob")
        for name in self.bowlers:
            self.renew(name)
        self._make_admin()

    @property
    def names(self) -> list[str]:
        """The identities' names, always the same ones in the same order."""
        # Of two examples that would do, hypothesis takes the one that comes first.
        return ["alice", "bob", "alice's bridge", "bob's bridge", ANONYMOUS, ADMIN]

    def credential_of(self, name: str) -> str | None:
        """Return a credential; a user's access token works for 15 minutes, so that a longer campaign needs new ones."""
        if name != ANONYMOUS and time.monotonic() - self.everyone[name].made_at_s > _FRESH_FOR_S:
            self.renew(name)
        return self.everyone[name].credential

    def choices(self, parameter: str) -> list[str]:
        """Return ids of a kind: everyone's, and one that nobody has; of users those that an admin may lock here."""
        owners = [self.everyone[ADMIN]] if parameter == "user_id" else self.everyone.values()
        found = [each for identity in owners for each in identity.ids.get(parameter, [])]
        return [*found, self._missing.get(parameter, "none")]

    def foreign_to(self, name: str) -> frozenset[str]:
        """Return the values that an identity must never be shown; an admin may see every user."""
        if name == ADMIN:
            return frozenset()
        own = name.partition("'")[0]
        return frozenset(marker for each in ("alice", "bob") if each != own for marker in self.everyone[each].markers)

    def renew(self, name: str) -> None:
        """Make a user and its bridge anew, with objects that hold values of its own."""
        name = name.partition("'")[0]
        if name == ADMIN:
            self._make_admin()
            return
        user = self._new_user(name)
        marks = {what: f"mark-{name}-{secrets.token_hex(8)}" for what in ("first", "last", "bridge", "device", "ball")}
        profile = {"first_name": marks["first"], "last_name": marks["last"]}
        assert user("PATCH", "/v1/users/me", json=profile, headers={"If-Match": "*"}).status == 200
        bridge = user("POST", "/v1/bridges", json={"name": marks["bridge"], "kind": "personal"}).json
        serial = f"SD-{secrets.token_hex(6)}"
        claim = {"serial": serial, "name": marks["device"], "ball_id": marks["ball"]}
        assert user("POST", "/v1/devices", json=claim).status == 201
        data = Throw(duration_s=0.2, record=secrets.randbelow(2**32 - 2) + 1, serial=serial).capture()
        kept = user("POST", "/v1/captures", body=data, headers=upload_headers(data))
        assert kept.status == 201
        ids = {
            "capture_id": [kept.json["id"]],
            "serial": [serial],
            "bridge_id": [bridge["id"]],
            "login_id": [user("GET", "/v1/users/me/logins").json["items"][0]["id"]],
            "user_id": [user("GET", "/v1/users/me").json["id"]],
        }
        markers = frozenset([*marks.values(), user.username, *(each[0] for each in ids.values())])
        self.everyone[name] = Identity(name, user.token, markers, ids)
        self.everyone[f"{name}'s bridge"] = Identity(f"{name}'s bridge", str(bridge["credential"]), markers)
        self.fill_scorebook(name)

    def fill_scorebook(self, name: str) -> None:
        """Give a user one entry of each type, as whoever has deleted one needs them again."""
        identity = self.everyone[name]
        assert identity.credential is not None
        ids = {parameter: f"{name}-{secrets.token_hex(8)}" for parameter in ENTRY_IDS}
        # An id is no secret: whoever uses it as well has an entry of that id, and it is another one.
        mark = f"mark-{name}-{secrets.token_hex(8)}"
        links = {**ids, "capture_id": identity.ids["capture_id"][0]}
        changes = [
            {
                "id": ids[f"{kind}_id"],
                "type": kind,
                "op": "put",
                "fields": {**fields, "comment": mark, **{link: links[link] for link in _LINKS.get(kind, ())}},
            }
            for kind, fields in _ENTRIES.items()
        ]
        user = Bowler(self._api, name, identity.credential, "none")
        answer = user("POST", "/v1/sync/push", json={"batch_id": secrets.token_hex(8), "changes": changes})
        assert [result["status"] for result in answer.json["results"]] == ["applied"] * len(changes), answer.data
        identity.ids.update({parameter: [entry_id] for parameter, entry_id in ids.items()})
        identity.markers |= {mark}
        self.everyone[f"{name}'s bridge"].markers = identity.markers

    def _make_admin(self) -> None:
        user = self._new_user(ADMIN)
        with contextlib.redirect_stdout(io.StringIO()):
            assert grant_admin.main([user.username]) == 0
        # Admins lock and unlock this one, and nobody else in the campaign.
        prey = self._new_user("prey")
        ids = {"user_id": [str(prey("GET", "/v1/users/me").json["id"])]}
        self.everyone[ADMIN] = Identity(ADMIN, self._log_in(user.username).token, frozenset(), ids)

    def _new_user(self, name: str) -> Bowler:
        username = f"mark-{name}-{secrets.token_hex(8)}"
        fields = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
        assert self._api("POST", "/v1/users", json=fields).status == 201
        return self._log_in(username)

    def _log_in(self, username: str) -> Bowler:
        tokens = self._api("POST", "/v1/tokens", json={"username": username, "password": PASSWORD}).json
        return Bowler(self._api, username, tokens["access_token"], tokens["refresh_token"])
