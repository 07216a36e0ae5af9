"""How many exports there are in a day."""

import pytest

from chalicelib import jobs
from chalicelib.accounts import closing, throttling
from chalicelib.accounts.items import UserItem, user_key
from chalicelib.privacy import exporting, store
from local_cloud.cloud import LocalCloud
from tests.chalicelib.people import new_user_id


@pytest.fixture(autouse=True)
def _unsent(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes an archive here."""
    assert cloud.aws_url
    monkeypatch.setattr(jobs, "send", lambda *_: None)


def _finish(user_id: str) -> None:
    export = store.find(user_id)
    assert export is not None
    store.set_ready(user_id, export, export.requested_at, 1, int(export.expires_at))


def test_exports_of_a_day_are_bounded() -> None:
    """After three whole archives there is no further one that day, the last one stays, and others have theirs."""
    user_id = new_user_id()
    asked = []
    for _ in range(throttling.EXPORTS_A_DAY):
        asked.append(exporting.request(user_id).id)
        assert exporting.request(user_id).id == asked[-1]
        _finish(user_id)
    with pytest.raises(throttling.TooManyTries) as refused:
        exporting.request(user_id)
    assert 0 < int(refused.value.headers["Retry-After"]) <= throttling.DAY_S
    assert exporting.show(user_id).id == asked[-1]
    assert len(set(asked)) == throttling.EXPORTS_A_DAY == 3
    assert exporting.request(new_user_id()).state == "queued"


def test_a_refused_export_does_not_count() -> None:
    """What was not begun, for the account is being deleted, takes none of the day's exports."""
    user_id = new_user_id()
    UserItem(user_key(user_id), UserItem.SK).update(actions=[UserItem.state.set(closing.CLOSING)])
    for _ in range(throttling.EXPORTS_A_DAY + 1):
        with pytest.raises(closing.AccountClosing):
            exporting.request(user_id)
