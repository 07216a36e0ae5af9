"""Deleting, bringing back, closing and exporting: what an entry's end means for everything around it."""

import io
import json
import zipfile
from typing import Any

import pytest
import urllib3

from chalicelib import jobs, partition
from chalicelib.accounts import erasure as accounts
from chalicelib.accounts.closing import AccountClosing
from chalicelib.privacy import erasing, events, sources
from chalicelib.scorebook import digest, erasure, holdings, pulling, store
from chalicelib.scorebook.changes import Change
from chalicelib.scorebook.items import ScorebookRow
from chalicelib.scorebook.writing import write
from local_cloud.cloud import LocalCloud
from tests.api import Api, Bowler
from tests.chalicelib.people import new_user_id
from tests.chalicelib.phones import STARTED, Json, Phone
from tests.chalicelib.test_aws_calls import POLICIES, _is_allowed, _requested
from tests.chalicelib.wire import Wire


@pytest.fixture
def phone(api: Api) -> Phone:
    """A bowler's phone."""
    return Phone.of_new_user(api)


@pytest.fixture
def phone_of_login(bowler: Bowler) -> Phone:
    """The phone of a bowler who logged in, for what asks for a login."""
    return Phone(bowler)


@pytest.fixture
def sent(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> list[jobs.Job]:
    """The jobs that would have been sent: the test does them itself."""
    cloud.pump.drain(30)
    waiting: list[jobs.Job] = []
    monkeypatch.setattr(jobs, "send", lambda job, _delay_s=0.0: waiting.append(job))
    return waiting


def _session_of(phone: Phone) -> tuple[Json, Json, Json, Json]:
    session = phone.put("session", {"started_at": STARTED})
    game = phone.put("game", {"session_id": session["id"], "game_number": 1})
    links = {"session_id": session["id"], "game_id": game["id"], "frame_number": 1}
    shot = phone.put("shot", {**links, "shot_number": 1, "count": 3})
    frame = phone.put("frame", {"game_id": game["id"], "frame_number": 1, "comment": "split"})
    assert [result["status"] for result in phone.push(session, game, shot, frame)] == ["applied"] * 4
    return session, game, shot, frame


def _do(sent: list[jobs.Job]) -> None:
    while sent:
        events.run(sent.pop(0), "message")


def test_a_deleted_session_takes_everything_with_it(phone: Phone, sent: list[jobs.Job]) -> None:
    """Its games, frames and shots come down the feed as tombstones, and nothing else does."""
    _session_of(phone)
    other = _session_of(phone)
    cursor = phone.pull()["cursor"]
    (result,) = phone.push(phone.delete("session", other[0]["id"], 1))
    assert (result["status"], result["ver"]) == ("applied", 2)
    _do(sent)
    page = phone.pull(cursor)
    assert {(change["id"], change["deleted"]) for change in page["changes"]} == {(each["id"], True) for each in other}
    assert page["count"] == 4


def test_a_deleted_game_leaves_its_session(phone: Phone, sent: list[jobs.Job]) -> None:
    """Its frames and shots go, other shots of the session stay."""
    session, game, _, _ = _session_of(phone)
    loose = phone.shot(session["id"])
    phone.push(loose)
    phone.push(phone.delete("game", game["id"]))
    _do(sent)
    live = {entry_id for (_, entry_id), change in phone.everything().items() if not change["deleted"]}
    assert live == {session["id"], loose["id"]}


def test_a_deleted_event_leaves_its_sessions(phone: Phone, sent: list[jobs.Job]) -> None:
    """A season that is forgotten does not forget the evenings; a ball that is sold does not forget its shots."""
    event = phone.put("event", {"name": "league", "kind": "league"})
    session = phone.put("session", {"started_at": STARTED, "event_id": event["id"]})
    phone.push(event, session)
    phone.push(phone.delete("event", event["id"]))
    assert sent == []
    (change,) = [each for (_, entry_id), each in phone.everything().items() if entry_id == session["id"]]
    assert (change["deleted"], change["fields"]["event_id"]) == (False, event["id"])
    assert phone.push(phone.patch(session, 1, comment="still mine"))[0]["status"] == "applied"


@pytest.mark.parametrize("is_brought_back", [False, True])
def test_a_parent_that_comes_and_goes_in_one_push_leaves_nothing(
    phone: Phone, sent: list[jobs.Job], *, is_brought_back: bool
) -> None:
    """What was made below it in the same push goes with it, whether the parent is new or was brought back."""
    session = phone.put("session", {"started_at": STARTED})
    if is_brought_back:
        phone.push(session)
        (deleted,) = phone.push(phone.delete("session", session["id"]))
        _do(sent)
        session = {**session, "base_ver": deleted["ver"]}
    game = phone.put("game", {"session_id": session["id"], "game_number": 1})
    shot = phone.shot(session["id"], game_id=game["id"], frame_number=1)
    results = phone.push(session, game, shot, phone.delete("game", game["id"]), phone.delete("session", session["id"]))
    assert [result["status"] for result in results] == ["applied"] * 5
    _do(sent)
    assert all(change["deleted"] for change in phone.everything().values())
    assert phone.pull()["count"] == 0


def test_what_belongs_to_something_deleted_counts_as_deleted_at_once(phone: Phone, sent: list[jobs.Job]) -> None:
    """Before the job came: a note is answered as merged into a tombstone, a score and a new shot are rejected."""
    session, game, shot, frame = _session_of(phone)
    phone.push(phone.delete("session", session["id"]))
    assert len(sent) == 1
    note, score, new, noted, put = phone.push(
        phone.patch(shot, 1, comment="late"),
        phone.patch(shot, 1, count=4),
        phone.shot(session["id"], game_id=game["id"], frame_number=2),
        phone.patch(frame, 1, comment="late"),
        {**shot, "fields": {**shot["fields"], "count": 5}},
    )
    assert (note["status"], note["server"]["deleted"], note["server"]["fields"]) == ("merged", True, {})
    assert (noted["status"], noted["server"]["deleted"]) == ("merged", True)
    for result in (score, new):
        assert (result["status"], result["problem"]["type"].rpartition(":")[2]) == ("rejected", "parent-deleted")
    assert (put["status"], put["server"]["deleted"]) == ("conflict", True)
    (deleted,) = phone.push(phone.delete("shot", shot["id"], 1))
    assert (deleted["status"], deleted["ver"]) == ("applied", 2)
    _do(sent)
    assert all(change["deleted"] for change in phone.everything().values())


def test_a_note_of_a_frame_reaches_a_deleted_game(phone: Phone, sent: list[jobs.Job]) -> None:
    """It is answered as merged into a tombstone, before the job and after it; a new frame of it is rejected."""
    _, game, _, frame = _session_of(phone)
    phone.push(phone.delete("game", game["id"]))
    new = phone.put("frame", {"game_id": game["id"], "frame_number": 2})
    for _ in range(2):
        noted, added = phone.push(phone.patch(frame, 1, comment="late"), new)
        assert (noted["status"], noted["server"]["deleted"]) == ("merged", True)
        assert added["problem"]["type"].endswith(":parent-deleted")
        _do(sent)


def test_a_score_brings_a_shot_back(phone: Phone) -> None:
    """An edit of the score that did not know of the deletion undoes it; its session lists it again."""
    session, _, shot, _ = _session_of(phone)
    phone.push(phone.delete("shot", shot["id"]))
    (result,) = phone.push(phone.patch(shot, 1, count=4))
    assert (result["status"], result["ver"]) == ("applied", 3)
    change = phone.everything()["shot", shot["id"]]
    assert (change["deleted"], change["fields"]) == (False, {**shot["fields"], "count": 4})
    assert phone.pull()["count"] == 4
    below = [item["sk"]["S"] for item in store.below(phone.user_id, f"2#{session['id']}#")]
    assert f"E#shot#{shot['id']}" in below


def test_what_is_still_being_removed_comes_back_only_afterwards(phone: Phone, sent: list[jobs.Job]) -> None:
    """A game whose shots are on their way out is a conflict; once they are gone it may come back without them."""
    session, game, shot, frame = _session_of(phone)
    phone.push(phone.delete("game", game["id"]))
    back = {**game, "base_ver": 2}
    (result,) = phone.push(back)
    assert (result["status"], result["server"]["deleted"]) == ("conflict", True)
    _do(sent)
    (result,) = phone.push(back)
    assert (result["status"], result["ver"]) == ("applied", 3)
    live = {entry_id for (_, entry_id), change in phone.everything().items() if not change["deleted"]}
    assert live == {session["id"], game["id"]}
    # And a frame's notes find their place again, in the game that is back.
    assert phone.push({**frame, "base_ver": 2})[0]["status"] == "applied"
    below = [item["sk"]["S"] for item in store.below(phone.user_id, f"2#{session['id']}#{game['id']}#")]
    assert below == [f"E#frame#{frame['id']}"]
    assert shot["id"] not in live


def test_a_shot_moves_to_another_game(phone: Phone) -> None:
    """Its place in the tree moves with it, and the game must be of the session that the shot names."""
    session, game, shot, _ = _session_of(phone)
    other = phone.put("game", {"session_id": session["id"], "game_number": 2})
    phone.push(other)
    assert phone.push(phone.patch(shot, 1, game_id=other["id"]))[0]["status"] == "applied"
    below = [item["sk"]["S"] for item in store.below(phone.user_id, f"2#{session['id']}#{other['id']}#")]
    assert below == [f"E#shot#{shot['id']}"]
    strange, _, _, _ = _session_of(phone)
    (result,) = phone.push(phone.patch(shot, 2, session_id=strange["id"]))
    assert result["problem"]["type"].endswith(":parent-elsewhere")
    assert game["id"] != other["id"]


def test_nothing_moves_away_from_a_game_that_was_deleted(phone: Phone, sent: list[jobs.Job]) -> None:
    """A shot of it counts as deleted at once: a move to another game ends the same before the job and after it."""
    session, game, shot, frame = _session_of(phone)
    other = phone.put("game", {"session_id": session["id"], "game_number": 2})
    phone.push(other)
    phone.push(phone.delete("game", game["id"]))
    for _ in range(2):
        for result in phone.push(*(phone.patch(each, 1, game_id=other["id"]) for each in (shot, frame))):
            assert (result["status"], result["server"]["deleted"]) == ("merged", True)
        _do(sent)
    live = {entry_id for (_, entry_id), change in phone.everything().items() if not change["deleted"]}
    assert live == {session["id"], other["id"]}


def test_one_push_may_change_an_entry_again(phone: Phone) -> None:
    """Changes of one entry follow each other as they were sent; a deletion that is no last word is none."""
    ball = phone.put("ball", {"name": "one"})
    results = phone.push(
        ball,
        phone.patch(ball, 1, name="two"),
        phone.delete("ball", ball["id"]),
        {**ball, "base_ver": 3, "fields": {"name": "three"}},
    )
    assert [(result["status"], result["ver"]) for result in results] == [("applied", ver) for ver in (1, 2, 3, 4)]
    page = phone.pull()
    assert [(change["ver"], change["fields"]) for change in page["changes"]] == [(4, {"name": "three"})]
    assert page["count"] == 1


def test_a_closed_account_takes_and_gives_nothing(phone_of_login: Phone, sent: list[jobs.Job]) -> None:
    """With a token still alive: 401 for push and pull, from the closing on, and nothing is written."""
    user_id = phone_of_login.user_id
    phone_of_login.push(phone_of_login.put("ball", {"name": "x"}))
    assert phone_of_login.bowler("DELETE", "/v1/users/me").status == 202
    assert len(sent) == 1
    before = partition.page(ScorebookRow, f"U#{user_id}")
    for answer in (
        phone_of_login.send([phone_of_login.put("ball", {"name": "y"})], "late"),
        phone_of_login.bowler("GET", "/v1/sync/pull"),
    ):
        assert (answer.status, answer.problem) == (401, "account-closing")
    assert [row.raw for row in partition.page(ScorebookRow, f"U#{user_id}")] == [row.raw for row in before]


def test_an_account_without_a_scorebook_is_closed_as_well(phone_of_login: Phone, sent: list[jobs.Job]) -> None:
    """Where nothing was ever written, nothing can be once the account is closed."""
    user_id = phone_of_login.user_id
    assert phone_of_login.bowler("DELETE", "/v1/users/me").status == 202
    assert phone_of_login.send([phone_of_login.put("ball", {"name": "y"})], "late").problem == "account-closing"
    assert phone_of_login.bowler("GET", "/v1/sync/pull").problem == "account-closing"
    assert partition.page(ScorebookRow, f"U#{user_id}") == []
    assert len(sent) == 1


def test_erasure_leaves_nothing_and_cannot_be_undone(sent: list[jobs.Job]) -> None:
    """Everything of the user goes, and whoever had read the head before writes nothing afterwards."""
    user_id = new_user_id()
    ball = Change("b", "ball", "put", 0, {"name": "x"})
    write(user_id, [ball])

    def closing_now(_: Any) -> None:
        accounts.close(user_id)
        erasure.sweep(user_id)

    with pytest.raises(AccountClosing):
        write(user_id, [Change("c", "ball", "put", 0, {"name": "late"})], guard=closing_now)
    assert partition.page(ScorebookRow, f"U#{user_id}") == []
    erasing.run(user_id)
    assert partition.page(ScorebookRow, f"U#{user_id}") == []
    assert {job.kind for job in sent} == {jobs.ERASURE}


@pytest.mark.usefixtures("cloud")
def test_nothing_comes_while_a_sweep_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head is closed before the first row goes: a write between the last page and the head's end is refused."""
    user_id = new_user_id()
    write(user_id, [Change("b", "ball", "put", 0, {"name": "x"})])
    accounts.close(user_id)
    remove, refused = partition.remove, []

    def beside_a_write(*given: Any) -> None:
        with pytest.raises(AccountClosing):
            write(user_id, [Change("c", "ball", "put", 0, {"name": "late"})])
        refused.append(given)
        remove(*given)

    monkeypatch.setattr(partition, "remove", beside_a_write)
    erasure.sweep(user_id)
    assert len(refused) == 2
    assert partition.page(ScorebookRow, f"U#{user_id}") == []


def test_an_export_tells_all_of_it(phone: Phone, sent: list[jobs.Job]) -> None:
    """Each row is told, fields as what they are; what has another place in the export is not told twice."""
    session, _, _, _ = _session_of(phone)
    phone.push(phone.delete("session", session["id"]))
    told = [record for page in holdings.records(phone.user_id, None) for record in page]
    assert [key for key, _, _ in told] == [row.sk for row in partition.page(ScorebookRow, f"U#{phone.user_id}")]
    sections = {section for _, section, _ in told}
    assert sections == {f"scorebook/{name}" for name in ("head", "entries", "pushes", "deletions")}
    (record,) = [record for key, _, record in told if key == f"E#session#{session['id']}"]
    assert (record["fields"], record["deleted"]) == ({"started_at": STARTED}, True)
    assert len(sent) == 1


def test_the_archive_has_the_scorebook(cloud: LocalCloud, phone_of_login: Phone) -> None:
    """A user who asks for everything gets the entries as a file."""
    phone_of_login.push(phone_of_login.put("ball", {"name": "blue"}))
    assert phone_of_login.bowler("POST", "/v1/users/me/export").status == 202
    cloud.pump.drain(30)
    link = phone_of_login.bowler("GET", "/v1/users/me/export").json["archive"]["url"]
    archive = zipfile.ZipFile(io.BytesIO(_fetch(link)))
    (entry,) = json.loads(archive.read("scorebook/entries.json"))
    assert (entry["fields"], entry["ver"]) == ({"name": "blue"}, 1)
    assert "scorebook/head.json" in archive.namelist()
    assert sources._scorebook in sources.SOURCES


def _fetch(url: str) -> bytes:
    with urllib3.PoolManager() as pool:
        return pool.request("GET", url).data


def test_the_policies_allow_what_is_done(
    cloud: LocalCloud, phone: Phone, sent: list[jobs.Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request of pushes, pulls and deletions is allowed to the function that makes it, index by index."""
    assert cloud.aws_url
    wire = Wire(monkeypatch)
    session, _, shot, _ = _session_of(phone)
    phone.push(phone.patch(shot, 1, count=4))
    phone.pull()
    phone.push(phone.delete("session", session["id"]))
    api = {pair for call in wire.calls for pair in _requested(call)}
    wire.heal()
    _do(sent)
    job = {pair for call in wire.own for pair in _requested(call)}
    for policy, asked in (("policy-prod.json", api), ("policy-prod-run-job.json", job)):
        statements = json.loads((POLICIES / policy).read_text())["Statement"]
        ours = {pair for pair in asked if "scorebook" in pair[1]}
        assert len(ours) >= 5
        assert not [pair for pair in ours if not _is_allowed(statements, *pair)]


def test_the_checksum_of_a_long_history_is_computed_once_a_day(
    phone: Phone, sent: list[jobs.Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull that cannot know it asks the job; then every poll tells it, until something is written."""
    monkeypatch.setattr(pulling, "FEW", 2)
    balls = [phone.put("ball", {"name": str(number)}) for number in range(4)]
    phone.push(*balls[:3])
    first = phone.pull()
    assert (first["checksum"] is not None, sent) == (True, [])
    phone.push(balls[3])
    page = phone.pull(first["cursor"])
    assert (page["count"], page["checksum"]) == (4, None)
    assert [job.kind for job in sent] == [jobs.DIGEST]
    _do(sent)
    assert phone.pull(page["cursor"])["checksum"] == phone.pull()["checksum"] is not None
    phone.push(phone.patch(balls[0], 1, name="new"))
    assert (phone.pull(page["cursor"])["checksum"], sent) == (None, [])


def test_a_checksum_that_a_write_overtook_is_not_kept(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read while something was written is of neither state; it is tried again another day."""
    ball = phone.put("ball", {"name": "x"})
    phone.push(ball)
    read = store.all_entries

    def beside_a_write(user_id: str) -> Any:
        yield from read(user_id)
        phone.push(phone.patch(ball, 1, name="y"))

    monkeypatch.setattr(store, "all_entries", beside_a_write)
    digest.refresh(phone.user_id)
    head = store.find_head(phone.user_id)
    assert head is not None
    assert (head.n, head.digest, head.digest_at > 0) == (2, None, True)
    digest.refresh(phone.user_id)
    assert store.find_head(phone.user_id) == head
