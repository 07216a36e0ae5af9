"""After a restore of the scorebook: a new epoch for every feed, so that every phone begins anew and misses nothing."""

from pathlib import Path
from typing import Any

import pytest

from local_cloud.cloud import LocalCloud
from maintenance import __main__ as command
from tests.api import Api
from tests.chalicelib.phones import Phone
from tests.chalicelib.restoring import head_of, items_of, renew, restore

NEW_EPOCH = ["new-epoch", "--stage", "local", "--units", "1e9"]


@pytest.fixture
def phone(api: Api) -> Phone:
    """A bowler's phone."""
    return Phone.of_new_user(api)


def _ball(phone: Phone, name: str) -> str:
    change = phone.put("ball", {"name": name})
    assert phone.push(change)[0]["status"] == "applied"
    return str(change["id"])


def _pulled(page: dict[str, Any]) -> set[str]:
    return {change["id"] for change in page["changes"]}


@pytest.mark.usefixtures("cloud")
def test_every_phone_begins_anew(phone: Phone, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cursor goes on among sequences that count anew; after the command it is a reset and brings everything."""
    kept = _ball(phone, "kept")
    then = items_of(phone.user_id)
    _ball(phone, "lost")
    cursor = phone.pull()["cursor"]
    restore(phone.user_id, then)
    # One takes the lost one's sequence, the next is after it.
    new = [_ball(phone, "new"), _ball(phone, "newer")]
    page = phone.pull(cursor)
    assert not page["reset"]
    assert kept not in _pulled(page)
    assert command.main([*NEW_EPOCH, "--position", str(tmp_path / "position")]) == 0
    assert "feeds: got a new epoch" in capsys.readouterr().out
    page = phone.pull(cursor)
    assert page["reset"]
    assert {change["id"] for part in phone.pages() for change in part["changes"]} == {kept, *new}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("cloud")
def test_a_dry_run_counts_feeds_and_writes_nothing(
    phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It tells how many feeds there are, and the cursor goes on."""
    _ball(phone, "first")
    before = head_of(phone.user_id)
    monkeypatch.chdir(tmp_path)
    assert command.main([*NEW_EPOCH, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "feeds: would get a new epoch" in told
    assert "Nothing was written." in told
    assert head_of(phone.user_id) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("cloud")
def test_a_write_beside_it_is_kept(phone: Phone) -> None:
    """A head that moves on between reading and writing keeps its sequence and gets the new epoch all the same."""
    _ball(phone, "first")
    stale = head_of(phone.user_id)
    second = _ball(phone, "second")
    moved = head_of(phone.user_id)
    assert renew(stale) == "feeds: got a new epoch"
    now = head_of(phone.user_id)
    assert now["epoch"] != moved["epoch"]
    assert {**now, "epoch": moved["epoch"]} == moved
    assert ("ball", second) in phone.everything()


@pytest.mark.usefixtures("cloud")
def test_no_other_item_is_touched(phone: Phone) -> None:
    """Entries and outcomes of batches stay as they are."""
    _ball(phone, "first")
    before = items_of(phone.user_id)
    told = {renew(item) for item in before}
    after = items_of(phone.user_id)
    assert told == {"feeds: got a new epoch", "other items: left as they are"}
    assert [item for item in after if item["sk"]["S"] != "HEAD"] == [
        item for item in before if item["sk"]["S"] != "HEAD"
    ]


def test_the_migration_knows_every_item_of_the_scorebook(
    cloud: LocalCloud, phone: Phone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`migrate --table scorebook` finds heads, entries and batches of today's version, and nothing unknown."""
    assert cloud.aws_url
    _ball(phone, "first")
    arguments = ["migrate", "--stage", "local", "--table", "scorebook", "--units", "1e9"]
    assert command.main([*arguments, "--position", str(tmp_path / "position")]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}, version 1: current" in told for name in ("HeadItem", "EntryItem", "BatchItem"))
    assert "unknown" not in told
