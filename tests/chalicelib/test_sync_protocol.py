"""Synchronisation over HTTP: what is pushed comes down the feed, once, and bad input harms nothing else."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.scorebook import cursor as cursors
from chalicelib.scorebook import pulling, pushing, store
from chalicelib.scorebook.model import PullQuery
from local_cloud.cloud import LocalCloud
from tests.api import Answer, Api
from tests.chalicelib.phones import STARTED, Phone, new_id


@pytest.fixture
def phone(api: Api) -> Phone:
    """A bowler's phone."""
    return Phone.of_new_user(api)


def test_what_is_pushed_comes_down_the_feed_as_it_was_sent(phone: Phone) -> None:
    """Parents may come after what belongs to them; every value comes back as it was, nulls and times too."""
    session_id, game_id = new_id(), new_id()
    shot = {
        "session_id": session_id,
        "game_id": game_id,
        "frame_number": 10,
        "shot_number": 3,
        "count": 7,
        "pins_standing": None,
        "speed_mph": 17.25,
        "comment": 'Ünïcödé 🎳 \u0000 \\ " \u2028',
        "thrown_at": "2026-11-24t19:03:20.123456789+01:00",
    }
    results = phone.push(
        phone.put("shot", shot),
        phone.put("game", {"session_id": session_id, "game_number": 1}, game_id),
        phone.put("session", {"started_at": STARTED, "score": 0}, session_id),
        phone.put("ball", {"name": "x" * 128, "weight_lb": 15.0}),
    )
    assert [result["status"] for result in results] == ["applied"] * 4
    assert [result["type"] for result in results] == ["shot", "game", "session", "ball"]
    changes = phone.pull()["changes"]
    assert {change["type"]: change["fields"] for change in changes}["shot"] == shot
    assert {(change["id"], change["ver"], change["deleted"]) for change in changes} == {
        (result["id"], 1, False) for result in results
    }


def test_a_push_repeated_answers_the_same_and_changes_nothing(phone: Phone) -> None:
    """After a lost reply: the same results, and the feed stands where it stood; spelled differently in JSON as well."""
    session_id = phone.session()
    bad: dict[str, Any] = {"id": new_id(), "type": "shot", "op": "put", "fields": {"session_id": session_id}}
    lost = {"session_id": new_id(), "shot_number": 1, "count": 3}
    changes = [phone.shot(session_id), bad, phone.put("shot", lost), phone.delete("ball", new_id())]
    first = phone.send(changes, "batch")
    cursor = phone.pull()["cursor"]
    again = phone.send([dict(reversed(list(change.items()))) for change in changes], "batch")
    assert again.json["results"] == first.json["results"]
    assert [result["status"] for result in first.json["results"]] == ["applied", "rejected", "rejected", "duplicate"]
    assert phone.pull(cursor)["changes"] == []


def test_a_repeated_push_shows_the_servers_row_as_it_is(phone: Phone) -> None:
    """What a conflict is told with is read anew, for statuses and versions alone are remembered."""
    session_id = phone.session()
    shot = phone.shot(session_id)
    phone.push(shot)
    phone.push(phone.patch(shot, 1, count=4))
    conflict = phone.patch(shot, 1, count=5)
    first = phone.send([conflict], "again").json["results"]
    assert (first[0]["status"], first[0]["server"]["fields"]["count"]) == ("conflict", 4)
    phone.push(phone.patch(shot, 2, count=6))
    second = phone.send([conflict], "again").json["results"]
    assert (second[0]["status"], second[0]["ver"]) == ("conflict", 2)
    assert (second[0]["server"]["ver"], second[0]["server"]["fields"]["count"]) == (3, 6)


def test_a_batch_id_with_other_content_is_refused(phone: Phone) -> None:
    """The second content is not taken, and the first one can still be repeated."""
    changes = [phone.put("ball", {"name": "one"})]
    assert phone.send(changes, "batch").status == 200
    other = phone.send([phone.put("ball", {"name": "two"})], "batch")
    assert (other.status, other.problem) == (409, "batch-reused")
    assert len(phone.pull()["changes"]) == 1
    assert phone.send(changes, "batch").status == 200


def test_many_changes_are_written_in_parts(phone: Phone) -> None:
    """1,000 changes are more than ten transactions; repeated they are found again, all of them."""
    session_id = phone.session()
    changes = [phone.shot(session_id) for _ in range(1000)]
    first = phone.send(changes, "large").json["results"]
    assert [result["id"] for result in first] == [change["id"] for change in changes]
    assert {(result["status"], result["ver"]) for result in first} == {("applied", 1)}
    assert phone.send(changes, "large").json["results"] == first
    assert len(phone.everything()) == 1001


def test_a_chain_of_pages_holds_each_entry(phone: Phone) -> None:
    """Pulled in pages, each entry comes, in the order of the feed; the last page says how many there are."""
    session_id = phone.session()
    phone.push(*(phone.shot(session_id) for _ in range(25)))
    pages, cursor = [], None
    while True:
        page = phone.pull(cursor, limit=10)
        pages.append(page)
        cursor = page["cursor"]
        if not page["more"]:
            break
    assert [len(page["changes"]) for page in pages] == [10, 10, 6]
    assert [page["count"] for page in pages] == [None, None, 26]
    assert len({change["id"] for page in pages for change in page["changes"]}) == 26


def test_count_and_checksum_are_those_of_what_is_live(phone: Phone) -> None:
    """A reply that holds everything carries both, tombstones left out; so does one that follows it."""
    kept, gone = phone.put("ball", {"name": "kept"}), phone.put("ball", {"name": "gone"})
    phone.push(kept, gone)
    page = phone.pull()
    lines = sorted(f"{change['id']}:{change['ver']}" for change in page["changes"])
    assert (page["count"], page["checksum"]) == (2, _checksum(lines))
    phone.push(phone.delete("ball", gone["id"]))
    page = phone.pull(page["cursor"])
    assert [(change["id"], change["deleted"], change["fields"]) for change in page["changes"]] == [
        (gone["id"], True, {})
    ]
    assert (page["count"], page["checksum"]) == (1, _checksum([f"{kept['id']}:1"]))


def _checksum(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_a_push_of_nothing_tells_where_one_is(phone: Phone) -> None:
    """No change is no error."""
    answer = phone.send([], "nothing")
    assert (answer.status, answer.json["results"], answer.json["count"]) == (200, [], 0)


BAD: dict[str, tuple[Any, str]] = {
    "not an object": (3, "$"),
    "no op": ({"id": "a", "type": "ball", "fields": {"name": "x"}}, "$"),
    "an unknown op": ({"id": "a", "type": "ball", "op": "upsert", "fields": {"name": "x"}}, "$.op"),
    "an unknown type": ({"id": "a", "type": "pin", "op": "put", "fields": {"name": "x"}}, "$.type"),
    "a capture": ({"id": "a", "type": "capture", "op": "put", "fields": {}}, "$.type"),
    "an id of other letters": ({"id": "a/b", "type": "ball", "op": "put", "fields": {"name": "x"}}, "$.id"),
    "an id too long": ({"id": "a" * 65, "type": "ball", "op": "put", "fields": {"name": "x"}}, "$.id"),
    "an id with a line's end": ({"id": "a\n", "type": "ball", "op": "put", "fields": {"name": "x"}}, "$.id"),
    "a field of the server's": ({"id": "a", "type": "ball", "op": "put", "fields": {"name": "x"}, "seq": 1}, "$"),
    "an unknown field": ({"id": "a", "type": "ball", "op": "put", "fields": {"name": "x", "ver": 9}}, "$.fields.ver"),
    "a field missing": ({"id": "a", "type": "ball", "op": "put", "fields": {}}, "$.fields.name"),
    "no fields": ({"id": "a", "type": "ball", "op": "put"}, "$.fields"),
    "a required one null": ({"id": "a", "type": "ball", "op": "patch", "fields": {"name": None}}, "$.fields.name"),
    "too long": ({"id": "a", "type": "ball", "op": "put", "fields": {"name": "x" * 129}}, "$.fields.name"),
    "too large": (
        {"id": "a", "type": "ball", "op": "put", "fields": {"name": "x", "weight_lb": 21}},
        "$.fields.weight_lb",
    ),
    "a whole number beyond all": (
        {"id": "a", "type": "session", "op": "put", "fields": {"started_at": STARTED, "score": 10**30}},
        "$.fields.score",
    ),
    "another type": ({"id": "a", "type": "ball", "op": "put", "fields": {"name": 7}}, "$.fields.name"),
    "no such day": (
        {"id": "a", "type": "session", "op": "put", "fields": {"started_at": "2026-02-30T10:00:00Z"}},
        "$.fields.started_at",
    ),
    "a time without an offset": (
        {"id": "a", "type": "session", "op": "put", "fields": {"started_at": "2026-02-03T10:00:00"}},
        "$.fields.started_at",
    ),
    "an edit at no time": (
        {"id": "a", "type": "ball", "op": "put", "fields": {"name": "x"}, "edited_at": "yesterday"},
        "$.edited_at",
    ),
    "a base below nothing": (
        {"id": "a", "type": "ball", "op": "put", "fields": {"name": "x"}, "base_ver": -1},
        "$.base_ver",
    ),
    "a delete with fields": ({"id": "a", "type": "ball", "op": "delete", "fields": {"name": "x"}}, "$.fields"),
}


@pytest.fixture(scope="module")
def rejected(new_phone: Callable[[], Phone]) -> tuple[Phone, list[Any]]:
    """All of the bad changes in one push, each beside a good one, and what became of them."""
    phone = new_phone()
    changes = [change for bad, _ in BAD.values() for change in (bad, phone.put("ball", {"name": "good"}))]
    return phone, phone.push(*changes)


@pytest.fixture(scope="module")
def new_phone(api: Api) -> Callable[[], Phone]:
    """Make phones of new users."""
    return lambda: Phone.of_new_user(api)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_change_is_rejected_with_its_field(rejected: tuple[Phone, list[Any]], name: str) -> None:
    """It names where it does not fit, in the form of a problem document; nothing of it is stored."""
    phone, results = rejected
    result = results[list(BAD).index(name) * 2]
    assert (result["status"], result["ver"]) == ("rejected", 0)
    assert result["problem"]["type"] == "urn:problem-type:revmetrix:invalid-change"
    assert result["problem"]["title"]
    assert BAD[name][1] in [error["path"] for error in result["problem"]["errors"]]
    assert results[list(BAD).index(name) * 2 + 1]["status"] == "applied"
    assert {change["fields"]["name"] for change in phone.everything().values()} == {"good"}


def test_each_wrong_field_is_named(phone: Phone) -> None:
    """All that is wrong is told at once."""
    fields = {"shot_number": 4, "count": 11, "foul": 1, "colour": "red"}
    (result,) = phone.push(phone.put("shot", fields))
    paths = {error["path"] for error in result["problem"]["errors"]}
    assert paths == {f"$.fields.{name}" for name in ("session_id", "shot_number", "count", "foul", "colour")}


def test_a_rejection_is_short_however_long_its_change_is(phone: Phone) -> None:
    """What is wrong is told with the beginning of what was sent: a push of such changes is remembered and answered."""
    long = "x" * 8_000
    ball = phone.put("ball", {"name": "x"})
    bad = [
        {**ball, "op": long},
        {**ball, long: 1},
        {**ball, f" - at `{long}": 1},
        {**ball, "id": long},
        phone.put("event", {"name": "x", "kind": long}),
        phone.put("ball", {f"{number}{long}": 1 for number in range(6)}),
    ]
    answer = phone.send(bad * 25, "long")
    assert answer.status == 200, answer.data
    assert {result["status"] for result in answer.json["results"]} == {"rejected"}
    for result in answer.json["results"]:
        assert len(json.dumps(result)) < 3_000
    assert phone.send(bad * 25, "long").json == answer.json


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"shot_number": 1}, "$.fields.count"),
        ({"shot_number": 1, "count": 8, "pins_standing": 0}, "$.fields.count"),
        ({"shot_number": 2, "count": 10, "pins_standing": 1}, "$.fields.count"),
        ({"shot_number": 1, "count": 10, "game_id": "g"}, "$.fields.frame_number"),
    ],
)
def test_a_shot_holds_together(phone: Phone, fields: dict[str, Any], path: str) -> None:
    """Count and pins agree, one of them is there, and a shot of a game has its frame."""
    (result,) = phone.push(phone.put("shot", {"session_id": phone.session(), **fields}))
    assert [error["path"] for error in result["problem"]["errors"]] == [path]


def test_numbers_and_texts_that_are_none_are_refused(phone: Phone) -> None:
    """NaN and half a character are no JSON; a number beyond all doubles is, and only its change is rejected."""
    good = json.dumps(phone.put("ball", {"name": "good"})).encode()

    def push(bad: bytes) -> Answer:
        change = b'{"id":"n","type":"ball","op":"put","fields":{"name":%s}}' % bad
        body = b'{"batch_id":"%s","changes":[%s,%s]}' % (new_id().encode(), good, change)
        return phone.bowler("POST", "/v1/sync/push", body=body, headers={"Content-Type": "application/json"})

    for bad in (b"NaN", b"Infinity", b"-Infinity", b"01", b'"\\ud800"', b'"\\udc00 "', b'"\n"'):
        answer = push(bad)
        assert (answer.status, answer.problem) == (400, "invalid-json")
    for bad in (b"1e999", b"[" * 500 + b"]" * 500, b'"x","weight_lb":1e999'):
        answer = push(bad)
        assert answer.status == 200
        assert [result["status"] for result in answer.json["results"]][1] == "rejected"
    assert len(phone.everything()) == 1


def test_too_many_changes_are_too_large(phone: Phone) -> None:
    """1,001 changes answer 413, and none of them is taken."""
    answer = phone.send([phone.put("ball", {"name": "x"}) for _ in range(1001)], "many")
    assert (answer.status, answer.problem) == (413, "too-large")
    assert phone.pull()["changes"] == []


def test_a_parent_that_is_not_there_rejects_its_child_alone(phone: Phone) -> None:
    """A session of nobody's, another user's, and one that was rejected itself, are all missing."""
    other = Phone.of_new_user(phone.bowler.api)
    bad_session = phone.put("session", {"started_at": "now"})
    good = phone.shot(phone.session())
    results = phone.push(
        phone.shot(new_id()), phone.shot(other.session()), bad_session, phone.shot(bad_session["id"]), good
    )
    assert [result["status"] for result in results] == ["rejected"] * 4 + ["applied"]
    kinds = [result["problem"]["type"].rpartition(":")[2] for result in results[:4]]
    assert kinds == ["parent-missing", "parent-missing", "invalid-change", "parent-missing"]


def test_a_shot_and_its_game_are_of_one_session(phone: Phone) -> None:
    """A shot that names a game of another session is rejected, and so is a game as its own session."""
    one, other = phone.session(), phone.session()
    game = phone.put("game", {"session_id": one, "game_number": 1})
    phone.push(game)
    fields = {"session_id": other, "game_id": game["id"], "frame_number": 1, "shot_number": 1, "count": 1}
    cycle = new_id()
    results = phone.push(phone.put("shot", fields), phone.put("game", {"session_id": cycle, "game_number": 1}, cycle))
    kinds = [result["problem"]["type"].rpartition(":")[2] for result in results]
    assert kinds == ["parent-elsewhere", "parent-missing"]


@pytest.mark.parametrize("right", [0, 1])
def test_two_shots_that_have_one_game_in_two_sessions(phone: Phone, right: int) -> None:
    """In one push, whichever comes first: the one that has the game in its session is taken, the other is rejected."""
    sessions = [phone.session(), phone.session()]
    game = phone.put("game", {"session_id": sessions[right], "game_number": 1})
    phone.push(game)
    results = phone.push(
        *(phone.shot(session_id, game_id=game["id"], frame_number=1) for session_id in sessions),
        phone.shot(sessions[0]),
    )
    wrong = results.pop(1 - right)
    assert wrong["problem"]["type"].rpartition(":")[2] == "parent-elsewhere"
    assert [result["status"] for result in results] == ["applied"] * 2


def test_an_event_must_have_been_there_once(phone: Phone) -> None:
    """A session may name an event that was deleted, and not one that never was; balls and centres nobody checks."""
    event = phone.put("event", {"name": "league", "kind": "league"})
    phone.push(event)
    phone.push(phone.delete("event", event["id"]))
    fields = {"started_at": STARTED, "establishment_id": new_id()}
    results = phone.push(
        phone.put("session", {**fields, "event_id": event["id"]}), phone.put("session", {**fields, "event_id": "no"})
    )
    assert [result["status"] for result in results] == ["applied", "rejected"]
    assert results[1]["problem"]["type"].endswith(":reference-missing")
    assert results[1]["problem"]["errors"][0]["path"] == "$.fields.event_id"


def test_another_ones_entries_are_out_of_reach(phone: Phone) -> None:
    """An id that another user has is free in one's own scorebook, and what is written there is one's own."""
    other = Phone.of_new_user(phone.bowler.api)
    ball = phone.put("ball", {"name": "mine"})
    phone.push(ball)
    results = other.push({**ball, "op": "patch", "base_ver": 1}, {**ball, "fields": {"name": "theirs"}})
    assert [result["status"] for result in results] == ["rejected", "applied"]
    assert [change["fields"] for change in phone.everything().values()] == [{"name": "mine"}]


def test_another_ones_cursor_begins_anew(phone: Phone) -> None:
    """It is of another feed: the reply is the beginning of one's own, and says so."""
    other = Phone.of_new_user(phone.bowler.api)
    ball = phone.put("ball", {"name": "mine"})
    phone.push(ball)
    other.push(other.put("ball", {"name": "theirs"}))
    page = phone.pull(other.pull()["cursor"])
    assert (page["reset"], [change["id"] for change in page["changes"]]) == (True, [ball["id"]])
    assert phone.pull(page["cursor"]) == {**page, "changes": [], "reset": False, "checksum": None}


@pytest.mark.parametrize("cursor", ["", "!", "e30", "WyIi", "W10", "x" * 1024, "%C3%A9", "bnVsbA"])
def test_a_broken_cursor_is_a_problem(phone: Phone, cursor: str) -> None:
    """What is no cursor answers 400, and tells what to do."""
    answer = phone.bowler("GET", f"/v1/sync/pull?cursor={cursor}")
    assert (answer.status, answer.problem) == (400, "invalid-query")


def test_a_cursor_is_good_for_less_than_180_days() -> None:
    """At 180 days a tombstone of the day of its issue may be gone."""
    cursor = cursors.Cursor("0", 1, day=1000)
    now_s = (1000 + cursors.OLDEST_DAYS) * 24 * 3600
    assert [cursor.is_too_old(moment) for moment in (now_s - 1, now_s)] == [False, True]


@pytest.mark.parametrize("changed", [{"seq": 10**9}, {"day": 0}, {"schema": 2}, {"epoch": "0" * 16}])
def test_a_cursor_that_leads_nowhere_begins_anew(phone: Phone, changed: dict[str, Any]) -> None:
    """One from a later history, older than 180 days, of another schema or another epoch, is answered with a reset."""
    phone.push(phone.put("ball", {"name": "x"}))
    cursor = cursors.decode(phone.pull()["cursor"])
    values = {"epoch": cursor.epoch, "seq": cursor.seq, "schema": cursor.schema, "day": cursor.day, **changed}
    text = json.dumps([values[name] for name in ("epoch", "seq", "schema", "day")])
    page = phone.pull(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))
    assert (page["reset"], len(page["changes"])) == (True, 1)


def test_a_cursor_of_before_the_first_write_stays_good(phone: Phone) -> None:
    """A client that pulled before anything was written is not told to begin anew."""
    page = phone.pull()
    assert (page["changes"], page["more"], page["count"]) == ([], False, 0)
    phone.push(phone.put("ball", {"name": "x"}))
    after = phone.pull(page["cursor"])
    assert (after["reset"], len(after["changes"])) == (False, 1)


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_limit_out_of_range_is_a_problem(phone: Phone, limit: str) -> None:
    """The limit is from 1 to 1,000."""
    assert phone.bowler("GET", f"/v1/sync/pull?limit={limit}").status == 400


def test_a_reply_stays_below_what_lambda_sends(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is cut by bytes as well; pulled on, nothing is missing."""
    monkeypatch.setattr(pulling, "LARGEST_REPLY_BYTES", 5000)
    phone.push(*(phone.put("ball", {"name": "x", "comment": "é" * 1000}) for _ in range(6)))
    pages = list(phone.pages())
    assert [len(page["changes"]) for page in pages] == [2, 2, 2]


def test_a_push_reply_leaves_out_rows_that_have_no_room(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statuses are all there; a row that is left out comes by the feed."""
    balls = [phone.put("ball", {"name": "x", "comment": "c" * 500}) for _ in range(3)]
    phone.push(*balls)
    monkeypatch.setattr(pushing, "LARGEST_REPLY_BYTES", 1300)
    results = phone.push(*({**ball, "fields": {"name": "y"}} for ball in balls))
    assert [result["status"] for result in results] == ["merged"] * 3
    assert [result["server"] is None for result in results] == [False, False, True]


def test_a_young_write_is_handed_out_again_unless_all_of_it_was_seen(cloud: LocalCloud, phone: Phone) -> None:
    """While the last write is young and a row of it does not show, the cursor stays where the write began."""
    assert cloud.aws_url
    phone.push(*(phone.put("ball", {"name": str(number)}) for number in range(3)))
    phone.push(*(phone.put("ball", {"name": str(number)}) for number in range(3)))
    user_id = phone.user_id
    head = store.find_head(user_id)
    assert head is not None
    items = list(store.changed_between(user_id, 0, head.n, 10))
    for missing, expected in ((None, 6), (5, 5), (3, 3), (0, 6)):
        shown = [item for place, item in enumerate(items) if place != missing]
        page = pulling.Page(0, shown, is_cut=False)
        assert pulling.settled_until(page, head, head.at + 1) == expected
        assert pulling.settled_until(page, head, head.at + pulling.SETTLES_IN) == 6
    cut = pulling.Page(0, items[:2], is_cut=True)
    assert pulling.settled_until(cut, head, head.at + 1) == 2


def test_an_entry_that_changes_meanwhile_leaves_the_checksum_out(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a write comes between the head and the page, count and checksum would be of neither."""
    ball = phone.put("ball", {"name": "x"})
    phone.push(ball)
    read = pulling._read

    def beside_a_write(*args: Any) -> pulling.Page:
        page = read(*args)
        phone.push(phone.patch(ball, 1, comment="now"))
        return page

    monkeypatch.setattr(pulling, "_read", beside_a_write)
    reply = pulling.pull(phone.user_id, PullQuery())
    assert (reply.count, reply.checksum) == (None, None)
    monkeypatch.undo()
    assert pulling.pull(phone.user_id, PullQuery()).count == 1


def test_time_is_the_servers(phone: Phone) -> None:
    """What a client says of versions, sequences and times is no part of an entry."""
    before = time.time_ns() // 1000
    ball = phone.put("ball", {"name": "x"})
    phone.push({**ball, "edited_at": "2001-01-01T00:00:00Z"})
    row = store.find_row(phone.user_id, ("ball", ball["id"]))
    assert row is not None
    assert (row.ver, row.seq, row.created < before <= row.updated) == (1, 1, True)


def test_batches_are_of_one_user(phone: Phone) -> None:
    """Two users' pushes of one name do not meet."""
    other = Phone.of_new_user(phone.bowler.api)
    batch = str(uuid.uuid4())
    for each in (phone, other):
        assert each.send([each.put("ball", {"name": "x"})], batch).json["results"][0]["status"] == "applied"
