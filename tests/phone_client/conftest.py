"""Fixtures: the API as a small real server, a clock by hand, and clients of the two."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from phone_client import ApiClient, FileTokenStore
from tests.phone_client.scripted_api import PASSWORD, HandClock, ScriptedApi


@pytest.fixture
def hand_clock() -> HandClock:
    """Time that passes only when somebody sleeps or the test moves it."""
    return HandClock()


@pytest.fixture
def scripted_api(hand_clock: HandClock) -> Iterator[ScriptedApi]:
    """A server that answers as the API does, until the test spoils its answers."""
    api = ScriptedApi(hand_clock)
    try:
        yield api
    finally:
        api.stop()


@pytest.fixture
def login_file(tmp_path: Path) -> Path:
    """Where the login of `api_client` is kept."""
    return tmp_path / "state" / "login.json"


@pytest.fixture
def api_client(scripted_api: ScriptedApi, hand_clock: HandClock, login_file: Path) -> Iterator[ApiClient]:
    """A client of the scripted API, with its login in a file; nobody is logged in yet."""
    with ApiClient(scripted_api.url, FileTokenStore(login_file), timing=hand_clock.timing) as client:
        yield client


@pytest.fixture
def ada(api_client: ApiClient) -> ApiClient:
    """The same client, logged in."""
    api_client.log_in("ada", PASSWORD)
    return api_client
