"""What is sent again and what is not, how long is waited, and what each failure becomes."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from phone_client import (
    ApiClient,
    Connection,
    NetworkError,
    NotFoundError,
    NotSentError,
    ProblemError,
    ReplyLostError,
    ServerTroubleError,
    UsageError,
    UsernameTakenError,
    WrongAnswerError,
    transport,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.phone_client.scripted_api import HandClock, ScriptedApi

HEALTH = "GET /v1/health"
USERS = "POST /v1/users"
BRIDGES = "POST /v1/bridges"


@pytest.mark.parametrize("spoil", ["reset_next", "lose_reply_next", "cut_next"])
def test_reading_is_repeated_when_the_connection_breaks(
    api_client: ApiClient, scripted_api: ScriptedApi, spoil: str
) -> None:
    """A reset, a missing answer and a cut one are each made good by asking again."""
    getattr(scripted_api, spoil)(HEALTH)
    assert api_client.health().status == "ok"
    assert scripted_api.routes() == [HEALTH, HEALTH]


def test_a_silent_server_is_given_up_and_asked_again(scripted_api: ScriptedApi, hand_clock: HandClock) -> None:
    """Silence ends with the read timeout, not with the caller's patience."""
    scripted_api.silence_next(HEALTH)
    with ApiClient(scripted_api.url, connection=Connection(read_timeout_s=0.1), timing=hand_clock.timing) as client:
        assert client.health().status == "ok"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_reading_is_repeated_while_the_server_has_trouble(
    api_client: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock, status: int
) -> None:
    """Trouble is waited out with a backoff that doubles, here with dice that always show the half."""
    for _ in range(3):
        scripted_api.answer_next(HEALTH, status, b'{"message": "no"}', Content_Type="application/json")
    assert api_client.health().status == "ok"
    assert hand_clock.sleeps == [0.25, 0.5, 1.0]


def test_repeats_are_bounded(api_client: ApiClient, scripted_api: ScriptedApi) -> None:
    """The fourth failure in a row is told, with what the server said."""
    for _ in range(4):
        scripted_api.problem_next(HEALTH, 500, "internal")
    with pytest.raises(ServerTroubleError, match="It is internal"):
        api_client.health()
    assert scripted_api.routes() == [HEALTH] * 4


def test_retry_after_in_seconds_is_waited_for(
    api_client: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock
) -> None:
    """The server's wait comes first, and the jitter on top of it."""
    scripted_api.problem_next(HEALTH, 429, "too-many-requests", Retry_After="7")
    api_client.health()
    assert hand_clock.sleeps == [7.25]


def test_retry_after_as_a_date_is_read_by_the_servers_clock(
    api_client: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock
) -> None:
    """A phone whose clock is years off waits the nine seconds all the same."""
    scripted_api.date = "Sun, 01 Nov 2026 10:00:00 GMT"
    scripted_api.problem_next(HEALTH, 503, "busy", Retry_After="Sun, 01 Nov 2026 10:00:09 GMT")
    api_client.health()
    assert hand_clock.sleeps == [9.25]


def test_a_wait_that_is_too_long_is_left_to_the_caller(
    api_client: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock
) -> None:
    """Nobody sits through an hour: the error says how long the server wants."""
    scripted_api.problem_next(HEALTH, 503, "busy", Retry_After="3600")
    with pytest.raises(ServerTroubleError) as caught:
        api_client.health()
    assert caught.value.retry_after_s == 3600
    assert hand_clock.sleeps == []


@pytest.mark.parametrize("text", ["soon", "-1", "Sun, 99 Nov 2026 10:00:09 GMT", "9" * 12])
def test_a_retry_after_that_is_none_is_passed_over(
    api_client: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock, text: str
) -> None:
    """Nonsense in the header leaves the client's own backoff."""
    scripted_api.problem_next(HEALTH, 503, "busy", Retry_After=text)
    api_client.health()
    assert hand_clock.sleeps == [0.25]


@pytest.mark.parametrize("spoil", ["reset_next", "lose_reply_next"])
def test_a_registration_is_not_sent_twice(api_client: ApiClient, scripted_api: ScriptedApi, spoil: str) -> None:
    """A lost reply is told with what it may mean, or the second sending would find the name taken by the first."""
    getattr(scripted_api, spoil)(USERS)
    with pytest.raises(ReplyLostError, match=r"may have been made.*try to log in"):
        api_client.register("ada", "ada@example.org", "correct horse")
    assert scripted_api.routes() == [USERS]


def test_a_registration_that_failed_in_the_server_is_not_sent_twice(
    api_client: ApiClient, scripted_api: ScriptedApi
) -> None:
    """Nobody knows how far a 500 came."""
    scripted_api.problem_next(USERS, 500, "internal")
    with pytest.raises(ServerTroubleError):
        api_client.register("ada", "ada@example.org", "correct horse")
    assert scripted_api.routes() == [USERS]


def test_a_refusal_for_too_many_requests_is_repeated_for_anything(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A 429 was not carried out, so even a new bridge may be asked for again."""
    scripted_api.problem_next(BRIDGES, 429, "too-many-requests", Retry_After="1")
    assert ada.add_bridge("lane 12").credential == "rmb_secret"


def test_nobody_listening_is_a_request_that_was_not_sent(hand_clock: HandClock) -> None:
    """A refused connection is tried again, also for a registration, and then told as not sent."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with (
            ApiClient(url, timing=hand_clock.timing) as client,
            pytest.raises(NotSentError, match=r"cannot be reached\. Nothing was sent"),
        ):
            client.register("ada", "ada@example.org", "correct horse")
    assert len(hand_clock.sleeps) == 3


def test_a_server_that_goes_away_after_a_lost_reply_leaves_the_doubt(scripted_api: ScriptedApi, ada: ApiClient) -> None:
    """When the first attempt may have arrived, the error says so although the last one was not sent."""
    scripted_api.vanish_next("POST /v1/captures")
    with pytest.raises(ReplyLostError, match="may have arrived"):
        ada.upload(b"bytes")


def test_a_problem_becomes_an_error_with_the_servers_words(api_client: ApiClient, scripted_api: ScriptedApi) -> None:
    """The fields that did not fit are in the message, each with what is wrong."""
    scripted_api.answer_next(
        USERS,
        422,
        b'{"type": "urn:problem-type:revmetrix:invalid-request", "title": "The request does not fit.", "status": 422,'
        b' "errors": [{"path": "$.email", "detail": "Expected `str`"}], "instance": "x"}',
        Content_Type="application/problem+json; charset=utf-8",
    )
    with pytest.raises(ProblemError) as caught:
        api_client.register("ada", "", "correct horse")
    assert str(caught.value) == "This cannot be taken, and nothing was changed. email: Expected `str`."
    assert caught.value.problem.name == "invalid-request"


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [(409, "username-taken", UsernameTakenError), (404, "not-found", NotFoundError), (418, "new", ProblemError)],
)
def test_problems_that_a_caller_handles_have_a_type(
    api_client: ApiClient, scripted_api: ScriptedApi, status: int, name: str, kind: type[ProblemError]
) -> None:
    """A known problem has its own class, and one that is not known yet the general one."""
    scripted_api.problem_next(USERS, status, name)
    with pytest.raises(ProblemError) as caught:
        api_client.register("ada", "ada@example.org", "correct horse")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "body", "media_type"),
    [
        (200, b"<html>Welcome to the bowling centre</html>", "text/html"),
        (200, b'{"status": 7}', "application/json"),
        (200, b'{"status": "\xff"}', "application/json"),
        (200, b"[" * 100_000, "application/json"),
        (403, b'{"message": "Missing Authentication Token"}', "application/json"),
        (404, b"not json", "application/problem+json"),
        (302, b"", "text/html"),
    ],
)
def test_an_answer_that_is_not_the_apis_is_told_as_such(
    api_client: ApiClient, scripted_api: ScriptedApi, status: int, body: bytes, media_type: str
) -> None:
    """A sign-in page, another server, a redirect or broken JSON never pass for an answer."""
    scripted_api.answer_next(HEALTH, status, body, Content_Type=media_type, Location="/v1/elsewhere")
    with pytest.raises(WrongAnswerError, match="address"):
        api_client.health()
    assert scripted_api.routes() == [HEALTH]


def test_an_endless_answer_is_cut_off(
    api_client: ApiClient, scripted_api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server cannot fill the phone's memory."""
    monkeypatch.setattr(transport, "LARGEST_ANSWER_BYTES", 1000)
    scripted_api.answer_next(HEALTH, 200, bytes(100_000))
    with pytest.raises(WrongAnswerError, match="more than 1000 bytes"):
        api_client.health()


def test_a_file_that_holds_no_certificates_is_refused(tmp_path: Path) -> None:
    """The mistake is told before anything is sent."""
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(UsageError, match="no certificates"):
            ApiClient("https://127.0.0.1", connection=Connection(ca_file=str(tmp_path / name)))


def test_a_server_without_tls_behind_https_is_network_trouble(scripted_api: ScriptedApi, hand_clock: HandClock) -> None:
    """A handshake that fails is an error of the client's own tree."""
    url = scripted_api.url.replace("http:", "https:")
    with ApiClient(url, timing=hand_clock.timing) as client, pytest.raises(NetworkError):
        client.health()
