"""The sync's messages over HTTP: repeated where that is safe, and patient where the server asks for it."""

import json

import pytest

from phone_client import ApiClient, ServerTroubleError
from phone_client.sync import PullReply, PushBatch, PushChange, PushReply, PushResult
from tests.phone_client.scripted_api import HandClock, ScriptedApi

PUSH, PULL = "POST /v1/sync/push", "GET /v1/sync/pull"
BATCH = PushBatch(
    "batch-1",
    (
        PushChange("b1", "ball", "put", "2026-11-24T18:00:00Z", fields={"name": "\x00 🎳", "weight_lb": 15}),
        PushChange("b2", "ball", "patch", "2026-11-24T18:00:00Z", 3, {"comment": None}),
        PushChange("b3", "ball", "delete", "2026-11-24T18:00:00Z", 2),
    ),
)
RESULTS = {"results": [{"id": "b1", "type": "ball", "status": "applied", "ver": 1, "later": True}], "count": 1}


def test_a_batch_is_what_the_protocol_says(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """Names and forms as docs/sync.md has them: no base version for a new entry, no fields for a deletion."""
    scripted_api.answer_next(PUSH, 200, json.dumps(RESULTS).encode())
    assert ada.sync.push(BATCH) == PushReply((PushResult("b1", "ball", "applied", 1),), count=1)
    edited_at = "2026-11-24T18:00:00Z"
    assert json.loads(scripted_api.seen[-1].body) == {
        "batch_id": "batch-1",
        "changes": [
            {
                "id": "b1",
                "type": "ball",
                "op": "put",
                "edited_at": edited_at,
                "fields": {"name": "\x00 🎳", "weight_lb": 15},
            },
            {
                "id": "b2",
                "type": "ball",
                "op": "patch",
                "edited_at": edited_at,
                "base_ver": 3,
                "fields": {"comment": None},
            },
            {"id": "b3", "type": "ball", "op": "delete", "edited_at": edited_at, "base_ver": 2},
        ],
    }


def test_a_push_is_sent_again_as_it_was(ada: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock) -> None:
    """After a lost reply, a 503 and a 429 the same bytes go out again, later than the server asks for."""
    scripted_api.reset_next(PUSH)
    scripted_api.problem_next(PUSH, 503, "busy", Retry_After="7")
    scripted_api.problem_next(PUSH, 429, "too-many-requests", Retry_After="20")
    scripted_api.answer_next(PUSH, 200, json.dumps(RESULTS).encode())
    ada.sync.push(BATCH)
    bodies = [seen.body for seen in scripted_api.seen if seen.route == PUSH]
    assert len(bodies) == 4
    assert len(set(bodies)) == 1
    assert hand_clock.sleeps[-2] > 7
    assert hand_clock.sleeps[-1] > 20


def test_a_long_wait_is_left_to_who_syncs(ada: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock) -> None:
    """A wait of minutes is told with its length, and not slept through here."""
    scripted_api.problem_next(PULL, 503, "busy", Retry_After="300")
    with pytest.raises(ServerTroubleError) as raised:
        ada.sync.pull("c1", 500)
    assert raised.value.retry_after_s == 300
    assert hand_clock.sleeps == []


def test_a_pull_asks_from_its_cursor_on(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """The cursor goes back as it came; the first pull has none."""
    reply = {"changes": [{"id": "b1", "type": "ball", "ver": 1, "deleted": True}], "cursor": "c/2?&", "more": True}
    for _ in range(2):
        scripted_api.answer_next(PULL, 200, json.dumps(reply).encode())
    page = ada.sync.pull(None, 1000)
    assert (page.cursor, page.more, page.reset, page.count) == ("c/2?&", True, False, None)
    assert isinstance(ada.sync.pull(page.cursor, 10), PullReply)
    assert [seen.query for seen in scripted_api.seen[-2:]] == [
        {"limit": ["1000"]},
        {"limit": ["10"], "cursor": ["c/2?&"]},
    ]


def test_an_expired_login_is_renewed_for_a_push(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A batch whose access token is refused goes out again with a new one."""
    scripted_api.problem_next(PUSH, 401, "not-authenticated")
    scripted_api.answer_next(PUSH, 200, json.dumps(RESULTS).encode())
    ada.sync.push(BATCH)
    tokens = [seen.headers["Authorization"] for seen in scripted_api.seen if seen.route == PUSH]
    assert tokens == ["Bearer access-1", "Bearer access-2"]
