"""The client's operations against a server that answers as the API does."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from phone_client import CaptureChangedError, NotFoundError, Provenance, StillPendingError, UsageError, WrongAnswerError

if TYPE_CHECKING:
    from phone_client import ApiClient
    from tests.phone_client.scripted_api import HandClock, ScriptedApi


def test_a_registered_user_is_shown(api_client: ApiClient, scripted_api: ScriptedApi) -> None:
    """What was asked for is sent as JSON, and the answer has types."""
    user = api_client.register("ada", "ada@example.org", "correct horse")
    assert (user.username, user.email, user.created_at.year) == ("ada", "ada@example.org", 2026)
    assert json.loads(scripted_api.seen[0].body)["password"] == "correct horse"


def test_all_captures_are_listed_over_several_parts(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A list of 250 comes in three parts, in order, each capture once."""
    ids = [scripted_api.keep(bytes([number])) for number in range(250)]
    assert [capture.id for capture in ada.captures()] == ids
    assert scripted_api.routes().count("GET /v1/captures") == 3


def test_the_list_is_fetched_only_as_far_as_it_is_read(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """The first capture costs one request, however many there are."""
    ids = [scripted_api.keep(bytes([number])) for number in range(250)]
    assert next(ada.captures()).id == ids[0]
    assert scripted_api.routes().count("GET /v1/captures") == 1


def test_a_list_that_leads_back_to_itself_ends_in_an_error(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A broken server cannot keep the client busy for ever."""
    for _ in range(2):
        scripted_api.answer_next("GET /v1/captures", 200, b'{"items": [], "next": "a"}')
    with pytest.raises(WrongAnswerError, match="back to itself"):
        list(ada.captures())


def test_fields_from_the_future_do_not_disturb(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A newer server's additions are passed over."""
    capture = ada.capture(scripted_api.keep(b"bytes"))
    assert (capture.size_bytes, capture.state, capture.record) == (5, "verified", 41)


def test_raw_bytes_come_back_as_they_were(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """The bytes are asked for under the media type that API Gateway needs, and hash to the id."""
    data = bytes(range(256)) * 3
    assert ada.raw(scripted_api.keep(data).upper()) == data
    assert scripted_api.seen[-1].headers["Accept"] == "application/octet-stream"


def test_raw_bytes_that_were_changed_are_thrown_away(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """One flipped bit is noticed."""
    capture_id = scripted_api.keep(b"bytes")
    scripted_api.captures[capture_id] = b"byter"
    with pytest.raises(CaptureChangedError, match="thrown away"):
        ada.raw(capture_id)


def test_a_strangers_capture_is_not_found(ada: ApiClient) -> None:
    """A 404 has an error of its own."""
    with pytest.raises(NotFoundError):
        ada.capture("0" * 64)


@pytest.mark.parametrize("text", ["", "abc", "0" * 63, "0" * 65, "../users", "0" * 63 + "/", "\u0660" * 64])
def test_what_is_no_id_never_becomes_a_path(ada: ApiClient, scripted_api: ScriptedApi, text: str) -> None:
    """Only 64 hexadecimal digits are sent."""
    for ask in (ada.capture, ada.raw, ada.metrics, ada.wait_for_metrics):
        with pytest.raises(UsageError, match="64 hexadecimal digits"):
            ask(text)
    assert scripted_api.routes() == ["POST /v1/tokens"]


def test_an_upload_carries_digest_and_provenance(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """The headers are those of RFC 9530 and of the API, and the answer says that the bytes are new."""
    uploaded = ada.upload(b"bytes", Provenance(device="SD-7", record=41))
    headers = scripted_api.seen[-1].headers
    digest = base64.b64encode(hashlib.sha256(b"bytes").digest()).decode()
    assert headers["Content-Digest"] == f"sha-256=:{digest}:"
    claim = headers["Capture-Provenance"]
    assert json.loads(base64.urlsafe_b64decode(claim + "=" * (-len(claim) % 4))) == {"device": "SD-7", "record": 41}
    assert uploaded.is_new
    assert not ada.upload(b"bytes").is_new


def test_an_upload_is_repeated_after_a_lost_reply(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """The same bytes twice are one capture, so the client does not trouble its caller."""
    scripted_api.lose_reply_next("POST /v1/captures")
    assert ada.upload(b"bytes").capture.id == hashlib.sha256(b"bytes").hexdigest()
    assert len(scripted_api.captures) == 1


def test_an_upload_kept_under_another_id_is_an_error(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """Only the bytes' own hash acknowledges them."""
    view = {"id": "0" * 64, "size_bytes": 5, "state": "verified", "received_at": "2026-11-01T10:00:00Z"}
    scripted_api.answer_next("POST /v1/captures", 201, json.dumps(view).encode())
    with pytest.raises(WrongAnswerError, match="not its SHA-256"):
        ada.upload(b"bytes")


def test_a_provenance_that_is_too_long_is_not_sent(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """The header's limit is told before the bytes leave."""
    with pytest.raises(UsageError, match="at most 4096"):
        ada.upload(b"bytes", Provenance(clock={"offsets": list(range(2000))}))
    assert scripted_api.captures == {}


def test_metrics_are_waited_for_as_the_server_asks(
    ada: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock
) -> None:
    """Each pending answer says when to ask again, and that is when the client asks."""
    capture_id = scripted_api.keep(b"bytes")
    scripted_api.pending_for = 2
    metrics = ada.wait_for_metrics(capture_id, timeout_s=10)
    assert hand_clock.sleeps == [3.0, 3.0]
    assert metrics.metrics["rate_peak_rpm"].value == 312.5
    assert metrics.metrics["shot_detected"].value is True
    assert metrics.sensors["accel"].samples == 4270


def test_waiting_for_metrics_ends_at_the_timeout(
    ada: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock
) -> None:
    """The client does not sleep past the time it was given."""
    capture_id = scripted_api.keep(b"bytes")
    scripted_api.pending_for = 100
    with pytest.raises(StillPendingError, match=r"after 10 s\. The capture is kept"):
        ada.wait_for_metrics(capture_id, timeout_s=10)
    assert hand_clock.sleeps == [3.0, 3.0, 3.0]


def test_metrics_that_failed_end_the_waiting(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A failure is an answer, with its reason."""
    capture_id = scripted_api.keep(b"bytes")
    route = f"GET /v1/captures/{capture_id}/metrics"
    scripted_api.answer_next(route, 200, b'{"state": "failed", "reason": "The capture is damaged."}')
    assert ada.wait_for_metrics(capture_id).reason == "The capture is damaged."


def test_metrics_at_once_may_be_pending(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """Asking without waiting shows the state as it is."""
    capture_id = scripted_api.keep(b"bytes")
    scripted_api.pending_for = 1
    assert ada.metrics(capture_id).state == "pending"
