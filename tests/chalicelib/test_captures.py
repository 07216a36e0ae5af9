"""Raw captures, over HTTP: kept bit-exact, whatever their state, for their owner alone."""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib.captures.items import CaptureItem
from chalicelib.settings import settings
from tests.api import Api, Bowler, upload_headers
from tests.throws import Throw

MIB = 1024 * 1024


def _stored_objects() -> set[str]:
    client = boto3.client("s3", region_name=settings().region)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=settings().raw_bucket)
    keys = {item["Key"] for page in pages for item in page.get("Contents", [])}
    client.close()
    return keys


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _reseal(page: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(page[4:])) + page[4:]


def _of_version(data: bytes, version: int) -> bytes:
    return _reseal(data[:24] + struct.pack("<H", version) + data[26:256]) + data[256:]


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _provenance_header(claim: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(claim).encode()).decode().rstrip("=")


def test_a_capture_comes_back_as_it_went(bowler: Bowler, capture: bytes) -> None:
    """What was posted is listed, shown and returned byte for byte under the hash of its bytes."""
    posted = bowler.post_capture(capture)
    assert posted.status == 201
    assert posted.json["id"] == _sha256(capture)
    assert posted.json["state"] == "verified"
    assert posted.json["device"] == "SD-TEST"
    assert posted.json["size_bytes"] == len(capture)
    shown = bowler("GET", f"/v1/captures/{_sha256(capture)}")
    assert (shown.status, shown.json) == (200, posted.json)
    raw = bowler("GET", f"/v1/captures/{_sha256(capture)}/raw")
    assert (raw.status, raw.headers["content-type"], raw.data) == (200, "application/octet-stream", capture)


def test_the_same_bytes_again_change_nothing(bowler: Bowler, capture: bytes) -> None:
    """Posted twice a capture answers 201, then 200 with the same body; there is one object and one row."""
    first, second = bowler.post_capture(capture), bowler.post_capture(capture)
    assert (first.status, second.status) == (201, 200)
    assert first.json == second.json
    assert len([key for key in _stored_objects() if key.endswith(_sha256(capture))]) == 1
    assert len(bowler("GET", "/v1/captures").json["items"]) == 1


def test_the_same_bytes_of_another_user_are_theirs(
    bowler: Bowler, new_bowler: Callable[[], Bowler], capture: bytes
) -> None:
    """Another user who posts the same bytes gets 201 and a capture of their own; neither sees the other's."""
    other = new_bowler()
    assert (bowler.post_capture(capture).status, other.post_capture(capture).status) == (201, 201)
    assert len([key for key in _stored_objects() if key.endswith(_sha256(capture))]) == 2
    assert len(other("GET", "/v1/captures").json["items"]) == 1


@pytest.mark.parametrize("part", ["", "/raw", "/metrics"])
def test_a_strangers_capture_looks_like_none(
    bowler: Bowler, new_bowler: Callable[[], Bowler], capture: bytes, part: str
) -> None:
    """A foreign id and an id that does not exist answer alike, wherever an id is taken."""
    bowler.post_capture(capture)
    foreign = new_bowler()("GET", f"/v1/captures/{_sha256(capture)}{part}")
    missing = bowler("GET", f"/v1/captures/{'0' * 64}{part}")
    assert (foreign.status, foreign.problem) == (404, "not-found")
    assert foreign.data == missing.data


@pytest.mark.parametrize("capture_id", ["x", "..", "%2e%2e%2f", "A" * 64, "0" * 63, "0" * 5000, "%00"])
def test_an_id_that_is_no_hash_is_not_found(bowler: Bowler, capture_id: str) -> None:
    """Whatever stands in the place of an id is looked up or refused, never an error of ours."""
    assert bowler("GET", f"/v1/captures/{capture_id}").status in (403, 404)


@pytest.mark.parametrize(
    ("damage", "bad_page"),
    [
        (lambda data: _flipped(data, 5 * 256 + 100), 5),
        (lambda data: data[:-100], None),
        (lambda data: data[:-256], None),
        (lambda data: data[:256], 1),
        (lambda data: _flipped(data, 200), 0),
        (lambda data: data + data[-256:], None),
    ],
    ids=["flipped bit", "cut in a page", "no end page", "first page alone", "flipped in the first page", "surplus"],
)
def test_damaged_bytes_are_kept_all_the_same(
    bowler: Bowler, capture: bytes, damage: Callable[[bytes], bytes], bad_page: int | None
) -> None:
    """What has a SmartDot's first page is kept bit-exact, with its bad pages named, and without metrics."""
    data = damage(capture)
    kept = bowler.post_capture(data)
    assert (kept.status, kept.json["state"]) == (201, "damaged")
    assert kept.json["bad_pages"]
    assert bad_page is None or kept.json["bad_pages"][0]["page"] == bad_page
    assert bowler("GET", f"/v1/captures/{_sha256(data)}/raw").data == data
    metrics = bowler("GET", f"/v1/captures/{_sha256(data)}/metrics").json
    assert (metrics["state"], metrics["metrics"]) == ("failed", {})
    assert metrics["reason"]


def test_a_version_from_the_future_is_kept(bowler: Bowler, capture: bytes) -> None:
    """A format version that is not known yet is kept as unreadable, and the version is told."""
    data = _of_version(capture, 2)
    kept = bowler.post_capture(data)
    assert (kept.status, kept.json["state"], kept.json["format_version"]) == (201, "unreadable", 2)
    assert bowler("GET", f"/v1/captures/{_sha256(data)}/raw").data == data
    assert bowler("GET", f"/v1/captures/{_sha256(data)}/metrics").json["state"] == "failed"


REFUSED: dict[str, tuple[Callable[[bytes], bytes], dict[str, str], int, str]] = {
    "no digest": (lambda data: data, {"Content-Digest": ""}, 400, "digest-missing"),
    "another algorithm only": (lambda data: data, {"Content-Digest": "md5=:AAAA:"}, 400, "digest-missing"),
    "not a dictionary": (lambda data: data, {"Content-Digest": "sha-256=abc"}, 400, "digest-malformed"),
    "a short digest": (lambda data: data, {"Content-Digest": "sha-256=:AAAA:"}, 400, "digest-malformed"),
    "broken base64": (lambda data: data, {"Content-Digest": "sha-256=:A:"}, 400, "digest-malformed"),
    "a wrong digest": (lambda data: data, {"Content-Digest": f"sha-256=:{'A' * 43}=:"}, 400, "digest-mismatch"),
    "an empty body": (lambda _: b"", {}, 400, "empty-body"),
    "JSON": (lambda data: data, {"Content-Type": "application/json"}, 415, "unsupported-media-type"),
    "a parameter that API Gateway does not compare": (
        lambda data: data,
        {"Content-Type": "application/octet-stream; charset=x"},
        415,
        "unsupported-media-type",
    ),
    "provenance nested too deep": (
        lambda data: data,
        {"Capture-Provenance": _provenance_header({"clock": json.loads('{"a":' * 17 + "1" + "}" * 17)})},
        400,
        "provenance-invalid",
    ),
    "text": (lambda data: data, {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
    "no SmartDot": (lambda data: b"\0" * len(data), {}, 422, "not-a-capture"),
    "another magic": (lambda data: _flipped(data, 16), {}, 422, "not-a-capture"),
    "less than a page": (lambda data: data[:255], {}, 422, "not-a-capture"),
    "one byte too many": (lambda data: (data + b"\0" * 4 * MIB)[: 4 * MIB + 1], {}, 413, "too-large"),
    "provenance that is no base64": (lambda data: data, {"Capture-Provenance": "%%%"}, 400, "provenance-invalid"),
    "provenance that is no JSON": (lambda data: data, {"Capture-Provenance": "e30x"}, 400, "provenance-invalid"),
    "provenance of unknown fields": (
        lambda data: data,
        {"Capture-Provenance": _provenance_header({"owner": "someone"})},
        400,
        "provenance-invalid",
    ),
    "provenance of more than 4 KiB": (
        lambda data: data,
        {"Capture-Provenance": _provenance_header({"clock": {"x": "y" * 4000}})},
        400,
        "provenance-invalid",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_stores_nothing(
    bowler: Bowler, capture: bytes, case: tuple[Callable[[bytes], bytes], dict[str, str], int, str]
) -> None:
    """Whatever is wrong about an upload gets a problem of its own, and no object and no row."""
    change, headers, status, problem = case
    data = change(capture)
    refused = bowler.post_capture(data, **headers)
    assert (refused.status, refused.problem) == (status, problem)
    assert _sha256(data) not in {key.rsplit("/", 1)[-1] for key in _stored_objects()}
    assert bowler("GET", "/v1/captures").json["items"] == []


def test_the_largest_capture_fits(bowler: Bowler, capture: bytes) -> None:
    """Exactly 4 MiB are taken inline and come back."""
    data = (capture + b"\0" * 4 * MIB)[: 4 * MIB]
    assert bowler.post_capture(data).status == 201
    assert bowler("GET", f"/v1/captures/{_sha256(data)}/raw").data == data


def test_nothing_is_taken_without_a_credential(api: Api, capture: bytes) -> None:
    """An upload without a token is a 401 and stores nothing."""
    refused = api("POST", "/v1/captures", body=capture, headers=upload_headers(capture))
    assert (refused.status, refused.problem) == (401, "not-authenticated")
    assert not any(key.endswith(_sha256(capture)) for key in _stored_objects())


def test_other_digests_may_stand_beside(bowler: Bowler, capture: bytes) -> None:
    """Content-Digest is a dictionary: members of other algorithms are not looked at (RFC 9530 section 2)."""
    digest = upload_headers(capture)["Content-Digest"]
    for header in (
        f"sha-512=:{'A' * 86}==:, {digest}",
        f"foo, {digest}",
        f"foo=1, {digest};q=1",
        f"sha-256=:AAAA:, {digest}",
    ):
        assert bowler.post_capture(capture, **{"Content-Digest": header}).status in (201, 200)


def test_a_claim_is_kept_as_a_claim(bowler: Bowler, capture: bytes) -> None:
    """Provenance is shown as it was sent, beside what the bytes themselves say."""
    claim = {
        "device": "another",
        "record": 7,
        "started_at": "2026-11-24T10:00:00Z",
        "read_at": "2026-11-24T10:00:09+00:00",
        "clock": {"drift_ppm": 12.5, "fit": [[1, 2], [3, 4]]},
    }
    kept = bowler.post_capture(capture, **{"Capture-Provenance": _provenance_header(claim)})
    assert kept.json["provenance"] == claim
    assert kept.json["device"] == "SD-TEST"
    assert bowler("GET", f"/v1/captures/{kept.json['id']}").json["provenance"] == claim


def test_a_list_is_walked_to_its_end(bowler: Bowler) -> None:
    """Pages of two give every capture once, newest first, and the last page says so."""
    posted = [bowler.post_capture(Throw(record=record, duration_s=0.1).capture()).json["id"] for record in range(1, 6)]
    seen: list[str] = []
    path = "/v1/captures?limit=2"
    while path:
        page = bowler("GET", path).json
        seen += [item["id"] for item in page["items"]]
        path = f"/v1/captures?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen == posted[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=1000000000",
        "limit=ten",
        "limit=\u0661",
        "cursor=x",
        "cursor=",
        "cursor=" + _provenance_header(["U#other", "C#x"]),
        "cursor=" + _provenance_header({"a": 1}),
        "cursor=" + _provenance_header([["a"], {}]),
        "page=2",
    ],
)
def test_a_query_that_does_not_fit_is_a_400(bowler: Bowler, query: str) -> None:
    """Limits out of range, cursors that no list gave and unknown parameters are refused."""
    refused = bowler("GET", "/v1/captures?" + query.replace("\u0661", "%D9%A1"))
    assert (refused.status, refused.problem) == (400, "invalid-query")


def test_a_cursor_leads_nowhere_but_into_ones_own(bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """Another user's cursor is only a position: it shows nothing that is not one's own."""
    for record in (1, 2):
        bowler.post_capture(Throw(record=record, duration_s=0.1).capture())
    cursor = bowler("GET", "/v1/captures?limit=1").json["next"]
    other = new_bowler()
    assert other("GET", f"/v1/captures?cursor={cursor}").json["items"] == []


def test_a_crash_between_object_and_row_is_mended_by_sending_again(bowler: Bowler, capture: bytes) -> None:
    """An object without a row is not listed; the same bytes again make the row, and the answer is 201."""
    kept = bowler.post_capture(capture)
    item = next(item for item in CaptureItem.scan(CaptureItem.sk == f"C#{_sha256(capture)}"))
    item.delete()
    assert bowler("GET", f"/v1/captures/{kept.json['id']}").status == 404
    assert bowler.post_capture(capture).status == 201
    assert bowler("GET", f"/v1/captures/{kept.json['id']}/raw").data == capture


def test_raw_bytes_need_an_accept_header(bowler: Bowler, capture: bytes) -> None:
    """A request for bytes that does not accept them is a 406 that says what to send."""
    kept = bowler.post_capture(capture)
    for accept in ("*/*", "application/json", "application/*", "text/html, application/octet-stream", ""):
        refused = bowler("GET", f"/v1/captures/{kept.json['id']}/raw", headers={"Accept": accept})
        assert (refused.status, refused.problem) == (406, "not-acceptable")
    first_of_two = {"Accept": "application/octet-stream, */*;q=0.1"}
    assert bowler("GET", f"/v1/captures/{kept.json['id']}/raw", headers=first_of_two).data == capture
