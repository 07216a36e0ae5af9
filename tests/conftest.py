"""What all tests share: a local cloud, its API, users, and a capture that is new."""

import os
import signal
import uuid
from collections.abc import Callable, Iterator

import pytest

from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler
from tests.throws import Throw
from tests.tidying import Holding, held_by, tidy

# All tests come from one address, and make more users and mails than one address may; what is throttled is tested with
# limits of the tests' own.
for figure in (
    "LOGIN_FAILURES_PER_ADDRESS",
    "REGISTRATIONS_PER_ADDRESS",
    "PASSWORD_RESETS_PER_ADDRESS",
    "PAIRINGS_PER_ADDRESS",
):
    os.environ[figure] = "0"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in a shell's background: the programs under test would inherit that, and no Ctrl-C would reach them.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_running: list[tuple[LocalCloud, Holding]] = []
_WITH_A_CLOUD = {"local_cloud", "chalicelib", "phone_client", "access", "contract"}
_LONGEST = {"test_contract", "test_migrations", "test_campaigns"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests share a process, where several run them, and let the longest of them begin first.

    A process holds one emulated AWS at a time, and the shared one below stays up from its first use to the end: the
    tests that start emulated clouds of their own come before it. A long test shares a process with its file, which may
    have a cloud to itself.
    """
    items.sort(key=lambda item: ("local_cloud" not in item.path.parts, item.path.stem not in _LONGEST))
    for item in items:
        if group := _group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))


def _group_of(item: pytest.Item) -> str | None:
    if "ministack" in item.path.parts:
        return "ministack"
    if item.get_closest_marker("long"):
        return "/".join(item.path.parts[-2:])
    needs_cloud = _WITH_A_CLOUD & set(item.path.parts) or "cloud" in getattr(item, "fixturenames", ())
    return "cloud" if needs_cloud else None


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    """A local cloud that all tests share; every test makes users of its own."""
    with LocalCloud(access_log=False) as running:
        _running.append((running, held_by(running)))
        yield running
        _running.clear()


@pytest.fixture(scope="module", autouse=True)
def _tidied() -> Iterator[None]:
    """The tests of each file find the shared cloud as the first ones did, and as quick."""
    before = [held_by(cloud) for cloud, _ in _running]
    yield
    for cloud, at_first in _running:
        tidy(cloud, before[0] if before else at_first)


@pytest.fixture(scope="session")
def api(cloud: LocalCloud) -> Iterator[Api]:
    """The API of the shared local cloud."""
    assert cloud.api_url is not None
    client = Api(cloud.api_url)
    yield client
    client.close()


@pytest.fixture
def new_bowler(api: Api) -> Callable[[], Bowler]:
    """Make users."""

    def make() -> Bowler:
        username = f"bowler-{uuid.uuid4().hex}"
        registration = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
        assert api("POST", "/v1/users", json=registration).status == 201
        tokens = api("POST", "/v1/tokens", json={"username": username, "password": PASSWORD}).json
        return Bowler(api, username, tokens["access_token"], tokens["refresh_token"])

    return make


@pytest.fixture
def bowler(new_bowler: Callable[[], Bowler]) -> Bowler:
    """A user."""
    return new_bowler()


@pytest.fixture
def capture() -> bytes:
    """A capture that no other test has."""
    return Throw(record=uuid.uuid4().int % (2**32 - 1) + 1).capture()
