"""Who is tried at every operation, and what the owner has."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.administration import grant_admin
from chalicelib.scorebook import entry_examples
from chalicelib.scorebook.entry_types import ENTRY_TYPES
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler, upload_headers
from tests.throws import Throw

ANONYMOUS = "anonymous"
ENDED = "ended login"
DELETED = "deleted user"
OWNERS_BRIDGE = "the owner's bridge"
OTHERS_BRIDGE = "another's bridge"
IDENTITIES = (
    "owner",
    "another bowler",
    "researcher",
    "admin",
    OWNERS_BRIDGE,
    OTHERS_BRIDGE,
    ANONYMOUS,
    ENDED,
    DELETED,
)
BRIDGES = (OWNERS_BRIDGE, OTHERS_BRIDGE)
STRANGERS = ("another bowler", "researcher", "admin", OTHERS_BRIDGE)
"""Who has nothing to do with the owner's objects, whatever role they have."""


@dataclass(frozen=True)
class Cast:
    """Everyone, and the owner's objects.

    Attributes:
        cloud: The local cloud, for its mails.
        api: The API.
        owner: Whose objects they are.
        other: Another bowler, who has objects too.
        admin: An admin.
        credentials: A Bearer credential by identity; None for nobody's.
        owned: The id of an object of the owner's, by the name of the path's parameter.
        missing: An id of the same form that nobody has.
        capture: The bytes of the owner's capture.
        new_bowler: Makes further users.
    """

    cloud: LocalCloud
    api: Api
    owner: Bowler
    other: Bowler
    admin: Bowler
    credentials: Mapping[str, str | None]
    owned: Mapping[str, str]
    missing: Mapping[str, str]
    capture: bytes
    new_bowler: Callable[[], Bowler]


def new_serial() -> str:
    """Return a device's serial that no other test has."""
    return f"SD-{uuid.uuid4().hex[:12]}"


def new_capture() -> bytes:
    """Return a capture that no other test has."""
    return Throw(duration_s=0.2, record=uuid.uuid4().int % (2**32 - 1) + 1).capture()


def log_in(bowler: Bowler, password: str = PASSWORD) -> Bowler:
    """Return the same user by a new login."""
    tokens = bowler.api("POST", "/v1/tokens", json={"username": bowler.username, "password": password}).json
    return Bowler(bowler.api, bowler.username, tokens["access_token"], tokens["refresh_token"])


def user_id_of(bowler: Bowler) -> str:
    """Return the user's id."""
    return str(bowler("GET", "/v1/users/me").json["id"])


def new_admin(new_bowler: Callable[[], Bowler]) -> Bowler:
    """Return an admin, made as the first one of an installation is."""
    bowler = new_bowler()
    assert grant_admin.main([bowler.username]) == 0
    return log_in(bowler)


def add_bridge(bowler: Bowler) -> Any:
    """Add a bridge, and return it as it is shown once."""
    return bowler("POST", "/v1/bridges", json={"name": "lane 7", "kind": "personal"}).json


def claim(bowler: Bowler) -> str:
    """Claim a new device, and return its serial."""
    serial = new_serial()
    assert bowler("POST", "/v1/devices", json={"serial": serial, "name": "blue"}).status == 201
    return serial


def first_login_of(bowler: Bowler) -> str:
    """Return the id of a login of a user who has one."""
    return str(bowler("GET", "/v1/users/me/logins").json["items"][0]["id"])


def keep(bowler: Bowler, data: bytes) -> str:
    """Keep a capture, and return its id."""
    assert bowler("POST", "/v1/captures", body=data, headers=upload_headers(data)).status == 201
    return hashlib.sha256(data).hexdigest()


def new_entries(bowler: Bowler) -> dict[str, str]:
    """Make an entry of each type that belong to each other, and return their ids by type."""
    ids = {kind: str(uuid.uuid4()) for kind in entry_examples.FIELDS}
    for kind, fields in entry_examples.FIELDS.items():
        linked = {name: ids.get(name.removesuffix("_id"), value) for name, value in fields.items()}
        path = f"/v1/{ENTRY_TYPES[kind].plural}/{ids[kind]}"
        assert bowler("PUT", path, json={"fields": linked}, headers={"If-None-Match": "*"}).status == 201
    return ids


def make_cast(cloud: LocalCloud, api: Api, new_bowler: Callable[[], Bowler]) -> Cast:
    """Make everyone."""
    owner, other, admin = new_bowler(), new_bowler(), new_admin(new_bowler)
    researcher, ended, deleted = new_bowler(), new_bowler(), new_bowler()
    role = admin("PUT", f"/v1/admin/users/{user_id_of(researcher)}/role", json={"role": "researcher"})
    assert role.status == 200
    researcher = log_in(researcher)
    assert ended("DELETE", "/v1/tokens").status == 204
    keep(deleted, new_capture())
    claim(deleted)
    assert deleted("DELETE", "/v1/users/me").status == 202
    capture = new_capture()
    owners_bridge, others_bridge = add_bridge(owner), add_bridge(other)
    keep(other, new_capture())
    claim(other)
    owned = {
        **{f"{kind}_id": entry_id for kind, entry_id in new_entries(owner).items()},
        "capture_id": keep(owner, capture),
        "serial": claim(owner),
        "bridge_id": str(owners_bridge["id"]),
        "login_id": first_login_of(owner),
        "user_id": user_id_of(owner),
    }
    unknown = str(uuid.uuid4())
    return Cast(
        cloud=cloud,
        api=api,
        owner=owner,
        other=other,
        admin=admin,
        credentials={
            "owner": owner.token,
            "another bowler": other.token,
            "researcher": researcher.token,
            "admin": admin.token,
            OWNERS_BRIDGE: str(owners_bridge["credential"]),
            OTHERS_BRIDGE: str(others_bridge["credential"]),
            ANONYMOUS: None,
            ENDED: ended.token,
            DELETED: deleted.token,
        },
        owned=owned,
        missing={
            **{f"{kind}_id": str(uuid.uuid4()) for kind in entry_examples.FIELDS},
            "capture_id": hashlib.sha256(unknown.encode()).hexdigest(),
            "serial": new_serial(),
            "bridge_id": unknown,
            "login_id": unknown,
            "user_id": unknown,
        },
        capture=capture,
        new_bowler=new_bowler,
    )
