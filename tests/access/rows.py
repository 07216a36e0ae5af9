"""A row for each operation: how the one who may do it does it, and what kind of object it is done to."""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.scorebook import entry_examples
from chalicelib.scorebook.entry_types import ENTRY_TYPES, EntryType
from tests.access.cast import (
    Cast,
    add_bridge,
    claim,
    first_login_of,
    log_in,
    new_capture,
    new_entries,
    new_serial,
    user_id_of,
)
from tests.api import PASSWORD, Bowler, upload_headers

NEW_PASSWORD = "battery horse correct"
_CODE = re.compile(r"\b[0-9]{8}\b")


@dataclass(frozen=True)
class Attempt:
    """A right request of someone who may make it.

    Attributes:
        credential: Whose it is, None for nobody's.
        parameters: The path's parameters.
        content: Body and headers, as `Api` takes them.
    """

    credential: str | None
    parameters: dict[str, str] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What the matrix knows of an operation.

    Attributes:
        attempt: Makes a request of the owner, or of whoever the operation is for, that succeeds.
        kind: The path's parameter that names an object; None when there is none.
        content: Makes body and headers for someone who may not; None takes the declaration's example.
    """

    attempt: Callable[[Cast], Attempt]
    kind: str | None = None
    content: Callable[[Cast], dict[str, Any]] | None = None


def _public(**content: Any) -> Row:
    return Row(lambda _: Attempt(None, content=content))


def _plain(kind: str | None = None) -> Row:
    """Return the row of an operation that the owner does without a body, to the owner's own object or to none."""
    return Row(lambda cast: Attempt(cast.owner.token, _named(cast, kind)), kind)


def _named(cast: Cast, kind: str | None) -> dict[str, str]:
    return {} if kind is None else {kind: cast.owned[kind]}


def _fresh(act: Callable[[Cast, Bowler], Attempt], kind: str | None = None, **rest: Any) -> Row:
    """Return the row of an operation that changes who does it: it is done by a user of its own."""
    return Row(lambda cast: act(cast, cast.new_bowler()), kind, **rest)


def _managing(content: dict[str, Any] | None = None) -> Row:
    """Return the row of what an admin does to a user, a new one."""
    return _fresh(
        lambda cast, bowler: Attempt(cast.admin.token, {"user_id": user_id_of(bowler)}, content or {}), "user_id"
    )


def _capture_content(data: bytes) -> dict[str, Any]:
    return {"body": data, "headers": upload_headers(data)}


def _upload_content(data: bytes) -> dict[str, Any]:
    return {"json": {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}}


def _versioned(bowler: Bowler, path: str, **content: Any) -> dict[str, Any]:
    return {**content, "headers": {"If-Match": str(bowler("GET", path).headers["ETag"])}}


def _email_of(bowler: Bowler) -> str:
    return f"{bowler.username}@example.org"


def _code_sent_to(cast: Cast, bowler: Bowler) -> str:
    codes = _CODE.findall(cast.cloud.mails.sent_to(_email_of(bowler))[-1].text)
    return str(codes[0])


def _verified(cast: Cast, bowler: Bowler) -> Bowler:
    """Return a user whose e-mail address is confirmed."""
    assert bowler("POST", "/v1/email-verifications").status == 204
    code = _code_sent_to(cast, bowler)
    assert bowler("POST", "/v1/email-verifications/confirmation", json={"code": code}).status == 204
    return bowler


def _confirm_verification(cast: Cast, bowler: Bowler) -> Attempt:
    assert bowler("POST", "/v1/email-verifications").status == 204
    return Attempt(bowler.token, content={"json": {"code": _code_sent_to(cast, bowler)}})


def _confirm_reset(cast: Cast, bowler: Bowler) -> Attempt:
    email = _email_of(_verified(cast, bowler))
    assert cast.api("POST", "/v1/password-resets", json={"email": email}).status == 204
    code = _code_sent_to(cast, bowler)
    return Attempt(None, content={"json": {"email": email, "code": code, "password": NEW_PASSWORD}})


def _approve(cast: Cast) -> Attempt:
    pairing = cast.api("POST", "/v1/pairings", json={"secret_sha256": secrets.token_hex(32)}).json
    return Attempt(cast.owner.token, content={"json": {"code": pairing["code"], "kind": "personal", "name": "lane 8"}})


def _bridge(content: dict[str, Any] | None = None) -> Row:
    return Row(lambda cast: Attempt(cast.credentials["the owner's bridge"], content=content or {}))


def _of_device(**content: Any) -> Row:
    """Return the row of a change of a device, which names the version that it changes."""

    def attempt(cast: Cast) -> Attempt:
        serial = claim(cast.owner)
        return Attempt(cast.owner.token, {"serial": serial}, _versioned(cast.owner, f"/v1/devices/{serial}", **content))

    return Row(attempt, "serial", lambda _: {**content, "headers": {"If-Match": '"1"'}})


def _of_device_for_admin(method: str) -> Row:
    """Return the row of what an admin does about a device that a bowler has."""

    def attempt(cast: Cast) -> Attempt:
        serial = claim(cast.owner)
        content = _versioned(cast.admin, f"/v1/admin/devices/{serial}") if method == "DELETE" else {}
        return Attempt(cast.admin.token, {"serial": serial}, content)

    return Row(attempt, "serial", lambda _: {"headers": {"If-Match": '"1"'}} if method == "DELETE" else {})


def _exported(cast: Cast, bowler: Bowler) -> Attempt:
    del cast
    assert bowler("POST", "/v1/users/me/export").status == 202
    return Attempt(bowler.token)


def _json(**fields: Any) -> dict[str, Any]:
    return {"json": fields}


def _push_content() -> dict[str, Any]:
    change = {"id": secrets.token_hex(8), "type": "ball", "op": "put", "fields": {"name": "blue"}}
    return _json(batch_id=secrets.token_hex(8), changes=[change])


_ANY = {"headers": {"If-Match": "*"}}


def _entry_rows() -> dict[str, Row]:
    """Return the rows of the routes of each type of entries."""
    rows: dict[str, Row] = {}
    for each in ENTRY_TYPES.values():
        one = f"{each.name}_id"
        whole = {**_json(fields=entry_examples.FIELDS[each.name]), **_ANY}
        part = {**_json(fields=entry_examples.CHANGES[each.name]), **_ANY}
        rows[f"list_{each.plural}"] = _plain()
        rows[f"get_{each.name}"] = _plain(one)
        rows[f"put_{each.name}"] = _of_entry(each, whole)
        rows[f"change_{each.name}"] = _of_entry(each, part)
        rows[f"delete_{each.name}"] = _of_entry(each, _ANY)
    return rows


def _of_entry(entry_type: EntryType, content: dict[str, Any]) -> Row:
    """Return the row of a change of an entry, which is done to a new one."""

    def attempt(cast: Cast) -> Attempt:
        ids = new_entries(cast.owner)
        sent = dict(content)
        if "fields" in sent.get("json", {}):
            told = sent["json"]["fields"]
            linked = {name: ids.get(name.removesuffix("_id"), value) for name, value in told.items()}
            sent["json"] = {"fields": linked}
        return Attempt(cast.owner.token, {f"{entry_type.name}_id": ids[entry_type.name]}, sent)

    return Row(attempt, f"{entry_type.name}_id", lambda _: content)


def _published(cast: Cast) -> Attempt:
    """Return the row of what is asked of a capture that is in the feed."""
    cast.cloud.pump.drain(30.0)
    return Attempt(cast.owner.token, {"capture_id": cast.owned["capture_id"]})


_HEARTBEAT = _json(
    version="1",
    captures_waiting=0,
    bytes_waiting=0,
    captures_quarantined=0,
    sent_at="2026-11-24T18:03:30Z",
)
ROWS: dict[str, Row] = {
    "get_description": _public(),
    "get_page": _public(),
    "get_page_file": Row(lambda _: Attempt(None, {"file": "start.js"}), "file"),
    "get_health": _public(),
    "list_users": Row(lambda cast: Attempt(cast.admin.token)),
    "get_user": _managing(),
    "lock_user": _managing(),
    "unlock_user": _managing(),
    "set_role": _managing(_json(role="researcher")),
    "get_claim": _of_device_for_admin("GET"),
    "end_claim": _of_device_for_admin("DELETE"),
    "list_audit": Row(lambda cast: Attempt(cast.admin.token)),
    "add_bridge": Row(lambda cast: Attempt(cast.owner.token, content=_json(name="lane 9"))),
    "list_bridges": _plain(),
    "remove_bridge": Row(
        lambda cast: Attempt(cast.owner.token, {"bridge_id": str(add_bridge(cast.owner)["id"])}), "bridge_id"
    ),
    "get_own_bridge": _bridge(),
    "put_heartbeat": _bridge(_HEARTBEAT),
    "begin_pairing": Row(lambda _: Attempt(None, content=_json(secret_sha256=secrets.token_hex(32)))),
    "approve_pairing": Row(_approve),
    "claim_device": Row(
        lambda cast: Attempt(cast.owner.token, content=_json(serial=new_serial())),
        content=lambda _: _json(serial=new_serial()),
    ),
    "list_devices": _plain(),
    "get_device": _plain("serial"),
    "change_device": _of_device(json={"name": "red"}),
    "release_device": _of_device(),
    "register": Row(
        lambda _: Attempt(
            None,
            content=_json(username=f"new-{secrets.token_hex(8)}", email="new@example.org", password=PASSWORD),
        )
    ),
    "get_own_user": _plain(),
    "change_own_user": _fresh(
        lambda _, bowler: Attempt(bowler.token, content=_versioned(bowler, "/v1/users/me", json={"first_name": "Ada"})),
        content=lambda _: {"json": {"first_name": "Eve"}, "headers": {"If-Match": "*"}},
    ),
    "change_password": _fresh(
        lambda _, bowler: Attempt(bowler.token, content=_json(current_password=PASSWORD, new_password=NEW_PASSWORD))
    ),
    "list_logins": _plain(),
    "end_login": _fresh(
        lambda _, bowler: Attempt(log_in(bowler).token, {"login_id": first_login_of(bowler)}), "login_id"
    ),
    "log_in": Row(lambda cast: Attempt(None, content=_json(username=cast.owner.username, password=PASSWORD))),
    "log_out": _fresh(lambda _, bowler: Attempt(bowler.token)),
    "log_out_everywhere": _fresh(lambda _, bowler: Attempt(bowler.token)),
    "refresh": _fresh(lambda _, bowler: Attempt(None, content=_json(refresh_token=bowler.refresh_token))),
    "request_password_reset": Row(lambda cast: Attempt(None, content=_json(email=_email_of(cast.owner)))),
    "confirm_password_reset": _fresh(_confirm_reset),
    "request_email_verification": _fresh(lambda _, bowler: Attempt(bowler.token)),
    "confirm_email_verification": _fresh(_confirm_verification),
    "keep_capture": Row(
        lambda cast: Attempt(cast.owner.token, content=_capture_content(new_capture())),
        content=lambda _: _capture_content(new_capture()),
    ),
    "request_upload": Row(
        lambda cast: Attempt(cast.owner.token, content=_upload_content(new_capture())),
        content=lambda _: _upload_content(new_capture()),
    ),
    "list_captures": _plain(),
    "get_capture": _plain("capture_id"),
    "get_raw": _plain("capture_id"),
    "list_inbox": _plain(),
    "get_metrics": _plain("capture_id"),
    **_entry_rows(),
    "get_session_tree": _plain("session_id"),
    "get_statistics": _plain(),
    "propose_captures": _plain("shot_id"),
    "propose_shots": Row(_published, "capture_id"),
    "push": Row(lambda cast: Attempt(cast.owner.token, content=_push_content())),
    "pull": _plain(),
    "request_export": _fresh(lambda _, bowler: Attempt(bowler.token)),
    "get_export": _fresh(_exported),
    "delete_account": _fresh(lambda _, bowler: Attempt(bowler.token)),
}
"""By the operation's name. A new operation needs a row here."""
