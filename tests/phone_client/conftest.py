"""Fixtures: the API as a small real server, a clock by hand, and clients of the two."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from phone_client import ApiClient, FileTokenStore
from phone_client.cli import main
from tests.api import PASSWORD as BOWLERS_PASSWORD
from tests.api import Api, Bowler
from tests.phone_client.command_line import Printed, Run
from tests.phone_client.phones import Phone
from tests.phone_client.scripted_api import PASSWORD, HandClock, ScriptedApi
from tests.phone_client.sync_model import ModelServer
from tests.phone_client.sync_network import Between, NewPhone


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


@pytest.fixture
def bowler_client(api: Api, bowler: Bowler) -> Iterator[ApiClient]:
    """A client of the real API on a phone of its own, logged in as the bowler."""
    with ApiClient(api.url) as client:
        client.log_in(bowler.username, BOWLERS_PASSWORD)
        yield client


@pytest.fixture
def run(
    api: Api, bowler: Bowler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command of the bowler, who is logged in; `typed` goes to standard input, a line each."""
    monkeypatch.setenv("PHONE_CLIENT_API", api.url)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def command(*arguments: str, typed: tuple[str, ...] = ()) -> Printed:
        lines = "".join(f"{line}\n" for line in typed)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
        code = main(arguments)
        printed = capsys.readouterr()
        return Printed(code, printed.out, printed.err)

    assert command("log-in", bowler.username, "--password-stdin", typed=(BOWLERS_PASSWORD,)).code == 0
    return command


@pytest.fixture
def server() -> ModelServer:
    """A server with nothing in it."""
    return ModelServer()


@pytest.fixture
def network(server: ModelServer) -> Between:
    """The way of the first phone to it."""
    return Between(server)


@pytest.fixture
def new_phone(server: ModelServer, network: Between, tmp_path: Path) -> Iterator[NewPhone]:
    """Makes phones of one user; the first one's network is `network`."""
    phones: list[Phone] = []

    def make() -> Phone:
        number = len(phones)
        chance = random.Random(number)  # noqa: S311 - the same in every run
        way = server if phones else network
        phones.append(Phone(number, tmp_path / str(number), way, chance, lambda: server.now_s))
        return phones[-1]

    yield make
    for phone in phones:
        phone.close()


@pytest.fixture
def phone(new_phone: NewPhone) -> Phone:
    """The first phone."""
    return new_phone()
