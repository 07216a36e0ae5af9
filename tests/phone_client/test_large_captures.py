"""Captures that do not fit into an answer of the API: fetched from the store behind it, by a link."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from phone_client import ApiClient, CaptureChangedError, ReplyLostError, ServerTroubleError, WrongAnswerError
from phone_client.address import checked_link
from phone_client.transport import LARGEST_ANSWER_BYTES, _take
from tests.phone_client.faulty_server import FaultyServer, Reply, Seen
from tests.phone_client.scripted_api import PASSWORD, capture_view

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.phone_client.scripted_api import HandClock, ScriptedApi

DATA = os.urandom(300_000)
ID = hashlib.sha256(DATA).hexdigest()
OBJECT = "GET /bucket/raw"


class Store(FaultyServer):
    """The store behind the API, as a server of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.data = DATA

    def carry_out(self, seen: Seen) -> Reply:
        """Give the object."""
        assert seen.route == OBJECT
        return Reply(200, self.data, {"Content-Type": "binary/octet-stream"})


@pytest.fixture
def store(scripted_api: ScriptedApi) -> Iterator[Store]:
    """A store to which the API's next answers lead."""
    running = Store()
    for number in range(10):
        link = {"url": f"{running.url}/bucket/raw?X-Amz-Signature={number}", "expires_at": "2026-11-01T10:10:00Z"}
        scripted_api.answer_next(
            f"GET /v1/captures/{ID}/raw", 200, json.dumps(link).encode(), Content_Type="application/json"
        )
    try:
        yield running
    finally:
        running.stop()


def test_the_bytes_come_from_the_store_without_the_credential(ada: ApiClient, store: Store) -> None:
    """The link is followed as it was given, and neither the token nor any header of the API's requests goes there."""
    assert ada.raw(ID) == DATA
    (seen,) = store.seen
    assert seen.query == {"X-Amz-Signature": ["0"]}
    assert "Authorization" not in seen.headers
    assert not any("access-" in value for value in seen.headers.values())


@pytest.mark.parametrize("fault", ["cut", "longer", "reset", "refused", "trouble"])
def test_a_download_that_fails_begins_anew_by_a_fresh_link(
    ada: ApiClient, store: Store, hand_clock: HandClock, fault: str
) -> None:
    """A break in the middle, an expired link and a store in trouble are mended, and no byte comes twice."""
    match fault:
        case "cut":
            store.cut_next(OBJECT)
        case "longer":
            store.answer_next(OBJECT, 200, DATA + DATA, Content_Length=str(3 * len(DATA)))
        case "reset":
            store.reset_next(OBJECT)
        case "refused":
            store.answer_next(OBJECT, 403, b"<Error><Code>AccessDenied</Code></Error>")
        case _:
            store.answer_next(OBJECT, 503, b"<Error><Code>SlowDown</Code></Error>")
    file = io.BytesIO()
    assert ada.save_raw(ID, file) == len(DATA)
    assert file.getvalue() == DATA
    assert [one.query["X-Amz-Signature"] for one in store.seen] == [["0"], ["1"]]
    assert len(hand_clock.sleeps) == 1


def test_a_store_that_stays_away_is_told(ada: ApiClient, store: Store) -> None:
    """After four links the error is the caller's, in its own kind."""
    for _ in range(4):
        store.reset_next(OBJECT)
    with pytest.raises(ReplyLostError, match="Nothing was kept"):
        ada.raw(ID)
    for _ in range(4):
        store.answer_next(OBJECT, 500)
    with pytest.raises(ServerTroubleError):
        ada.raw(ID)
    assert len(store.seen) == 8


def test_other_bytes_behind_the_link_are_thrown_away(ada: ApiClient, store: Store) -> None:
    """The hash is checked here, for the API has not seen these bytes pass."""
    store.data = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(CaptureChangedError, match="thrown away"):
        ada.raw(ID)


def test_more_bytes_than_any_capture_has_are_not_taken() -> None:
    """A link to something endless ends at the largest size that there is."""

    class Endless:
        status = 200
        headers: Any = None

        def stream(self, size_bytes: int) -> Iterator[bytes]:
            while True:
                yield bytes(size_bytes)

    taken = [0]

    def write(piece: bytes) -> None:
        taken[0] += len(piece)

    with pytest.raises(WrongAnswerError, match="so to something else"):
        _take(Endless(), write, LARGEST_ANSWER_BYTES)  # type: ignore[arg-type]  # as much of a response as is looked at
    assert taken[0] <= LARGEST_ANSWER_BYTES


@pytest.mark.parametrize(
    ("link", "allow_http", "is_followed"),
    [
        ("https://bucket.s3.amazonaws.com/raw?X-Amz-Signature=0", False, True),
        ("http://127.0.0.1:8001/bucket/raw?x=1", False, True),
        ("http://bucket.example.org/raw", False, False),
        ("http://bucket.example.org/raw", True, True),
        ("ftp://127.0.0.1/raw", False, False),
        ("https://name:password@bucket.example.org/raw", False, False),
        ("file:///etc/passwd", True, False),
        ("/raw", True, False),
        ("", True, False),
    ],
)
def test_only_a_safe_link_is_followed(link: str, *, allow_http: bool, is_followed: bool) -> None:
    """TLS, or this machine, or what the user allowed; never with a username and never anything but HTTP."""
    if is_followed:
        assert checked_link(link, allow_http=allow_http) == link
    else:
        with pytest.raises(WrongAnswerError):
            checked_link(link, allow_http=allow_http)


def _run(api: ScriptedApi, folder: Path, *arguments: str, password: str = "") -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "PHONE_CLIENT_API": api.url, "XDG_STATE_HOME": str(folder)}
    command = [sys.executable, "-m", "phone_client", *arguments]
    sent = f"{password}\n".encode()
    return subprocess.run(command, input=sent, env=environment, capture_output=True, timeout=30, check=False)


def test_the_command_line_fetches_by_link(scripted_api: ScriptedApi, store: Store, tmp_path: Path) -> None:
    """`raw` writes the file whole or not at all, and to standard output only bytes that are the right ones."""
    _run(scripted_api, tmp_path, "log-in", "ada", "--password-stdin", password=PASSWORD)
    out = tmp_path / "shot.bin"
    assert _run(scripted_api, tmp_path, "raw", ID, "--out", str(out)).returncode == 0
    assert out.read_bytes() == DATA
    assert _run(scripted_api, tmp_path, "raw", ID, "--out", "-").stdout == DATA
    store.data = b"other"
    refused = _run(scripted_api, tmp_path, "raw", ID, "--out", str(out))
    assert (refused.returncode, out.read_bytes()) == (6, DATA)
    assert _run(scripted_api, tmp_path, "raw", ID, "--out", "-").stdout == b""
    assert [path.name for path in tmp_path.glob("*shot*")] == ["shot.bin"]


def test_states_on_the_way_are_shown(scripted_api: ScriptedApi, ada: ApiClient, tmp_path: Path) -> None:
    """A pending capture has no time yet, and a rejected one says why."""
    pending = {**capture_view(ID, 5), "state": "pending", "received_at": None}
    scripted_api.answer_next(f"GET /v1/captures/{ID}", 200, json.dumps(pending).encode())
    assert ada.capture(ID).received_at is None
    rejected = {**capture_view(ID, 5), "state": "rejected", "reason": "These are other bytes."}
    listed = json.dumps({"items": [pending, rejected], "next": None}).encode()
    _run(scripted_api, tmp_path, "log-in", "ada", "--password-stdin", password=PASSWORD)
    scripted_api.answer_next("GET /v1/captures", 200, listed)
    lines = _run(scripted_api, tmp_path, "captures").stdout.decode().splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["-", "pending"], ["2026-11-01", "10:00:00Z"]]
    scripted_api.answer_next(f"GET /v1/captures/{ID}", 200, json.dumps(rejected).encode())
    assert "These are other bytes." in _run(scripted_api, tmp_path, "capture", ID).stdout.decode()


def test_bridges_are_listed_with_their_silence(scripted_api: ScriptedApi, ada: ApiClient, tmp_path: Path) -> None:
    """`bridges` shows what each bridge said last, and stands out for those that say nothing."""
    heard = {
        "version": "0.2.0",
        "captures_waiting": 3,
        "bytes_waiting": 90_000,
        "captures_quarantined": 1,
        "device": {"serial": "SD-7", "seen_at": "2026-11-01T10:00:00Z", "battery_percent": 81},
        "sent_at": "2026-11-01T10:00:01Z",
        "received_at": "2026-11-01T10:00:02Z",
        "mood_of_the_future": "fine",
    }
    made = {"created_at": "2026-10-01T10:00:00Z"}
    bridges = [
        {"id": "b1", "name": "lane 7", **made, "last_heartbeat": heard, "is_silent": False},
        {"id": "b2", "name": "lane 8", **made, "last_heartbeat": None, "is_silent": True},
        {"id": "b3", "name": "lane 9", **made, "last_heartbeat": {**heard, "device": None}, "is_silent": True},
    ]
    parts = [{"items": bridges[:2], "next": "more"}, {"items": bridges[2:], "next": None}]
    for part in (*parts, *parts, {"items": [], "next": None}):
        scripted_api.answer_next("GET /v1/bridges", 200, json.dumps(part).encode())
    assert [one.is_silent for one in ada.bridges()] == [False, True, True]
    _run(scripted_api, tmp_path, "log-in", "ada", "--password-stdin", password=PASSWORD)
    lines = [" ".join(line.split()) for line in _run(scripted_api, tmp_path, "bridges").stdout.decode().splitlines()]
    assert lines == [
        "NAME SILENT HEARD WAITING QUARANTINED DEVICE BATTERY VERSION ID",
        "lane 7 no 2026-11-01 10:00:02Z 3 1 SD-7 81 0.2.0 b1",
        "lane 8 SILENT - - - - - - b2",
        "lane 9 SILENT 2026-11-01 10:00:02Z 3 1 - - 0.2.0 b3",
    ]
    assert _run(scripted_api, tmp_path, "bridges").stdout == b"There are no bridges yet.\n"
