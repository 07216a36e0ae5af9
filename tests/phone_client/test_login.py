"""The login: kept, refreshed before and when it must be, by one thread at a time, and ended clearly."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from phone_client import (
    ApiClient,
    Connection,
    FileTokenStore,
    LoginNeededError,
    MemoryTokenStore,
    ReplyLostError,
    ServerTroubleError,
    TokenStoreError,
    WrongAnswerError,
    WrongPasswordError,
    login,
)
from tests.phone_client.scripted_api import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.phone_client.scripted_api import HandClock, ScriptedApi

REFRESH = "POST /v1/tokens/refresh"
CAPTURES = "GET /v1/captures"


def test_a_request_without_a_login_says_so_and_sends_nothing(api_client: ApiClient, scripted_api: ScriptedApi) -> None:
    """Nobody is logged in, so the caller is told before anything leaves."""
    with pytest.raises(LoginNeededError, match="Log in first"):
        list(api_client.captures())
    assert scripted_api.seen == []


def test_a_wrong_password_keeps_the_login_that_was_there(ada: ApiClient) -> None:
    """A mistyped password is an error of its own and costs nothing."""
    with pytest.raises(WrongPasswordError, match="wrong-password"):
        ada.log_in("ada", "wrong")
    assert ada.username == "ada"
    assert list(ada.captures()) == []


def test_the_access_token_is_refreshed_before_it_expires(
    ada: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock
) -> None:
    """A token that has less than 30 s to live is replaced before it is used."""
    hand_clock.now_s += 871
    list(ada.captures())
    assert scripted_api.routes() == ["POST /v1/tokens", REFRESH, CAPTURES]
    assert scripted_api.seen[-1].headers["Authorization"] == "Bearer access-2"


def test_a_refused_access_token_is_refreshed_once(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A 401 leads to one refresh and the same request again, whatever the clocks say."""
    scripted_api.access.clear()
    list(ada.captures())
    assert scripted_api.routes()[1:] == [CAPTURES, REFRESH, CAPTURES]


def test_a_new_access_token_that_is_refused_too_ends_in_an_error(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A server that refuses every token is not asked for ever."""
    for _ in range(2):
        scripted_api.problem_next(CAPTURES, 401, "not-authenticated")
    with pytest.raises(LoginNeededError, match="log in again"):
        list(ada.captures())
    assert scripted_api.routes()[1:] == [CAPTURES, REFRESH, CAPTURES]


def test_a_refused_refresh_asks_for_a_login(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """An ended login is said once by the server, and known here from then on."""
    scripted_api.access.clear()
    scripted_api.ended = True
    with pytest.raises(LoginNeededError, match=r"has ended.*log in again"):
        list(ada.captures())
    asked = len(scripted_api.seen)
    with pytest.raises(LoginNeededError, match="Log in first"):
        list(ada.captures())
    assert len(scripted_api.seen) == asked
    assert ada.username is None


def test_a_client_shows_that_it_was_logged_in_before(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """Logging in again sends the refresh token of before, also of an ended login, and another user's never."""
    ada.log_in("ada", PASSWORD)
    scripted_api.access.clear()
    scripted_api.ended = True
    with pytest.raises(LoginNeededError):
        list(ada.captures())
    scripted_api.ended = False
    ada.log_in("ada", PASSWORD)
    ada.log_in("bob", PASSWORD)
    sent = [json.loads(one.body).get("refresh_token") for one in scripted_api.seen if one.route == "POST /v1/tokens"]
    assert sent == [None, "refresh-1", "refresh-2", None]
    assert ada.username == "bob"


def test_a_damaged_login_does_not_keep_one_from_logging_in(ada: ApiClient, login_file: Path) -> None:
    """A file that cannot be read is replaced by the login that opens."""
    login_file.write_text("{")
    ada.log_in("ada", PASSWORD)
    assert ada.username == "ada"


def test_a_401_that_is_not_the_apis_leaves_the_login_alone(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A sign-in page of the network answers 401 as well, and must cost nobody a login."""
    scripted_api.access.clear()
    scripted_api.answer_next(REFRESH, 401, b"<html>Sign in</html>", Content_Type="text/html")
    with pytest.raises(WrongAnswerError, match="sign-in page"):
        list(ada.captures())
    assert ada.username == "ada"
    assert list(ada.captures()) == []


def test_a_refresh_whose_reply_was_lost_is_asked_again_with_the_same_token(
    ada: ApiClient, scripted_api: ScriptedApi
) -> None:
    """The server forgives a second use of the token within 10 s, and the login goes on."""
    scripted_api.access.clear()
    scripted_api.lose_reply_next(REFRESH)
    list(ada.captures())
    asked = [one.body for one in scripted_api.seen if one.route == REFRESH]
    assert len(asked) == 2
    assert asked[0] == asked[1]
    scripted_api.access.clear()
    assert list(ada.captures()) == []


def test_a_refresh_that_keeps_failing_stops_inside_the_servers_grace(
    ada: ApiClient, scripted_api: ScriptedApi, hand_clock: HandClock
) -> None:
    """No second use of the token starts later than 7 s after the first, and the login is kept."""
    scripted_api.access.clear()
    started_s = hand_clock.now_s
    scripted_api.lose_reply_next(REFRESH)
    scripted_api.problem_next(REFRESH, 503, "busy", Retry_After="7")
    with pytest.raises(ServerTroubleError, match="busy"):
        list(ada.captures())
    assert hand_clock.now_s - started_s < 7
    assert ada.username == "ada"


def test_a_refresh_in_silence_is_given_up_while_there_is_time_for_another(
    ada: ApiClient, scripted_api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt does not wait until the server's grace is over."""
    monkeypatch.setattr(login, "REFRESH_TIMEOUTS_S", (2.5, 0.1))
    scripted_api.access.clear()
    scripted_api.silence_next(REFRESH)
    assert list(ada.captures()) == []
    assert scripted_api.routes().count(REFRESH) == 2


def test_the_last_attempt_of_a_refresh_may_take_its_time(
    ada: ApiClient, scripted_api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is only slow costs no login when there is no time for another attempt."""
    monkeypatch.setattr(login, "REFRESH_TIMEOUTS_S", (2.5, 0.1))
    monkeypatch.setattr(login, "REPEAT_REFRESH_FOR_S", 0.05)
    scripted_api.access.clear()
    scripted_api.delay_next(REFRESH, 0.4)
    assert list(ada.captures()) == []
    assert scripted_api.routes().count(REFRESH) == 1


def test_a_refresh_lost_at_every_attempt_keeps_the_login(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """A dead network is told as such, and the next call goes on with the same token."""
    scripted_api.access.clear()
    for _ in range(4):
        scripted_api.reset_next(REFRESH)
    with pytest.raises(ReplyLostError, match="login is kept"):
        list(ada.captures())
    assert list(ada.captures()) == []


def test_many_threads_refresh_once(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """Sixteen threads whose token is refused at the same moment use the refresh token one time."""
    scripted_api.access.clear()
    together = threading.Barrier(16)

    def read(_: int) -> int:
        together.wait(10)
        return len(list(ada.captures()))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(read, range(16))) == [0] * 16
    assert scripted_api.routes().count(REFRESH) == 1


def test_two_clients_on_one_file_are_one_login(
    ada: ApiClient, scripted_api: ScriptedApi, login_file: Path, hand_clock: HandClock
) -> None:
    """Two programs with the same file of tokens take turns, and never use one refresh token twice."""
    hand_clock.now_s += 1000
    with (
        ApiClient(scripted_api.url, FileTokenStore(login_file), timing=hand_clock.timing) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        assert [list(one) for one in pool.map(ApiClient.captures, (ada, other))] == [[], []]
        hand_clock.now_s += 1000
        assert [list(one) for one in pool.map(ApiClient.captures, (other, ada))] == [[], []]
    used = [one.body for one in scripted_api.seen if one.route == REFRESH]
    assert len(used) == len(set(used)) == 2


def test_tokens_of_another_api_are_not_sent(scripted_api: ScriptedApi, login_file: Path, ada: ApiClient) -> None:
    """A store that is taken along to another address counts as empty there."""
    assert ada.username == "ada"
    with ApiClient(f"{scripted_api.url}/prod", FileTokenStore(login_file)) as elsewhere:
        assert elsewhere.username is None
        with pytest.raises(LoginNeededError):
            elsewhere.capture("0" * 64)
    assert scripted_api.routes() == ["POST /v1/tokens"]


def test_a_lost_reply_to_a_login_is_not_repeated(api_client: ApiClient, scripted_api: ScriptedApi) -> None:
    """A second sending would leave a login behind that nobody uses."""
    scripted_api.lose_reply_next("POST /v1/tokens")
    with pytest.raises(ReplyLostError, match="try to log in again"):
        api_client.log_in("ada", PASSWORD)
    assert scripted_api.routes() == ["POST /v1/tokens"]


def test_logging_out_ends_the_login_and_forgets_the_tokens(
    ada: ApiClient, scripted_api: ScriptedApi, login_file: Path
) -> None:
    """After a log-out the server has ended the login, and there is nothing on the disk to log in with."""
    scripted_api.lose_reply_next("DELETE /v1/tokens")
    assert ada.log_out()
    assert scripted_api.routes()[1:] == ["DELETE /v1/tokens"] * 2
    assert ada.username is None
    assert not login_file.exists()
    assert ada.log_out()
    assert len(scripted_api.seen) == 3


def test_logging_out_without_the_server_forgets_all_the_same(
    ada: ApiClient, scripted_api: ScriptedApi, login_file: Path
) -> None:
    """A server that has trouble, or is not reached, keeps nobody logged in on this machine."""
    for _ in range(4):
        scripted_api.problem_next("DELETE /v1/tokens", 503, "busy")
    assert not ada.log_out()
    assert not login_file.exists()


def test_a_login_that_cannot_be_kept_is_told(scripted_api: ScriptedApi, tmp_path: Path) -> None:
    """A folder that cannot be made stops the log-in before the password leaves."""
    (tmp_path / "file").write_text("in the way")
    with (
        ApiClient(scripted_api.url, FileTokenStore(tmp_path / "file" / "login.json")) as client,
        pytest.raises(TokenStoreError),
    ):
        client.log_in("ada", PASSWORD)
    assert scripted_api.seen == []


def test_a_token_that_could_break_a_header_is_refused(api_client: ApiClient, scripted_api: ScriptedApi) -> None:
    """A line end in a token is not carried into the next request."""
    grant = b'{"access_token": "a\\r\\nX: 1", "refresh_token": "r", "expires_in": 900}'
    scripted_api.answer_next("POST /v1/tokens", 200, grant)
    with pytest.raises(WrongAnswerError, match="could not be read"):
        api_client.log_in("ada", PASSWORD)
    assert api_client.username is None


def test_a_client_in_memory_forgets_with_the_program(scripted_api: ScriptedApi) -> None:
    """Without a store the tokens live as long as the client, and requests work all the same."""
    with ApiClient(scripted_api.url, MemoryTokenStore(), Connection()) as client:
        client.log_in("ada", PASSWORD)
        assert list(client.captures()) == []
