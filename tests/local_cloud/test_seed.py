from collections.abc import Callable
from pathlib import Path

import pytest

from local_cloud.season import EVENINGS, GAMES_AN_EVENING
from local_cloud.seed import BRIDGE, CAPTURES, PASSWORD, SERIAL, USERNAME
from phone_client import ApiClient, Connection
from phone_client.database import Database
from phone_client.scorebook import Scorebook
from phone_client.scorebook.scores import read_game
from phone_client.sync import SyncEngine
from tests.local_cloud.conftest import PROJECT

from .conftest import CloudProcess

pytestmark = pytest.mark.long


def serve_seeded(run_cloud: Callable[..., CloudProcess], **variables: str) -> tuple[CloudProcess, list[str]]:
    """Serve the project's own app with SEED=1, and return what it told of the account."""
    cloud = run_cloud("serve", "--port", "0", cwd=PROJECT, SEED="1", **variables)
    assert cloud.process.stdout is not None
    told: list[str] = []
    for line in cloud.process.stdout:
        told.append(line)
        if "captures with metrics" in line:
            return cloud, told
    assert cloud.process.stderr is not None
    raise AssertionError(cloud.process.stderr.read())


def test_an_account_to_show(run_cloud: Callable[..., CloudProcess], tmp_path: Path) -> None:
    """With what was told one logs in and finds a bridge, a device and captures with metrics; a restart changes none."""
    cloud, told = serve_seeded(run_cloud, STATE=str(tmp_path / "state"))
    assert any(f"log in as {USERNAME} with the password: {PASSWORD}" in line for line in told)
    first = shown(cloud.urls["API"], None)
    cloud.process.terminate()
    assert cloud.process.wait(20) == 0
    again, _ = serve_seeded(run_cloud, STATE=str(tmp_path / "state"))
    assert shown(again.urls["API"], None) == first


def test_a_season_to_show(run_cloud: Callable[..., CloudProcess], tmp_path: Path) -> None:
    """A phone that logs in finds 36 scored games, statistics, and a practice whose shots name the captures."""
    cloud, _ = serve_seeded(run_cloud)
    with ApiClient(cloud.urls["API"]) as client, Database(tmp_path / "scorebook.db") as database:
        client.log_in(USERNAME, PASSWORD)
        SyncEngine(database, client.sync, client.account.profile().id).sync()
        book = Scorebook(database)
        scores = [read_game(book, game).score for game in book.every("game")]
        captured = {shot.fields["capture_id"] for shot in book.every("shot") if "capture_id" in shot.fields}
        assert captured == {capture.id for capture in client.captures()}
    assert len(scores) == EVENINGS * GAMES_AN_EVENING
    assert all(score.is_complete and not score.problems for score in scores)
    assert len({score.score for score in scores}) > EVENINGS


def test_by_tls(run_cloud: Callable[..., CloudProcess], tmp_path: Path) -> None:
    """The same is made by TLS, bridge and phone trusting the development authority."""
    cloud, _ = serve_seeded(run_cloud, TLS="1", XDG_DATA_HOME=str(tmp_path))
    ca_file = tmp_path / "revmetrix" / "dev-ca.pem"
    captures, bridges = shown(cloud.urls["API"], str(ca_file))
    assert (len(captures), len(bridges)) == (CAPTURES, 1)


def shown(api_url: str, ca_file: str | None) -> tuple[list[str], list[str]]:
    """Hold the account to what it promises, and return its captures and bridges."""
    with ApiClient(api_url, connection=Connection(ca_file=ca_file)) as client:
        client.log_in(USERNAME, PASSWORD)
        assert [device.serial for device in client.lane.devices()] == [SERIAL]
        captures = list(client.captures())
        assert len(captures) == CAPTURES
        assert {capture.device for capture in captures} == {SERIAL}
        states = {client.metrics(capture.id).state for capture in captures}
        assert states == {"ready"}
        bridges = list(client.bridges())
        assert [bridge.name for bridge in bridges] == [BRIDGE]
        assert {capture.bridge_id for capture in captures} == {bridges[0].id}
        return [capture.id for capture in captures], [bridge.id for bridge in bridges]
