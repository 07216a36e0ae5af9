"""Captures from before there was a scorebook: a command puts them into the feeds, once."""

from pathlib import Path

import pytest

from chalicelib.captures import store as captures
from chalicelib.captures.places import inbox_of
from chalicelib.scorebook import store as scorebook
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from maintenance import __main__ as command
from maintenance.feed import OTHERS, publishing_old
from maintenance.walk import Pace
from tests.api import Api
from tests.chalicelib import dump
from tests.chalicelib.lanes import bring, capture_of, new_bridge, new_serial, new_user
from tests.chalicelib.phones import Phone
from tests.chalicelib.tickets import sha256_of

PATIENCE_S = 30.0


def _before_the_scorebook(phone: Phone) -> None:
    """Take away what a user has in the scorebook."""
    table = settings().scorebook_table
    with dump.client("dynamodb") as client:
        query = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"U#{phone.user_id}"}},
        }
        for item in client.query(TableName=table, **query)["Items"]:
            client.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})


def _run(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    arguments = [
        "publish-captures",
        "--stage",
        "local",
        "--units",
        "1e9",
        "--position",
        str(folder / "position"),
        *more,
    ]
    assert command.main(arguments) == 0
    return capsys.readouterr().out


def test_old_captures_come_into_the_feed_once(
    cloud: LocalCloud, api: Api, capture: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run writes nothing; a run puts the capture there as its arrival would have; another one changes nothing."""
    phone = Phone.of_new_user(api)
    phone.bowler.post_capture(capture)
    cloud.pump.drain(PATIENCE_S)
    # Where its event was handled before its row was there, the feed has a second version.
    ((key, entry),) = phone.everything().items()
    expected = {key: {**entry, "ver": 1}}
    _before_the_scorebook(phone)
    assert "captures: would be put into the feed" in _run(tmp_path, capsys, "--dry-run")
    assert phone.everything() == {}
    assert "captures: put into the feed" in _run(tmp_path, capsys)
    assert phone.everything() == expected
    cursor = phone.pull()["cursor"]
    told = _run(tmp_path, capsys)
    assert "captures: in the feed already" in told
    assert "captures: put into the feed" not in told
    assert phone.pull(cursor)["cursor"] == cursor


def test_what_waits_in_an_inbox_is_left(cloud: LocalCloud) -> None:
    """A capture of an unclaimed device comes into no feed, not even that of the bridge's owner."""
    assert cloud.aws_url
    owner, data = new_user(), capture_of(new_serial())
    bring(new_bridge(owner, "lane"), data)
    assert captures.find(inbox_of(owner), sha256_of(data)) is not None
    item = {"pk": {"S": f"U#{inbox_of(owner)}"}, "sk": {"S": f"C#{sha256_of(data)}"}}
    assert publishing_old(Pace(1e9), is_dry=False)(item) == OTHERS
    assert all(scorebook.find_head(place) is None for place in (owner, inbox_of(owner)))
