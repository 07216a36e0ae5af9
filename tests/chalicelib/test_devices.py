"""Devices: claims in time, one holder at each moment, whatever happens at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chalicelib.accounts import service, throttling
from chalicelib.accounts.closing import CLOSING, AccountClosing
from chalicelib.accounts.items import UserItem, user_key
from chalicelib.accounts.throttling import Try
from chalicelib.devices import bridges, claim_times, claims, holders, pairings
from chalicelib.devices.items import ClaimItem, HolderItem
from chalicelib.devices.model import DeviceChange, NewDevice, PairingApproval
from chalicelib.devices.store import device_key
from chalicelib.errors import NotFound, Problem
from local_cloud.cloud import LocalCloud
from tests.api import Answer, Bowler
from tests.chalicelib.lanes import new_serial, new_user

NOW_OR_SO = timedelta(minutes=1)


@pytest.fixture
def serial() -> str:
    """A device that no other test has."""
    return new_serial()


def _claim(bowler: Bowler, serial: str, **fields: Any) -> Answer:
    return bowler("POST", "/v1/devices", json={"serial": serial, **fields})


def _patch(bowler: Bowler, serial: str, tag: str = "*", **fields: Any) -> Answer:
    return bowler("PATCH", f"/v1/devices/{serial}", json=fields, headers={"If-Match": tag})


def _release(bowler: Bowler, serial: str, tag: str = "*") -> Answer:
    return bowler("DELETE", f"/v1/devices/{serial}", headers={"If-Match": tag})


def _ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def _user_id(bowler: Bowler) -> str:
    return service.authenticate(bowler.token).user_id


def test_a_device_is_claimed_shown_and_listed(bowler: Bowler, serial: str) -> None:
    """A claim begins now, has the serial for a name, and is the same wherever it is shown."""
    made = _claim(bowler, serial)
    assert (made.status, made.headers["location"]) == (201, f"devices/{serial}")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(made.json["from"])) < NOW_OR_SO
    assert (made.json["name"], made.json["ball_id"], made.json["until"]) == (serial, None, None)
    shown = bowler("GET", f"/v1/devices/{serial}")
    assert (shown.json, shown.headers["etag"]) == (made.json, made.headers["etag"])
    assert bowler("GET", "/v1/devices").json == {"items": [made.json], "next": None}


def test_a_claim_repeated_after_a_lost_reply_changes_nothing(bowler: Bowler, serial: str) -> None:
    """Who has a device and claims it again gets the claim that there is."""
    made = _claim(bowler, serial, name="first")
    again = _claim(bowler, serial, name="second", **{"from": _ago(days=1)})
    assert (again.status, again.json, again.headers["etag"]) == (200, made.json, made.headers["etag"])


def test_what_another_has_is_refused_and_not_told(
    bowler: Bowler, new_bowler: Callable[[], Bowler], serial: str
) -> None:
    """A claim of another's device is a 409 that says nothing of who it is; the device itself looks like none."""
    _claim(bowler, serial)
    other = new_bowler()
    refused = _claim(other, serial)
    assert (refused.status, refused.problem) == (409, "device-taken")
    assert bowler.username not in refused.data.decode()
    assert _user_id(bowler) not in refused.data.decode()
    unknown = new_serial()
    for foreign, missing in (
        (other("GET", f"/v1/devices/{serial}"), other("GET", f"/v1/devices/{unknown}")),
        (_patch(other, serial, name="x"), _patch(other, unknown, name="x")),
        (_release(other, serial), _release(other, unknown)),
    ):
        assert (foreign.status, foreign.data) == (missing.status, missing.data)
        assert foreign.status == 404
    assert bowler("GET", f"/v1/devices/{serial}").json["until"] is None


def test_a_released_device_changes_hands(bowler: Bowler, new_bowler: Callable[[], Bowler], serial: str) -> None:
    """After a release it is free for another; each sees one's own history alone."""
    _claim(bowler, serial, name="mine")
    assert _release(bowler, serial).status == 204
    other = new_bowler()
    assert _claim(other, serial, name="hers").status == 201
    ended = bowler("GET", f"/v1/devices/{serial}").json
    assert ended["name"] == "mine"
    assert ended["until"] is not None
    assert ended["until"] <= other("GET", f"/v1/devices/{serial}").json["from"]
    assert [item["name"] for item in other("GET", "/v1/devices").json["items"]] == ["hers"]
    assert _patch(bowler, serial, name="x").status == 404
    assert _claim(bowler, serial).problem == "device-taken"


def test_a_release_repeated_is_done_and_an_old_one_ends_no_new_claim(bowler: Bowler, serial: str) -> None:
    """A second release of the same claim is a success; sent after a new claim, its old ETag does not fit."""
    tag = _claim(bowler, serial).headers["etag"]
    assert [_release(bowler, serial, tag).status for _ in range(2)] == [204, 204]
    assert _claim(bowler, serial).status == 201
    assert _release(bowler, serial, tag).problem == "precondition-failed"
    assert bowler("GET", f"/v1/devices/{serial}").json["until"] is None


def test_a_change_needs_the_version_that_it_changes(bowler: Bowler, serial: str) -> None:
    """Without If-Match 428, with an old one 412, and the right one changes what was named and nothing else."""
    first = _claim(bowler, serial, name="old", ball_id="Phaze II")
    assert bowler("PATCH", f"/v1/devices/{serial}", json={"name": "x"}).problem == "precondition-required"
    assert bowler("DELETE", f"/v1/devices/{serial}").problem == "precondition-required"
    changed = _patch(bowler, serial, first.headers["etag"], name="new")
    assert changed.json == {**first.json, "name": "new"}
    assert changed.headers["etag"] != first.headers["etag"]
    assert _patch(bowler, serial, first.headers["etag"], name="x").problem == "precondition-failed"
    assert _patch(bowler, serial, changed.headers["etag"], ball_id=None).json == {**changed.json, "ball_id": None}


@pytest.mark.parametrize(
    ("begins", "path"),
    [
        ({"minutes": -10}, "$.from"),
        ({"days": 91}, "$.from"),
    ],
)
def test_a_claim_begins_within_reach(bowler: Bowler, serial: str, begins: dict[str, float], path: str) -> None:
    """Not in the future, and not more than 90 days ago."""
    refused = _claim(bowler, serial, **{"from": _ago(**begins)})
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, path)
    assert bowler("GET", f"/v1/devices/{serial}").status == 404


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59Z"]
)
def test_the_ends_of_the_calendar_are_out_of_reach(bowler: Bowler, serial: str, moment: str) -> None:
    """The first and the last moments that can be written, in whatever zone, begin no claim: neither new nor earlier."""
    refused = _claim(bowler, serial, **{"from": moment})
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.from")
    assert _claim(bowler, serial).status == 201
    refused = _patch(bowler, serial, **{"from": moment})
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.from")


def test_devices_need_an_open_login(bowler: Bowler, serial: str) -> None:
    """After log-out an access token that has not expired claims, changes and releases no device."""
    claimed = _claim(bowler, serial, name="mine")
    assert bowler("DELETE", "/v1/tokens").status == 204
    calls = [_claim(bowler, new_serial()), _patch(bowler, serial, name="x"), _release(bowler, serial)]
    assert [call.status for call in calls] == [401] * 3
    assert bowler("GET", f"/v1/devices/{serial}").json == claimed.json


def test_claims_of_a_day_are_bounded(
    bowler: Bowler, new_bowler: Callable[[], Bowler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever claims one free serial after another is stopped; what one has already and others' claims are not."""
    monkeypatch.setattr(throttling, "CLAIMS_A_DAY", 3)
    serials = [new_serial() for _ in range(4)]
    answers = [_claim(bowler, serial) for serial in serials]
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert answers[-1].problem == "too-many-tries"
    assert int(answers[-1].headers["retry-after"]) > 0
    assert _claim(bowler, serials[0]).status == 200
    assert _claim(new_bowler(), serials[3]).status == 201


def test_a_phone_whose_clock_is_ahead_claims_now(bowler: Bowler, serial: str) -> None:
    """What a clock of four minutes ahead calls now is now."""
    made = _claim(bowler, serial, **{"from": _ago(minutes=-4)})
    assert made.status == 201
    assert datetime.fromisoformat(made.json["from"]) <= datetime.now(UTC)


@pytest.mark.parametrize("serial", ["", "a" * 17, "SD#1", "SD/1", "ä", 7, None])
def test_a_serial_is_one_that_a_device_can_have(bowler: Bowler, serial: object) -> None:
    """Any other text is refused as a claim, and is like a missing device in a path."""
    assert bowler("POST", "/v1/devices", json={"serial": serial}).problem == "invalid-request"


def test_nobodys_time_is_claimed_twice(bowler: Bowler, new_bowler: Callable[[], Bowler], serial: str) -> None:
    """A claim may begin in the past, but not while somebody had the device, oneself included."""
    assert _claim(bowler, serial, **{"from": _ago(days=2)}).status == 201
    _release(bowler, serial)
    other = new_bowler()
    assert _claim(other, serial, **{"from": _ago(days=1)}).problem == "claim-overlaps"
    assert _claim(bowler, serial, **{"from": _ago(days=1)}).problem == "claim-overlaps"
    assert _claim(other, serial).status == 201


def test_a_claim_may_be_let_begin_earlier(bowler: Bowler, new_bowler: Callable[[], Bowler], serial: str) -> None:
    """Over a free time it may, back to the end of the claim before; later it may not."""
    _claim(bowler, serial, **{"from": _ago(days=20)})
    _release(bowler, serial)
    other = new_bowler()
    begun = _claim(other, serial).json["from"]
    released = bowler("GET", f"/v1/devices/{serial}").json["until"]
    assert _patch(other, serial, **{"from": _ago(days=1)}).problem == "claim-overlaps"
    assert _patch(other, serial, **{"from": _ago(seconds=-1)}).problem == "invalid-request"
    assert _patch(other, serial, **{"from": begun}).status == 200
    assert _patch(other, serial, **{"from": released}).json["from"] == released
    assert holders.holder_at(serial, datetime.fromisoformat(released)) == _user_id(other)


def test_devices_are_walked_to_their_end(bowler: Bowler) -> None:
    """Parts of two give each claim once; a cursor of another list is refused."""
    made = {_claim(bowler, new_serial()).json["serial"] for _ in range(5)}
    seen: list[str] = []
    path = "/v1/devices?limit=2"
    while path:
        part = bowler("GET", path).json
        seen += [item["serial"] for item in part["items"]]
        path = f"/v1/devices?limit=2&cursor={part['next']}" if part["next"] else ""
    assert (sorted(seen), len(seen)) == (sorted(made), 5)
    for cursor in ("WyJVU0VSIl0", "WyJERVZJQ0UjYSMxIl0", "x"):
        assert bowler("GET", f"/v1/devices?cursor={cursor}").problem == "invalid-query"


def test_nobody_sets_what_the_server_sets(bowler: Bowler, serial: str) -> None:
    """Version, number, holder and end are no fields of a request."""
    for field in ("until", "version", "user_id", "number", "not_before"):
        assert _claim(bowler, serial, **{field: "1"}).problem == "invalid-request"
    _claim(bowler, serial)
    for field in ("until", "version", "user_id", "serial"):
        refused = bowler("PATCH", f"/v1/devices/{serial}", json={field: "1"}, headers={"If-Match": "*"})
        assert refused.problem == "invalid-request"


def test_guessing_serials_is_bounded(bowler: Bowler, new_bowler: Callable[[], Bowler]) -> None:
    """Ten claims of what others have, and there are no more for a while; who has guessed nothing is not held up."""
    taken = [new_serial() for _ in range(11)]
    for serial in taken:
        assert _claim(bowler, serial).status == 201
    other = new_bowler()
    answers = [_claim(other, serial) for serial in taken]
    assert [answer.problem for answer in answers] == ["device-taken"] * 10 + ["too-many-tries"]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert _claim(bowler, new_serial()).status == 201


@pytest.mark.parametrize("_round", range(5))
def test_racing_claims_have_one_winner(cloud: LocalCloud, serial: str, _round: int) -> None:
    """Eight users claim one device at the same moment: one has it, seven are told, and there is one claim."""
    assert cloud.aws_url
    users = [new_user() for _ in range(8)]

    def claim(user_id: str) -> str:
        try:
            return "won" if claims.claim(user_id, NewDevice(serial))[1] else "again"
        except claims.DeviceTaken:
            return "taken"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(claim, users))
    assert sorted(outcomes) == ["taken"] * 7 + ["won"]
    assert holders.holder_at(serial, datetime.now(UTC)) == users[outcomes.index("won")]
    assert len(list(ClaimItem.query(device_key(serial), ClaimItem.sk.startswith(ClaimItem.SK_PREFIX)))) == 1


def test_racing_changes_of_one_version_have_one_winner(cloud: LocalCloud, serial: str) -> None:
    """Of four changes of one version one is made, and the others are told that it has changed."""
    assert cloud.aws_url
    user_id = new_user()
    device, _ = claims.claim(user_id, NewDevice(serial))
    versions = frozenset({int(device.version)})

    def change(name: str) -> bool:
        try:
            claims.change(user_id, serial, DeviceChange(name=name), versions)
        except Problem as problem:
            assert problem.name == "precondition-failed"  # noqa: PT017 - the exception of each thread is looked at
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(change, ["a", "b", "c", "d"])) == 1
    assert claims.show(user_id, serial).version == device.version + 1


def test_an_admin_releases_whoever_has_it(cloud: LocalCloud, serial: str) -> None:
    """A release for an admin ends the claim, tells the audit whose it was, and leaves an ended one as it is."""
    assert cloud.aws_url
    user_id, had = new_user(), []

    def recorded(holder: HolderItem) -> None:
        had.append(holder.user_id)

    with pytest.raises(NotFound):
        claims.release_for(serial, None, recorded)
    claims.claim(user_id, NewDevice(serial))
    assert [claims.release_for(serial, None, recorded) for _ in range(2)] == [True, False]
    assert had == [user_id]
    assert holders.holder_at(serial, datetime.now(UTC)) is None


def test_a_closing_account_makes_nothing_new(cloud: LocalCloud, serial: str) -> None:
    """Neither a claim nor a bridge nor an approval is made for a user who is being erased."""
    assert cloud.aws_url
    user_id = new_user()
    UserItem(user_key(user_id), UserItem.SK).update(actions=[UserItem.state.set(CLOSING)])
    code = pairings.begin("0" * 64, "192.0.2.8").code
    makes: tuple[Callable[[], object], ...] = (
        lambda: claims.claim(user_id, NewDevice(serial)),
        lambda: bridges.add_bridge(user_id, "lane 7"),
        lambda: pairings.approve(user_id, PairingApproval(code)),
    )
    for make in makes:
        with pytest.raises(AccountClosing):
            make()
    assert holders.holder_at(serial, datetime.now(UTC)) is None
    assert bridges.overview(user_id, 10, None).items == ()


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 6, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time


class Claims(RuleBasedStateMachine):
    """Three users and one device, beside a plain list of who had it from when until when."""

    users: ClassVar[list[str]] = []
    clock: ClassVar[Clock] = Clock()

    def __init__(self) -> None:
        super().__init__()
        self.clock.time = datetime(2026, 6, 1, tzinfo=UTC)
        self.serial = new_serial()
        self.model: list[list[Any]] = []
        self.asked: list[datetime] = [self.clock.time]

    @rule(days=st.floats(0, 40))
    def wait(self, days: float) -> None:
        """Let time pass."""
        self.clock.time += timedelta(days=days)

    @property
    def open(self) -> list[Any] | None:
        """The claim that has not ended."""
        return self.model[-1] if self.model and self.model[-1][2] is None else None

    @rule(user=st.integers(0, 2), days_ago=st.one_of(st.none(), st.floats(0.001, 89)))
    def claim(self, user: int, days_ago: float | None) -> None:
        """Claim it, now or since some day."""
        begins = None if days_ago is None else self.clock.time - timedelta(days=days_ago)
        last_end = self.model[-1][2] if self.model else None
        try:
            item, is_new = claims.claim(self.users[user], NewDevice(self.serial, begins=begins))
        except claims.DeviceTaken:
            assert self.open is not None
            assert self.open[0] != user
        except claim_times.ClaimOverlaps:
            assert begins is not None
            assert last_end is not None
            assert begins < last_end
        else:
            assert is_new == (self.open is None)
            if is_new:
                self._add(user, datetime.fromisoformat(item.from_), begins)

    def _add(self, user: int, begun: datetime, begins: datetime | None) -> None:
        assert begins is None or begun == begins
        self.model.append([user, begun, None])
        self.asked.append(begun)

    @precondition(lambda self: self.open)
    @rule(days=st.floats(-1, 60))
    def begin_earlier(self, days: float) -> None:
        """Move the beginning of the claim."""
        assert self.open is not None
        wanted = self.open[1] - timedelta(days=days)
        before = self.model[-2][2] if len(self.model) > 1 else None
        allowed = wanted == self.open[1] or self.clock.time - claim_times.LONGEST_AGO <= wanted < self.open[1]
        try:
            claims.change(self.users[self.open[0]], self.serial, DeviceChange(begins=wanted), None)
        except Problem:
            assert not allowed or (before is not None and wanted < before)
        else:
            assert allowed
            assert wanted == self.open[1] or before is None or wanted >= before
            self.open[1] = wanted
            self.asked.append(wanted)

    @rule(user=st.integers(0, 2))
    def release(self, user: int) -> None:
        """Release it, whether it is the user's or not."""
        try:
            claims.release(self.users[user], self.serial, None)
        except NotFound:
            assert not self.model or self.model[-1][0] != user
            return
        assert self.model[-1][0] == user
        self.model[-1][2] = datetime.fromisoformat(str(claims.show(self.users[user], self.serial).until))
        self.asked.append(self.model[-1][2])

    @invariant()
    def the_holder_is_the_models(self) -> None:
        """At each moment that matters, and right before and after it, the device is whose the model says."""
        for moment in self.asked[-2:] + self.asked[:1]:
            for at in (moment - timedelta(microseconds=1), moment, moment + timedelta(microseconds=1)):
                had = [claim[0] for claim in self.model if claim[1] <= at and (claim[2] is None or at < claim[2])]
                assert len(had) <= 1
                assert holders.holder_at(self.serial, at) == (self.users[had[0]] if had else None)


def test_at_each_moment_a_device_is_one_users(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is claimed, moved and released, the device's history is that of a plain list."""
    assert cloud.aws_url
    monkeypatch.setattr(claim_times, "now", Claims.clock)
    # Ten refused claims in a quarter of an hour are another test's matter.
    monkeypatch.setattr(throttling, "take", lambda *_: Try("", "", "", 0))
    Claims.users[:] = [new_user() for _ in range(3)]
    few = settings(
        max_examples=8,
        stateful_step_count=12,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(Claims, settings=few)
