"""ministack with the project's resources, and the app against it; skipped with a reason where ministack is missing."""

import os
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.api import PASSWORD, Api, Bowler
from tests.ministack.served_app import ServedApp, served_app
from tests.ministack.stack import PROGRAM, ministack

MISSING = "ministack is not installed in .venv-ministack: make ministack"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here starts processes: it runs with the long tests."""
    for item in items:
        if "ministack" in item.path.parts:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """The URL of ministack."""
    if not PROGRAM.exists():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with ministack() as url:
        yield url


@pytest.fixture(scope="session")
def apps(aws_url: str) -> Iterator[list[ServedApp]]:
    """The app in two processes, as Lambda runs it in many."""
    with served_app(aws_url) as one, served_app(aws_url) as other:
        yield [one, other]


@pytest.fixture(scope="session")
def api(apps: list[ServedApp]) -> Iterator[Api]:
    """The API of one of them."""
    client = Api(apps[0].url)
    yield client
    client.close()


def unique_name() -> str:
    """Return a username that no other test has."""
    return f"bowler-{uuid.uuid4().hex}"


def register(api: Api, username: str, password: str = PASSWORD) -> int:
    """Register a user, and return the answer's status."""
    fields = {"username": username, "email": f"{username}@example.org", "password": password}
    return api("POST", "/v1/users", json=fields).status


@pytest.fixture
def new_bowler(api: Api) -> Callable[[], Bowler]:
    """Make users."""

    def make() -> Bowler:
        username = unique_name()
        assert register(api, username) == 201
        tokens = api("POST", "/v1/tokens", json={"username": username, "password": PASSWORD}).json
        return Bowler(api, username, tokens["access_token"], tokens["refresh_token"])

    return make


@pytest.fixture
def bowler(new_bowler: Callable[[], Bowler]) -> Bowler:
    """A user."""
    return new_bowler()
