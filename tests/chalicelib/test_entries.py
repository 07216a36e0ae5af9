"""Entries by the direct routes: the seven types, conditions, lists, and one write path with the synchronisation."""

import re
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import jobs
from chalicelib.scorebook import entry_examples, listing, reading
from chalicelib.scorebook.entry_types import ENTRY_TYPES
from tests.api import Api, Bowler
from tests.chalicelib.phones import STARTED, Phone, new_id
from tests.chalicelib.scorebook_api import NEW, PLURALS, make, make_session, patch, path_of, put


@pytest.fixture
def phone(api: Api) -> Phone:
    """The phone of a user who has nothing yet."""
    return Phone.of_new_user(api)


def ids_of(bowler: Bowler, path: str) -> list[str]:
    """Return the ids of a whole list, page by page."""
    found, cursor = [], ""
    while True:
        answer = bowler("GET", path + cursor)
        assert answer.status == 200, answer.data
        found += [item["id"] for item in answer.json["items"]]
        if answer.json["next"] is None:
            return found
        cursor = f"{'&' if '?' in path else '?'}cursor={answer.json['next']}"


def fields_of(bowler: Bowler, kind: str) -> dict[str, Any]:
    """Return fields of a new entry of a type, with what it belongs to."""
    fields = dict(entry_examples.FIELDS[kind])
    for name, above in {**ENTRY_TYPES[kind].references, **ENTRY_TYPES[kind].parents}.items():
        if name in fields:
            fields[name] = make(bowler, above, **fields_of(bowler, above))
    if kind == "shot":
        fields["session_id"] = bowler("GET", path_of("game", fields["game_id"])).json["fields"]["session_id"]
    return fields


@pytest.mark.parametrize("kind", PLURALS)
def test_an_entry_lives(phone: Phone, kind: str) -> None:
    """Each type is made, shown as it was sent, listed, changed, replaced and deleted, each time with its version."""
    bowler, fields = phone.bowler, fields_of(phone.bowler, kind)
    made = put(bowler, kind, {**fields, "comment": None})
    path = path_of(kind, made.json["id"])
    assert (made.status, made.headers["ETag"], made.json["fields"]) == (201, '"1"', {**fields, "comment": None})
    shown = bowler("GET", path)
    assert (shown.headers["ETag"], shown.json["fields"]) == ('"1"', {**fields, "comment": None})
    assert shown.json["updated_at"] == made.json["updated_at"]
    assert ids_of(bowler, f"/v1/{PLURALS[kind]}") == [made.json["id"]]
    changed = patch(bowler, kind, made.json["id"], '"1"', comment="a note")
    assert (changed.headers["ETag"], changed.json["fields"]) == ('"2"', {**fields, "comment": "a note"})
    replaced = put(bowler, kind, fields, made.json["id"], **{"If-Match": '"2"'})
    assert (replaced.status, replaced.json["ver"], replaced.json["fields"]) == (200, 3, fields)
    assert bowler("DELETE", path, headers={"If-Match": '"3"'}).status == 204
    assert bowler("GET", path).status == 404
    assert ids_of(bowler, f"/v1/{PLURALS[kind]}") == []
    assert bowler("DELETE", path, headers={"If-Match": "*"}).status == 404


def test_conditions_of_writes(phone: Phone) -> None:
    """Without a condition nothing is written, on another version neither, and If-None-Match never replaces."""
    bowler = phone.bowler
    ball = make(bowler, "ball", name="blue")
    path, body = path_of("ball", ball), {"fields": {"name": "red"}}
    for method in ("PUT", "PATCH"):
        assert bowler(method, path, json=body).problem == "precondition-required"
        assert bowler(method, path, json=body, headers={"If-Match": '"7"'}).problem == "precondition-failed"
    assert bowler("DELETE", path).problem == "precondition-required"
    assert bowler("DELETE", path, headers={"If-Match": '"7"'}).problem == "precondition-failed"
    assert put(bowler, "ball", {"name": "red"}, ball).problem == "precondition-failed"
    assert bowler("PUT", path, json=body, headers={"If-None-Match": '"1"'}).problem == "precondition-failed"
    both = {**NEW, "If-Match": '"1"'}
    assert bowler("PUT", path, json=body, headers=both).problem == "precondition-failed"
    assert put(bowler, "ball", {"name": "red"}, new_id(), **{"If-Match": "*"}).problem == "not-found"
    assert bowler("GET", path).json["fields"] == {"name": "blue"}
    assert put(bowler, "ball", {"name": "red"}, ball, **{"If-Match": '"1", "7"'}).json["ver"] == 2


def test_a_deleted_entry_can_be_made_anew(phone: Phone) -> None:
    """Under the same id, with the next version, so that a phone that has the deletion learns of it."""
    ball = make(phone.bowler, "ball", name="blue")
    assert phone.bowler("DELETE", path_of("ball", ball), headers={"If-Match": "*"}).status == 204
    again = put(phone.bowler, "ball", {"name": "red"}, ball)
    assert (again.status, again.json["ver"], again.json["fields"]) == (201, 3, {"name": "red"})
    assert phone.everything()["ball", ball]["fields"] == {"name": "red"}


@pytest.mark.parametrize(
    ("kind", "fields", "paths"),
    [
        ("ball", {}, ["$.fields.name"]),
        ("ball", {"name": "", "weight_lb": 21, "size": 3}, ["$.fields.name", "$.fields.weight_lb", "$.fields.size"]),
        ("session", {"started_at": "yesterday"}, ["$.fields.started_at"]),
        ("session", {"started_at": STARTED, "event_id": "none"}, ["$.fields.event_id"]),
        ("game", {"session_id": "none", "game_number": 1}, ["$.fields.session_id"]),
        ("frame", {"game_id": "none", "frame_number": 1}, ["$.fields.game_id"]),
        ("shot", {"session_id": "none", "shot_number": 1}, ["$.fields.count"]),
        ("shot", {"session_id": "none", "shot_number": 1, "count": 1}, ["$.fields.session_id"]),
    ],
)
def test_what_does_not_fit_is_refused(phone: Phone, kind: str, fields: dict[str, Any], paths: list[str]) -> None:
    """Each field that does not fit is named, and so is a parent that is not there; nothing is written."""
    answer = put(phone.bowler, kind, fields)
    assert answer.problem == "invalid-request"
    assert [error["path"] for error in answer.json["errors"]] == paths
    assert phone.everything() == {}


def test_a_game_stays_in_its_session(phone: Phone) -> None:
    """A change that would move it is refused, and names the field."""
    one, other = make_session(phone.bowler), make_session(phone.bowler)
    game = make(phone.bowler, "game", session_id=one, game_number=1)
    answer = patch(phone.bowler, "game", game, session_id=other)
    assert (answer.status, answer.json["errors"][0]["path"]) == (422, "$.fields.session_id")


def test_both_ways_in_are_one(phone: Phone) -> None:
    """What a direct route writes comes down the feed, and what a push writes is shown, its version counted on."""
    session = make_session(phone.bowler)
    page = phone.pull()
    change = {"id": session, "type": "session"}
    assert [(each["id"], each["ver"]) for each in page["changes"]] == [(session, 1)]
    assert phone.push(phone.patch(change, 1, comment="pushed"))[0]["ver"] == 2
    shown = phone.bowler("GET", path_of("session", session))
    assert (shown.headers["ETag"], shown.json["fields"]["comment"]) == ('"2"', "pushed")
    assert patch(phone.bowler, "session", session, '"2"', comment="direct").status == 200
    assert phone.push(phone.patch(change, 2, comment="late", score=600))[0]["status"] == "merged"
    assert phone.everything()["session", session]["ver"] == 4
    assert phone.bowler("DELETE", path_of("session", session), headers={"If-Match": '"4"'}).status == 204
    assert phone.everything()["session", session]["deleted"] is True


def test_what_belongs_to_something_deleted_is_not_there(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the moment on in which its session is deleted, in no list, by no id, and not to be changed."""
    monkeypatch.setattr("chalicelib.jobs.send", lambda _: None)
    bowler = phone.bowler
    session = make_session(bowler)
    game = make(bowler, "game", session_id=session, game_number=1)
    frame = make(bowler, "frame", game_id=game, frame_number=1)
    shot = make(bowler, "shot", session_id=session, game_id=game, frame_number=1, shot_number=1, count=3)
    kept = make(bowler, "shot", session_id=make_session(bowler), shot_number=1, count=4)
    assert bowler("DELETE", path_of("session", session), headers={"If-Match": "*"}).status == 204
    for kind, entry_id in {"session": session, "game": game, "frame": frame, "shot": shot}.items():
        assert bowler("GET", path_of(kind, entry_id)).status == 404, kind
        assert patch(bowler, kind, entry_id, comment="late").status == 404, kind
        assert bowler("DELETE", path_of(kind, entry_id), headers={"If-Match": "*"}).status == 404, kind
    assert bowler("GET", f"/v1/sessions/{session}/tree").status == 404
    assert ids_of(bowler, "/v1/games") == []
    assert ids_of(bowler, f"/v1/frames?game_id={game}") == []
    assert ids_of(bowler, f"/v1/shots?session_id={session}") == []
    assert ids_of(bowler, "/v1/shots") == [kept]
    late = put(bowler, "shot", {"session_id": session, "shot_number": 1, "count": 3})
    assert (late.status, late.json["errors"][0]["path"]) == (422, "$.fields.session_id")


def test_a_deletion_has_the_rest_removed(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleting a session or game sends the job that makes tombstones of what belonged to it; a ball has nothing."""
    sent: list[jobs.Job] = []
    monkeypatch.setattr(jobs, "send", sent.append)
    session, ball = make_session(phone.bowler), make(phone.bowler, "ball", name="blue")
    make(phone.bowler, "shot", session_id=session, shot_number=1, count=3)
    assert phone.bowler("DELETE", path_of("ball", ball), headers={"If-Match": "*"}).status == 204
    assert sent == []
    assert phone.bowler("DELETE", path_of("session", session), headers={"If-Match": "*"}).status == 204
    assert sent == [jobs.Job(jobs.DESCENDANTS, phone.user_id)]


def test_sessions_are_listed_by_time_and_links(phone: Phone) -> None:
    """The newest first, whatever their offsets; from is included and to is not; by event and establishment."""
    bowler = phone.bowler
    event = make(bowler, "event", name="Tuesdays", kind="league")
    early = make_session(bowler, "2026-11-24T19:00:00+02:00", event_id=event)
    late = make_session(bowler, "2026-11-24T18:00:00Z", establishment_id="nowhere")
    middle = make_session(bowler, "2026-11-24T12:30:00-05:00", event_id=event, establishment_id="nowhere")
    assert ids_of(bowler, "/v1/sessions") == [late, middle, early]
    assert ids_of(bowler, "/v1/sessions?limit=1") == [late, middle, early]
    assert ids_of(bowler, "/v1/sessions?from=2026-11-24T17:30:00Z&to=2026-11-24T18:00:00Z") == [middle]
    assert ids_of(bowler, "/v1/sessions?from=2026-11-24T18:00:00Z&to=2026-11-24T17:30:00Z") == []
    assert ids_of(bowler, f"/v1/sessions?event_id={event}&limit=1") == [middle, early]
    assert ids_of(bowler, f"/v1/sessions?event_id={event}&establishment_id=nowhere") == [middle]
    assert bowler("GET", "/v1/sessions?from=2026-11-24").problem == "invalid-query"
    assert bowler("GET", "/v1/sessions?ball_id=x").problem == "invalid-query"


def test_a_page_reads_so_much_and_goes_on(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that leaves nothing of what one page may read answers an empty page with a next, and misses nothing."""
    monkeypatch.setattr(listing, "MOST_READ", 30)
    session = make_session(phone.bowler)
    shots = [phone.put("shot", {"session_id": session, "shot_number": 1, "count": 1}, f"s{at:02}") for at in range(40)]
    shots[-1]["fields"]["capture_id"] = "ab"
    phone.push(*shots)
    for path in ("/v1/shots?capture_id=ab", f"/v1/shots?session_id={session}&capture_id=ab"):
        first = phone.bowler("GET", path).json
        assert (first["items"], first["next"] is None) == ([], False)
        assert ids_of(phone.bowler, path) == ["s39"]


def test_an_empty_time_is_still_a_stretch() -> None:
    """DynamoDB refuses a BETWEEN whose end comes before its beginning, which the emulator does not."""
    stretch = listing.sessions_between("2026-11-25T00:00:00Z", "2026-11-24T00:00:00Z")
    assert stretch.begins <= stretch.ends < "1#2026-11-24T00:00:00.000000#"


def test_children_are_listed_by_what_they_belong_to(phone: Phone) -> None:
    """Shots in the order of the tree, by session, game, ball and capture; games and notes of frames likewise."""
    bowler = phone.bowler
    session = make_session(bowler)
    game = make(bowler, "game", session_id=session, game_number=1)
    other = make(bowler, "game", session_id=make_session(bowler), game_number=1)
    place = {"session_id": session, "game_id": game}
    second = make(bowler, "shot", **place, frame_number=2, shot_number=1, count=3, ball_id="red")
    first = make(bowler, "shot", **place, frame_number=1, shot_number=1, count=3, capture_id="ab", ball_id="blue")
    practice = make(bowler, "shot", session_id=session, shot_number=1, count=3, ball_id="red")
    note = make(bowler, "frame", game_id=game, frame_number=2)
    assert ids_of(bowler, f"/v1/shots?session_id={session}&limit=2") == [practice, first, second]
    assert ids_of(bowler, f"/v1/shots?game_id={game}&limit=1") == [first, second]
    assert ids_of(bowler, f"/v1/shots?session_id={session}&ball_id=red&limit=1") == [practice, second]
    assert ids_of(bowler, "/v1/shots?capture_id=ab") == [first]
    assert ids_of(bowler, f"/v1/games?session_id={session}") == [game]
    assert sorted(ids_of(bowler, "/v1/games?limit=1")) == sorted([game, other])
    assert ids_of(bowler, f"/v1/frames?game_id={game}") == [note]
    assert ids_of(bowler, f"/v1/frames?game_id={other}") == ids_of(bowler, "/v1/shots?game_id=none") == []


@given(st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="-_="), max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cursor_is_one_of_the_list_or_refused(bowler: Bowler, cursor: str) -> None:
    """Whatever is sent as a cursor, a list answers with a page or says that it is none of its own."""
    for path in ("/v1/balls", "/v1/sessions", "/v1/shots?session_id=x"):
        answer = bowler("GET", f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
        assert answer.status in {200, 400}, (path, cursor, answer.data)


def test_a_cursor_of_another_list_is_refused(phone: Phone) -> None:
    """A place of one session is none in another, nor is one of all sessions in those of a day."""
    bowler, cursors = phone.bowler, []
    sessions = [make_session(bowler), make_session(bowler, "2026-11-25T19:00:00Z")]
    for session in sessions:
        for number in (1, 2):
            make(bowler, "shot", session_id=session, shot_number=number, count=1)
        cursors.append(bowler("GET", f"/v1/shots?session_id={session}&limit=1").json["next"])
    wrong = bowler("GET", f"/v1/shots?session_id={sessions[0]}&cursor={cursors[1]}")
    assert wrong.problem == "invalid-query"
    newest = bowler("GET", "/v1/sessions?limit=1").json["next"]
    assert bowler("GET", f"/v1/sessions?to=2026-11-25T00:00:00Z&cursor={newest}").problem == "invalid-query"
    assert bowler("GET", f"/v1/sessions?cursor={cursors[0]}").problem == "invalid-query"


def test_writes_at_the_same_moment_do_not_merge(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that another one came before, after the entry was read, is refused as any other of an old version."""
    ball = make(phone.bowler, "ball", name="blue")
    find, changes = reading.find, iter([phone.patch({"id": ball, "type": "ball"}, 1, colour="red")])

    def found(user_id: str, key: tuple[str, str]) -> Any:
        row = find(user_id, key)
        for change in changes:
            assert phone.push(change)[0]["status"] == "applied"
        return row

    monkeypatch.setattr(reading, "find", found)
    assert patch(phone.bowler, "ball", ball, '"1"', comment="mine").problem == "precondition-failed"
    assert phone.everything()["ball", ball]["fields"] == {"name": "blue", "colour": "red"}
    assert patch(phone.bowler, "ball", ball, "*", comment="mine").json["ver"] == 3


def test_ids_are_checked(bowler: Bowler) -> None:
    """An id that can be none is a missing one."""
    for entry_id in ("a%20b", "a" * 65, "caf%C3%A9"):
        assert bowler("GET", f"/v1/balls/{entry_id}").status == 404
    assert put(bowler, "ball", {"name": "x"}, uuid.uuid4().hex).status == 201


def test_the_documentation_names_every_field() -> None:
    """The tables of docs/api.md have exactly the fields of each type, with what is required marked."""
    page = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")
    for kind, entry_type in ENTRY_TYPES.items():
        table = page.partition(f"\n#### `{kind}`\n")[2].partition("\n#")[0]
        told = re.findall(r"^\| `(\w+)`(\*?) \|", table, re.MULTILINE)
        declared = msgspec.structs.fields(entry_type.fields)
        assert sorted(told) == sorted((each.name, "*" if each.required else "") for each in declared), kind
