import hashlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.api import (
    Api,
    BusyError,
    CredentialRefusedError,
    EndpointError,
    Heartbeat,
    HeartbeatDevice,
    Patience,
    Ticket,
    TryLaterError,
    UnreachableError,
)
from device_bridge.api_replies import HttpReply, storage_failure
from device_bridge.api_values import ApiError
from device_bridge.deadline import Deadline

from .bridge_api_server import BridgeApiServer, BridgeReply

SECRET = "s3cret-credential"
IMPATIENT = Patience(connect_s=1.0, read_s=0.3, total_s=0.6, slowest_bytes_per_s=1e9)


@pytest.fixture
def api(bridge_api: BridgeApiServer) -> Iterator[Api]:
    """Give a client of the API's stand-in."""
    client = Api(bridge_api.url, SECRET)
    yield client
    client.close()


def test_who_am_i(bridge_api: BridgeApiServer, api: Api) -> None:
    """The API tells who this bridge is and what time it has, and is asked for it with the credential and no body."""
    found = api.who_am_i()
    assert found.name == "Lane 1"
    assert abs(found.server_time - datetime.now(UTC)) < timedelta(minutes=1)
    (request,) = bridge_api.requests
    assert (request["path"], request["authorization"]) == ("/v1/bridges/me", f"Bearer {SECRET}")
    assert "content-length" not in request


@pytest.mark.parametrize("body", [b"{}", b'{"id": "b"}', b'{"id": "b", "server_time": "noon"}', b"<html>", b"[]"])
def test_another_server_is_not_taken_for_the_api(bridge_api: BridgeApiServer, api: Api, body: bytes) -> None:
    """A 200 that does not say who this bridge is, or in how many seconds to come back, is something else's."""
    bridge_api.ask_script = [BridgeReply(200, body), BridgeReply(200, body)]
    with pytest.raises(EndpointError, match="not the API"):
        api.who_am_i()
    with pytest.raises(EndpointError, match="not the API"):
        api.send_heartbeat(HEARTBEAT)


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HEARTBEAT = Heartbeat("1.2", 3, 4096, 1, HeartbeatDevice("DOT-1", NOON, None), NOON)


def test_heartbeat(bridge_api: BridgeApiServer, api: Api) -> None:
    """A heartbeat says what the API asks for, also before any device was seen, and is told when to come again."""
    assert api.send_heartbeat(HEARTBEAT) == 300.0
    api.send_heartbeat(Heartbeat("1.2", 0, 0, 0, None, NOON))
    device = {"serial": "DOT-1", "seen_at": "2026-11-24T12:00:00.000000Z", "battery_percent": None}
    assert bridge_api.heartbeats[0] == {
        "version": "1.2",
        "captures_waiting": 3,
        "bytes_waiting": 4096,
        "captures_quarantined": 1,
        "device": device,
        "sent_at": "2026-11-24T12:00:00.000000Z",
    }
    assert bridge_api.heartbeats[1]["device"] is None


def test_a_lock_of_the_owner_is_no_fault_of_the_credential(bridge_api: BridgeApiServer, api: Api) -> None:
    """Whoever's account is locked needs an unlock and no other credential, and is told so; a 403 else is as it was."""
    for kind, advised in (("account-locked", "after the unlock"), ("not-permitted", "enrol --force")):
        body = json.dumps({"type": f"urn:problem-type:revmetrix:{kind}", "title": "No"}).encode()
        bridge_api.ask_script = [BridgeReply(403, body)]
        with pytest.raises(CredentialRefusedError, match=advised) as refused:
            api.who_am_i()
        assert refused.value.is_apis_own


def test_credential_is_replaced_for_the_next_request(bridge_api: BridgeApiServer, api: Api) -> None:
    """A new credential is used at once; the refusal of the old one says how to get it and shows neither."""
    bridge_api.credential = "another"
    with pytest.raises(CredentialRefusedError, match="device_bridge enrol") as refusal:
        api.who_am_i()
    assert SECRET not in str(refusal.value)
    assert refusal.value.is_apis_own
    api.replace_credential("another")
    assert api.who_am_i().name == "Lane 1"


def test_capture_state(bridge_api: BridgeApiServer, api: Api) -> None:
    """A capture is asked after by its hash; what the API does not know is None, and what is no API is no answer."""
    key = hashlib.sha256(b"x").hexdigest()
    assert api.capture_state(key) is None
    bridge_api.stored[key] = b"x"
    bridge_api.state, bridge_api.reason = "rejected", "no"
    found = api.capture_state(key)
    assert found is not None
    assert (found.state, found.reason) == ("rejected", "no")
    bridge_api.ask_script = [BridgeReply(404, b"<html>", {"Content-Type": "text/html"})]
    with pytest.raises(EndpointError):
        api.capture_state(key)


def test_ticket_takes_the_provenance_along(bridge_api: BridgeApiServer, api: Api) -> None:
    """A ticket is asked for with hash, size and provenance, and names its headers and its end."""
    bodies: list[dict[str, Any]] = []
    give = bridge_api._give_ticket

    def note_and_give(wanted: dict[str, Any]) -> BridgeReply:
        bodies.append(wanted)
        return give(wanted)

    bridge_api._give_ticket = note_and_give  # type: ignore[method-assign]
    ticket = api.request_ticket("a" * 64, 5_000_000, {"record": 7})
    assert isinstance(ticket, Ticket)
    assert bodies == [{"sha256": "a" * 64, "size_bytes": 5_000_000, "provenance": {"record": 7}}]
    assert ticket.headers["Content-Length"] == "5000000"


def test_bytes_on_a_ticket_are_never_held_together(bridge_api: BridgeApiServer, api: Api) -> None:
    """Each chunk is made when the one before it is on its way, and the length is told beforehand."""
    data = bytes(range(256)) * 4096
    ticket = api.request_ticket(hashlib.sha256(data).hexdigest(), len(data), {})
    assert isinstance(ticket, Ticket)
    made: list[int] = []

    def chunks() -> Iterator[bytes]:
        for begin in range(0, len(data), 65536):
            made.append(begin)
            yield data[begin : begin + 65536]

    api.send_by_ticket(ticket, chunks())
    assert len(made) == 16
    put = bridge_api.requests[-1]
    assert (put["content-length"], "transfer-encoding" in put) == (str(len(data)), False)
    assert list(bridge_api.stored.values()) == [data]


class Drip:
    """A reply that comes byte by byte, so slowly that no single read of it takes long."""

    def __init__(self, begin: bytes, rest: bytes) -> None:
        self._begin = begin
        self._rest = rest
        self.was_broken_off = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        """Send it, as far as the client wants it."""
        handler.close_connection = True
        handler.connection.sendall(self._begin)
        try:
            for place in range(len(self._rest)):
                handler.connection.sendall(self._rest[place : place + 1])
                time.sleep(0.01)
        except OSError:
            self.was_broken_off.set()


@pytest.mark.parametrize(
    "fault",
    [
        Drip(b"", b"HTTP/1.1 201 Created\r\n" + b"X: 1\r\n" * 300),
        Drip(b"HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n", b" " * 1000),
    ],
)
def test_reply_that_drips_in_is_broken_off(bridge_api: BridgeApiServer, fault: Drip) -> None:
    """The whole exchange has an end, however regularly something comes."""
    bridge_api.script = [fault]
    api = Api(bridge_api.url, SECRET, IMPATIENT)
    with pytest.raises(UnreachableError, match="took longer than"):
        api.send_capture(b"x", {})
    assert fault.was_broken_off.wait(5)
    assert api.send_capture(b"x", {}).state == "verified"
    api.close()


def test_kept_connection_has_the_same_end(bridge_api: BridgeApiServer) -> None:
    """A reply that drips in on a connection that an earlier request opened is broken off as well."""
    fault = Drip(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" " * 6000)
    api = Api(bridge_api.url, SECRET, IMPATIENT)
    api.who_am_i()
    bridge_api.ask_script = [fault]
    begun_s = time.monotonic()
    with pytest.raises(UnreachableError, match="took longer than"):
        api.who_am_i()
    # To its end it would take a minute.
    assert time.monotonic() - begun_s < 30
    assert fault.was_broken_off.wait(5)
    assert api.who_am_i().name == "Lane 1"
    api.close()


def test_deadline_breaks_an_encrypted_connection_off() -> None:
    """TLS keeps its socket to itself; the connection below it is broken off all the same."""
    ours, theirs = socket.socketpair()
    context = ssl.create_default_context()
    with theirs, context.wrap_socket(ours, do_handshake_on_connect=False, server_hostname="x") as wrapped:
        with Deadline(0.05) as deadline:
            deadline.watch(wrapped)
            theirs.settimeout(5)
            assert theirs.recv(1) == b""
        assert deadline.has_passed


def test_server_that_takes_nothing_is_broken_off() -> None:
    """A server that accepts the connection and reads nothing of a long body holds nobody up for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        api = Api(f"http://127.0.0.1:{server.getsockname()[1]}", SECRET, IMPATIENT)
        with pytest.raises(UnreachableError) as failure:
            api.send_capture(bytes(4 * 2**20), {})
        assert failure.value.was_sent
        api.close()


def test_slow_line_gets_a_long_body_through(bridge_api: BridgeApiServer) -> None:
    """The time for sending counts for each piece: a body that takes longer in all than one piece may still arrives."""
    patient = Patience(connect_s=0.3, read_s=5.0, total_s=20.0)
    data = bytes(6 * 2**20)
    bridge_api._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    answer = bridge_api.answer

    def read_slowly(handler: BaseHTTPRequestHandler) -> None:
        class Slow:
            def read(self, size: int) -> bytes:
                parts = []
                for begin in range(0, size, 2**17):
                    time.sleep(0.015)
                    parts.append(whole.read(min(2**17, size - begin)))
                return b"".join(parts)

        whole = handler.rfile
        handler.rfile = Slow()  # type: ignore[assignment]
        try:
            answer(handler)
        finally:
            handler.rfile = whole

    bridge_api.answer = read_slowly  # type: ignore[method-assign]
    api = Api(bridge_api.url, SECRET, patient)
    assert api.send_capture(data, {}).state == "verified"
    api.close()


def test_deadline_leaves_no_threads_behind(bridge_api: BridgeApiServer, api: Api) -> None:
    """A request that ended in time leaves no timer waiting for it."""
    api.who_am_i()
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert [timer for timer in timers if not timer.finished.is_set()] == []
    assert len(bridge_api.requests) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_retry_after_asks_for_a_pause(bridge_api: BridgeApiServer, api: Api, status: int) -> None:
    """An API that names a wait is busy as a whole; a 429 is so even without one."""
    bridge_api.ask_script = [BridgeReply(status, headers={"Retry-After": "5"}), BridgeReply(status)]
    with pytest.raises(BusyError) as busy:
        api.who_am_i()
    assert busy.value.retry_after_s == 5.0
    with pytest.raises(TryLaterError) as later:
        api.who_am_i()
    assert isinstance(later.value, BusyError) is (status == 429)


@given(st.integers(100, 999), st.binary(max_size=60))
def test_any_answer_of_the_storage_is_a_yes_or_an_error(status: int, body: bytes) -> None:
    """Whatever the storage answers means that the bytes are there, or one of the API's errors, never anything else."""
    found = storage_failure(HttpReply(status, {}, body))
    assert found is None or isinstance(found, ApiError)
    assert (found is None) == (status in (200, 201, 204, 412))


def test_storages_xml_is_told_in_a_word_and_expands_nothing() -> None:
    """Of the storage's XML its code is told; a document type, which could expand without end, is not read."""
    told = HttpReply(403, {}, b"<Error><Code>AccessDenied</Code></Error>").said()
    bomb = b'<!DOCTYPE a [<!ENTITY b "cc">]><Error><Code>&b;</Code></Error>'
    assert (told, HttpReply(403, {}, bomb).said()) == ("403 AccessDenied", "403")


def test_json_bodies_are_told_as_such(bridge_api: BridgeApiServer, api: Api) -> None:
    """What is sent as JSON says so."""
    api.send_heartbeat(HEARTBEAT)
    assert bridge_api.requests[0]["content-type"] == "application/json"
    assert json.dumps(bridge_api.heartbeats[0])


@pytest.mark.parametrize("state", [None, "archived", "\u001b[31mverified", 5, ["verified"]])
def test_only_known_states_count(bridge_api: BridgeApiServer, api: Api, state: object) -> None:
    """A 200 with the hash and no state that is known here, such as a later API's, is no delivery, and is told fit."""
    key = hashlib.sha256(b"x").hexdigest()
    answer = {"id": key} if state is None else {"id": key, "state": state}
    bridge_api.script = [BridgeReply(200, json.dumps(answer).encode())]
    with pytest.raises(TryLaterError, match="without a state of the capture that this device_bridge knows") as later:
        api.send_capture(b"x", {})
    assert str(later.value).isprintable()


def test_words_of_the_api_are_made_fit(bridge_api: BridgeApiServer, api: Api) -> None:
    """A reason and a name that are long, or hold control characters, are cut and cleaned."""
    key = hashlib.sha256(b"x").hexdigest()
    name = {"id": "b", "name": "\u001b[2J" + "n" * 1000, "server_time": "2026-11-24T12:00:00Z"}
    verdict = {"id": key, "state": "rejected", "reason": "\u202e" + "r" * 10_000}
    bridge_api.ask_script = [BridgeReply(200, json.dumps(answer).encode()) for answer in (name, verdict)]
    found = api.capture_state(key) if api.who_am_i().name == " [2J" + "n" * 93 + "..." else None
    assert found is not None
    assert (len(str(found.reason)), str(found.reason)[:2]) == (300, " r")
