"""Captures in the feed."""

from datetime import UTC, datetime

import msgspec
import pytest

from chalicelib.accounts import erasure as accounts
from chalicelib.accounts.closing import AccountClosing
from chalicelib.scorebook import store
from chalicelib.scorebook.captures import PublishedCapture, publish
from tests.api import Api
from tests.chalicelib.people import new_user_id
from tests.chalicelib.phones import Phone

RECEIVED = datetime(2026, 11, 24, 18, 3, 31, tzinfo=UTC)
CAPTURE = PublishedCapture(
    "5f" * 32,
    "SD-000123",
    RECEIVED,
    RECEIVED,
    "verified",
    {"rev_rate": {"value": 312.5, "unit": "rpm", "quality": "good"}},
)


def test_a_capture_comes_down_the_feed_with_its_metrics(api: Api) -> None:
    """Published it is an entry that counts, published again the same one, and with other metrics a newer one."""
    phone = Phone.of_new_user(api)
    publish(phone.user_id, CAPTURE)
    publish(phone.user_id, CAPTURE)
    page = phone.pull()
    (change,) = page["changes"]
    assert (change["id"], change["type"], change["ver"], page["count"]) == (CAPTURE.id, "capture", 1, 1)
    assert change["fields"]["metrics"] == CAPTURE.metrics
    assert (change["fields"]["serial"], change["fields"]["received_at"]) == ("SD-000123", "2026-11-24T18:03:31Z")
    publish(phone.user_id, msgspec.structs.replace(CAPTURE, metrics={}))
    (change,) = phone.pull(page["cursor"])["changes"]
    assert (change["ver"], change["fields"]["metrics"]) == (2, {})


def test_no_client_writes_a_capture(api: Api) -> None:
    """Not even with the id of one that is there."""
    phone = Phone.of_new_user(api)
    publish(phone.user_id, CAPTURE)
    put = phone.put("capture", {"state": "verified"}, CAPTURE.id)
    results = phone.push(put, phone.patch(put, 1, state="damaged"), phone.delete("capture", CAPTURE.id))
    assert [result["status"] for result in results] == ["rejected"] * 3
    (change,) = phone.pull()["changes"]
    assert change["ver"] == 1


@pytest.mark.usefixtures("cloud")
def test_nothing_is_published_into_a_closed_account() -> None:
    """Also into one that never had an entry."""
    user_id = new_user_id()
    accounts.close(user_id)
    with pytest.raises(AccountClosing):
        publish(user_id, CAPTURE)
    assert store.find_head(user_id) is None
