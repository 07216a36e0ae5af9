"""Uploads by ticket, over HTTP: asked for, put straight into S3, looked at, and kept as any other capture."""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import urllib3

from chalicelib.captures.items import TicketItem
from local_cloud.cloud import LocalCloud
from tests.api import Api, Bowler
from tests.chalicelib.lanes import capture_of, new_serial
from tests.chalicelib.tickets import ask, large_capture, new_capture, put, sha256_of, without_events

PATIENCE_S = 30.0
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def large() -> bytes:
    """A capture that does not fit into a request to the API."""
    data = large_capture(4 * MIB + 300_000)
    assert len(data) > 4 * MIB
    return data


@pytest.fixture
def bridge(api: Api, bowler: Bowler) -> Bowler:
    """A bridge of the bowler."""
    made = bowler("POST", "/v1/bridges", json={"name": "lane 7"}).json
    return Bowler(api, made["id"], made["credential"], "")


def _show(bowler: Bowler, data: bytes) -> dict[str, Any]:
    shown: dict[str, Any] = bowler("GET", f"/v1/captures/{sha256_of(data)}").json
    return shown


def test_a_large_capture_comes_by_ticket(cloud: LocalCloud, bowler: Bowler, bridge: Bowler, large: bytes) -> None:
    """A bridge asks, puts and sees its capture verified; its owner lists it and fetches the bytes straight from S3."""
    assert bowler("POST", "/v1/devices", json={"serial": "SD-FAST"}).status == 201
    claim = {"device": "SD-FAST", "clock": {"drift_ppm": 12.5}}
    asked = ask(bridge, large, provenance=claim)
    assert asked.status == 201
    waiting = _show(bridge, large)
    assert (waiting["state"], waiting["received_at"], waiting["provenance"]) == ("pending", None, claim)
    assert put(asked.json, large) == 200
    cloud.pump.drain(PATIENCE_S)
    kept = _show(bridge, large)
    assert (kept["state"], kept["size_bytes"], kept["device"]) == ("verified", len(large), "SD-FAST")
    assert (kept["provenance"], kept["bridge_id"], kept["reason"]) == (claim, bridge.username, None)
    assert bowler("GET", "/v1/captures").json["items"] == [kept]
    again = ask(bridge, large)
    assert (again.status, again.json) == (200, kept)
    link = bowler("GET", f"/v1/captures/{kept['id']}/raw")
    assert (link.status, link.headers["content-type"], set(link.json)) == (
        200,
        "application/json",
        {"url", "expires_at"},
    )
    assert datetime.fromisoformat(link.json["expires_at"]) <= datetime.now(UTC) + timedelta(minutes=10)
    with urllib3.PoolManager() as http:
        assert hashlib.sha256(http.request("GET", link.json["url"]).data).hexdigest() == kept["id"]
    assert bowler("GET", f"/v1/captures/{kept['id']}/metrics").json["state"] == "ready"


def test_a_ticket_signs_everything_that_it_is_for(bowler: Bowler, capture: bytes) -> None:
    """Key, length, SHA-256, type and create-only are signed, for at most ten minutes, with Signature Version 4."""
    ticket = ask(bowler, capture).json
    assert set(ticket) == {"sha256", "method", "url", "headers", "expires_at"}
    assert (ticket["sha256"], ticket["method"]) == (sha256_of(capture), "PUT")
    url = urlsplit(ticket["url"])
    query = dict(parse_qsl(url.query))
    assert url.path.endswith(f"/{sha256_of(capture)}")
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert int(query["X-Amz-Expires"]) <= 600
    sent = {name.lower(): value for name, value in ticket["headers"].items()}
    assert set(query["X-Amz-SignedHeaders"].split(";")) == {*sent, "host"}
    assert sent["content-length"] == str(len(capture))
    assert sent["if-none-match"] == "*"
    assert sent["content-type"] == "application/octet-stream"
    assert base64.b64decode(sent["x-amz-checksum-sha256"]).hex() == sha256_of(capture)
    signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert datetime.fromisoformat(ticket["expires_at"]) <= signed_at + timedelta(seconds=601)


def test_other_bytes_cannot_be_put(cloud: LocalCloud, bowler: Bowler, capture: bytes) -> None:
    """What is not exactly what was announced never arrives, and the ticket still works for the right bytes."""
    ticket = ask(bowler, capture).json
    assert put(ticket, capture[:-1] + bytes([capture[-1] ^ 1])) == 400
    assert put({**ticket, "url": ticket["url"].replace(sha256_of(capture), "0" * 64)}, capture) == 403
    assert put(ticket, capture) == 200
    assert put(ticket, capture) == 412
    cloud.pump.drain(PATIENCE_S)
    assert _show(bowler, capture)["state"] == "verified"


def _of_version(data: bytes, version: int) -> bytes:
    page = data[:24] + struct.pack("<H", version) + data[26:256]
    return struct.pack("<I", zlib.crc32(page[4:])) + page[4:] + data[256:]


@pytest.mark.parametrize(
    ("change", "state", "bad_pages"),
    [
        (lambda data: data[:1000] + bytes([data[1000] ^ 1]) + data[1001:], "damaged", [3]),
        (lambda data: _of_version(data, 9), "unreadable", []),
    ],
    ids=["damaged", "unreadable"],
)
def test_what_is_a_capture_is_kept(
    cloud: LocalCloud, bowler: Bowler, change: Callable[[bytes], bytes], state: str, bad_pages: list[int]
) -> None:
    """Damaged and unreadable captures are kept as those that come inline are, with their bad pages named."""
    data = change(new_capture())
    assert put(ask(bowler, data).json, data) == 200
    cloud.pump.drain(PATIENCE_S)
    kept = _show(bowler, data)
    assert (kept["state"], [bad["page"] for bad in kept["bad_pages"]]) == (state, bad_pages)
    assert bowler("GET", f"/v1/captures/{kept['id']}/raw").data == data
    assert bowler("GET", f"/v1/captures/{kept['id']}/metrics").json["state"] == "failed"


def test_what_is_no_capture_is_rejected(cloud: LocalCloud, bowler: Bowler) -> None:
    """Bytes that are no SmartDot's are removed; the row stays and says why; asking again gives a new ticket."""
    data = b"no SmartDot's" * 100
    assert put(ask(bowler, data).json, data) == 200
    cloud.pump.drain(PATIENCE_S)
    shown = _show(bowler, data)
    assert shown["state"] == "rejected"
    assert "no capture" in shown["reason"]
    assert [item["state"] for item in bowler("GET", "/v1/captures").json["items"]] == ["rejected"]
    refused = bowler("GET", f"/v1/captures/{shown['id']}/raw")
    assert (refused.status, refused.problem) == (404, "not-found")
    metrics = bowler("GET", f"/v1/captures/{shown['id']}/metrics").json
    assert (metrics["state"], "rejected" in metrics["reason"]) == ("failed", True)
    assert ask(bowler, data).status == 201


def test_nobody_else_sees_a_ticket(bowler: Bowler, new_bowler: Callable[[], Bowler], capture: bytes) -> None:
    """An open ticket is in no list, and to another user it looks like nothing at all."""
    assert ask(bowler, capture).status == 201
    assert bowler("GET", "/v1/captures").json["items"] == []
    other = new_bowler()
    for part in ("", "/raw", "/metrics"):
        foreign = other("GET", f"/v1/captures/{sha256_of(capture)}{part}")
        assert foreign.status == 404
        assert foreign.data == bowler("GET", f"/v1/captures/{'0' * 64}{part}").data
    assert bowler("GET", f"/v1/captures/{sha256_of(capture)}/raw").status == 404
    assert bowler("GET", f"/v1/captures/{sha256_of(capture)}/metrics").json["state"] == "pending"


def test_a_bridge_sees_its_owners_captures_alone(
    bowler: Bowler, bridge: Bowler, new_bowler: Callable[[], Bowler], capture: bytes
) -> None:
    """A bridge asks after captures of its owner's account; another's look like none, and bytes are not for it."""
    bowler.post_capture(capture)
    assert _show(bridge, capture)["state"] == "verified"
    assert bridge("GET", f"/v1/captures/{sha256_of(capture)}/raw").status == 403
    other = new_capture()
    new_bowler().post_capture(other)
    assert bridge("GET", f"/v1/captures/{sha256_of(other)}").problem == "not-found"


HASH = "ab" * 32
REFUSED: dict[str, tuple[Any, int, str]] = {
    "no hash": ({"size_bytes": 300}, 422, "invalid-request"),
    "a hash in capitals": ({"sha256": HASH.upper(), "size_bytes": 300}, 422, "invalid-request"),
    "a short hash": ({"sha256": HASH[:-1], "size_bytes": 300}, 422, "invalid-request"),
    "a hash with a line end": ({"sha256": HASH + "\n", "size_bytes": 300}, 422, "invalid-request"),
    "a path": ({"sha256": "../" * 21 + "x", "size_bytes": 300}, 422, "invalid-request"),
    "no size": ({"sha256": HASH}, 422, "invalid-request"),
    "less than a page": ({"sha256": HASH, "size_bytes": 255}, 422, "invalid-request"),
    "a negative size": ({"sha256": HASH, "size_bytes": -1}, 422, "invalid-request"),
    "a size in text": ({"sha256": HASH, "size_bytes": "300"}, 422, "invalid-request"),
    "a broken size": ({"sha256": HASH, "size_bytes": 300.5}, 422, "invalid-request"),
    "more than 64 MiB": ({"sha256": HASH, "size_bytes": 64 * MIB + 1}, 413, "too-large"),
    "a field too many": ({"sha256": HASH, "size_bytes": 300, "user_id": "x"}, 422, "invalid-request"),
    "an unknown claim": ({"sha256": HASH, "size_bytes": 300, "provenance": {"x": 1}}, 422, "invalid-request"),
    "a long claim": (
        {"sha256": HASH, "size_bytes": 300, "provenance": {"clock": {"x": "y" * 4096}}},
        400,
        "provenance-invalid",
    ),
    "a deep claim": (
        {"sha256": HASH, "size_bytes": 300, "provenance": {"clock": json.loads('{"a":' * 17 + "1" + "}" * 17)}},
        400,
        "provenance-invalid",
    ),
    "a list": ([], 422, "invalid-request"),
}


@pytest.mark.parametrize(("wanted", "status", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_a_request_that_does_not_fit_gives_no_ticket(bowler: Bowler, wanted: Any, status: int, problem: str) -> None:
    """Whatever is wrong about the request has its problem, and nothing is kept of it."""
    refused = bowler("POST", "/v1/captures/uploads", json=wanted)
    assert (refused.status, refused.problem) == (status, problem)
    assert not list(TicketItem.scan(TicketItem.sk == f"T#{HASH}"))


def test_the_limits_themselves_are_taken(bowler: Bowler) -> None:
    """256 bytes and 64 MiB are sizes that a capture may have, with a claim or without."""
    for size_bytes, claim in ((256, {}), (64 * MIB, {"provenance": None})):
        asked = bowler("POST", "/v1/captures/uploads", json={"sha256": HASH, "size_bytes": size_bytes, **claim})
        assert (asked.status, asked.json["headers"]["Content-Length"]) == (201, str(size_bytes))


def test_asking_needs_a_credential_and_json(api: Api, bowler: Bowler) -> None:
    """Without a credential it is 401, and what is no JSON is 400."""
    assert api("POST", "/v1/captures/uploads", json={}).status == 401
    headers = {"Content-Type": "application/json"}
    assert bowler("POST", "/v1/captures/uploads", body=b"{", headers=headers).problem == "invalid-json"


@pytest.mark.parametrize("inline_first", [True, False])
def test_inline_and_ticket_meet_in_one_capture(cloud: LocalCloud, bowler: Bowler, *, inline_first: bool) -> None:
    """The same bytes inline while a ticket is open, before or after the put, are one capture in the list."""
    data = new_capture()
    ticket = ask(bowler, data).json
    with without_events():
        if inline_first:
            assert (bowler.post_capture(data).status, put(ticket, data)) == (201, 412)
        else:
            assert (put(ticket, data), bowler.post_capture(data).status) == (200, 201)
    cloud.pump.drain(PATIENCE_S)
    assert [item["id"] for item in bowler("GET", "/v1/captures").json["items"]] == [sha256_of(data)]


def test_another_bridges_later_word_changes_no_claim(
    cloud: LocalCloud, api: Api, bowler: Bowler, bridge: Bowler
) -> None:
    """What was said with the first ticket stays with the capture, whichever bridge of the account asks again."""
    made = bowler("POST", "/v1/bridges", json={"name": "lane 8"}).json
    other = Bowler(api, made["id"], made["credential"], "")
    serial = new_serial()
    data = capture_of(serial)
    assert bowler("POST", "/v1/devices", json={"serial": serial}).status == 201
    first, later = {"device": serial, "record": 7}, {"device": serial, "record": 8}
    assert ask(bridge, data, provenance=first).status == 201
    ticket = ask(other, data, provenance=later)
    assert ticket.status == 201
    assert put(ticket.json, data) == 200
    cloud.pump.drain(PATIENCE_S)
    kept = _show(bowler, data)
    assert (kept["provenance"], kept["bridge_id"]) == (first, bridge.username)


def test_a_link_gives_the_bytes_as_they_are(cloud: LocalCloud, bowler: Bowler, large: bytes) -> None:
    """Whoever follows a link is told that nothing is to be decoded, whatever was sent with the object."""
    assert put(ask(bowler, large).json, large) == 200
    cloud.pump.drain(PATIENCE_S)
    link = bowler("GET", f"/v1/captures/{sha256_of(large)}/raw")
    with urllib3.PoolManager() as http:
        answer = http.request("GET", link.json["url"], decode_content=False)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers.get("content-encoding") == "identity"
