"""Statistics: figures over sessions, filters, entered totals, practice, and what reading them costs."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.scorebook import figures, pages
from chalicelib.scorebook.figures_model import StatisticsQuery
from chalicelib.versions import RawItem
from tests.api import Api
from tests.chalicelib.phones import Phone
from tests.chalicelib.scorebook_api import NINE_SPARE, PERFECT, make, make_session, path_of, shots_of
from tests.chalicelib.wire import Wire

SESSIONS = ("a", "a-b", "a.b", "A", "a_")


@pytest.fixture
def phone(api: Api) -> Phone:
    """The phone of a user who has nothing yet."""
    return Phone.of_new_user(api)


def add_game(phone: Phone, session: str, frames: Any, **shot_fields: Any) -> str:
    """Add a game with shots, and return its id."""
    game = make(phone.bowler, "game", session_id=session, game_number=1)
    shots = [{**shot, **shot_fields} for shot in shots_of(session, game, frames)]
    assert {each["status"] for each in phone.push(*(phone.put("shot", shot) for shot in shots))} == {"applied"}
    return game


def figures_of(phone: Phone, query: str = "") -> Any:
    """Return the statistics of a query."""
    answer = phone.bowler("GET", f"/v1/statistics{query}")
    assert answer.status == 200, answer.data
    return answer.json


def test_figures_are_numerators_and_denominators(phone: Phone) -> None:
    """A perfect game and one of nine and spare: each figure says of how many, and nothing gives no quotient."""
    nothing = figures_of(phone)
    assert (nothing["sessions"], nothing["strike"]) == (0, {"numerator": 0, "denominator": 0, "value": None})
    session = make_session(phone.bowler)
    add_game(phone, session, PERFECT, position="pocket")
    add_game(phone, session, NINE_SPARE)
    make(phone.bowler, "game", session_id=session, game_number=3, entered_score=80)
    make(phone.bowler, "shot", session_id=session, shot_number=1, pins_standing=0)
    found = figures_of(phone)
    assert found["strike"] == {"numerator": 10, "denominator": 20, "value": 0.5}
    assert found["spare_conversion"] == {"numerator": 10, "denominator": 10, "value": 1.0}
    assert found["strike_attempt"] == {"numerator": 13, "denominator": 24, "value": 13 / 24}
    assert (found["carry"]["numerator"], found["carry"]["denominator"], found["practice_shots"]) == (12, 12, 1)
    assert found["games"]["scored"] == {"count": 2, "total": 490, "average": 245.0, "high": 300, "low": 190}
    assert (found["games"]["entered"]["count"], found["games"]["together"]["low"]) == (1, 80)
    assert found["leaves"] == [
        {"pins_standing": 512, "kind": None, "conversion": {"numerator": 10, "denominator": 10, "value": 1.0}}
    ]


def test_filters_leave_out_what_does_not_fit(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """By time, session, event, establishment and ball; a deleted game counts nowhere, its shots neither."""
    monkeypatch.setattr("chalicelib.jobs.send", lambda _: None)
    bowler = phone.bowler
    event = make(bowler, "event", name="Tuesdays", kind="league")
    early = make_session(bowler, "2026-11-01T18:00:00Z", event_id=event)
    late = make_session(bowler, "2026-11-08T18:00:00Z", establishment_id="here")
    add_game(phone, early, PERFECT, ball_id="red")
    game = add_game(phone, late, NINE_SPARE, ball_id="blue")
    total = {
        query: figures_of(phone, query)["games"]["scored"]["total"]
        for query in (
            "?from=2026-11-08T18:00:00Z",
            "?to=2026-11-08T18:00:00Z",
            f"?session_id={late}",
            f"?session_id={late}&to=2026-11-08T18:00:00Z",
            "?session_id=none",
            f"?event_id={event}",
            "?establishment_id=here",
            "?ball_id=red",
        )
    }
    assert list(total.values()) == [190, 300, 190, 0, 0, 300, 190, 300]
    assert bowler("DELETE", path_of("game", game), headers={"If-Match": "*"}).status == 204
    found = figures_of(phone)
    assert (found["games"]["scored"]["total"], found["games"]["unfinished"]) == (300, 0)
    assert found["strike"]["denominator"] == 10


def test_filters_hold_together(phone: Phone) -> None:
    """Each of several filters has its say; a time is the same in whatever zone it is told, and to the microsecond."""
    bowler = phone.bowler
    event = make(bowler, "event", name="Tuesdays", kind="league")
    session = make_session(bowler, "2026-11-08T18:00:00.000001Z", event_id=event, establishment_id="here")
    add_game(phone, session, NINE_SPARE, ball_id="blue")
    add_game(phone, make_session(bowler, "2026-11-08T20:00:00Z", event_id=event), PERFECT, ball_id="blue")
    both = f"?event_id={event}&establishment_id=here"
    for query, total in (
        (both, 190),
        (f"{both}&ball_id=blue", 190),
        (f"{both}&ball_id=red", 0),
        (f"{both}&session_id={session}", 190),
        (f"?session_id={session}&establishment_id=there", 0),
        ("?from=2026-11-08T19:00:00.000001%2B01:00&to=2026-11-08T13:00:00.000002-05:00", 190),
        ("?from=2026-11-08T18:00:00.000002Z&to=2026-11-08T20:00:00Z", 0),
        ("?from=2026-11-08T21:00:00%2B01:00", 300),
    ):
        assert figures_of(phone, query)["games"]["scored"]["total"] == total, query
    assert figures_of(phone, f"{both}&ball_id=blue")["strike"]["denominator"] == 10
    make(bowler, "shot", session_id=session, shot_number=1, count=3, ball_id="red")
    assert [figures_of(phone, f"?ball_id={ball}")["practice_shots"] for ball in ("red", "blue")] == [1, 0]


def test_counts_tell_nothing_of_splits(phone: Phone) -> None:
    """Splits and washouts are of first balls whose pins were noted, and entered games have neither part nor ball."""
    session = make_session(phone.bowler)
    game = make(phone.bowler, "game", session_id=session, game_number=1)
    place = {"session_id": session, "game_id": game, "shot_number": 1}
    make(phone.bowler, "shot", **place, frame_number=1, count=8)
    make(phone.bowler, "shot", **place, frame_number=2, pins_standing=576)
    make(phone.bowler, "shot", **place, frame_number=3, pins_standing=515)
    make(phone.bowler, "game", session_id=session, game_number=2, entered_score=150)
    found = figures_of(phone)
    assert {name: (found[name]["numerator"], found[name]["denominator"]) for name in ("split", "washout")} == {
        "split": (1, 2),
        "washout": (1, 2),
    }
    assert found["first_ball"] == {"numerator": 23, "denominator": 3, "value": 23 / 3}
    assert (found["games"]["entered"]["total"], found["games"]["unfinished"]) == (150, 1)
    assert figures_of(phone, "?ball_id=red")["games"]["entered"]["count"] == 0


def test_no_more_is_read_than_the_range(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look at the head, one read of the range's sessions, and one of what is in each of them."""
    for day in range(1, 6):
        add_game(phone, make_session(phone.bowler, f"2026-11-0{day}T18:00:00Z"), PERFECT)
    user_id = phone.user_id
    query = StatisticsQuery("2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z")
    wire = Wire(monkeypatch)
    assert figures.show(user_id, query).sessions == 2
    assert [call.operation for call in wire.own] == ["GetItem", "Query", "Query", "Query"]


def test_everything_is_read_as_one(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a filter of sessions, all sessions and all that stands in them are one query each, a ball's too."""
    for day in range(1, 6):
        add_game(phone, make_session(phone.bowler, f"2026-11-0{day}T18:00:00Z"), PERFECT, ball_id="red")
    user_id = phone.user_id
    wire = Wire(monkeypatch)
    for query in (StatisticsQuery(), StatisticsQuery(ball_id="red")):
        found = figures.show(user_id, query)
        assert (found.sessions, found.games.together.total) == (5, 1500)
    assert [call.operation for call in wire.own] == ["GetItem", "Query", "Query"] * 2


def test_everything_is_what_the_sessions_are_together(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions whose ids begin alike stay apart, and what stands in a deleted one and is not swept yet is left out."""
    monkeypatch.setattr("chalicelib.jobs.send", lambda _: None)
    sessions = (*SESSIONS, "gone")
    for at, session in enumerate(sessions):
        started = {"started_at": f"2026-11-0{at + 1}T18:00:00Z"}
        assert phone.push(phone.put("session", started, session))[0]["status"] == "applied"
        add_game(phone, session, PERFECT if at % 2 else NINE_SPARE)
        make(phone.bowler, "shot", session_id=session, shot_number=1, pins_standing=0)
    assert phone.bowler("DELETE", path_of("session", "gone"), headers={"If-Match": "*"}).status == 204
    parts = [figures_of(phone, f"?session_id={session}") for session in sessions]
    assert [part["games"]["scored"]["total"] for part in parts] == [190, 300, 190, 300, 190, 0]
    found = figures_of(phone)
    assert (found["sessions"], found["games"]["scored"]["count"], found["practice_shots"]) == (5, 5, 5)
    assert found["games"]["scored"]["total"] == 1170
    for name in ("strike", "spare_conversion", "strike_attempt", "carry"):
        for of in ("numerator", "denominator"):
            assert found[name][of] == sum(part[name][of] for part in parts)


@given(
    shots=st.lists(
        st.fixed_dictionaries(
            {
                "session_id": st.sampled_from(SESSIONS),
                "game": st.sampled_from(("", "1", "1.1", "1-1")),
                "frame_number": st.integers(1, 10),
                "pins_standing": st.sampled_from((0, 1, 576, 1023)),
                "ball_id": st.sampled_from(("red", "blue")),
            }
        ),
        max_size=25,
    ),
    deleted=st.sets(st.sampled_from(SESSIONS), max_size=2),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_everything_is_what_a_long_range_is(
    api: Api, monkeypatch: pytest.MonkeyPatch, shots: list[dict[str, Any]], deleted: set[str]
) -> None:
    """Whatever stands where, deleted or not, one query for everything and one for each session count the same."""
    monkeypatch.setattr("chalicelib.jobs.send", lambda _: None)
    phone = Phone.of_new_user(api)
    changes = [phone.put("session", {"started_at": "2026-11-24T18:00:00Z"}, each) for each in SESSIONS]
    games = {(shot["session_id"], shot["game"]) for shot in shots if shot["game"]}
    changes += [phone.put("game", {"session_id": of, "game_number": 1}, of + each) for of, each in sorted(games)]
    for shot in shots:
        game = shot.pop("game")
        changes.append(
            phone.put("shot", {**shot, "shot_number": 1, "game_id": shot["session_id"] + game if game else None})
        )
    assert {each["status"] for each in phone.push(*changes)} == {"applied"}
    assert {each["status"] for each in phone.push(*(phone.delete("session", each) for each in deleted))} <= {"applied"}
    for ball in ("", "ball_id=red"):
        assert figures_of(phone, f"?{ball}") == figures_of(phone, f"?from=1970-01-01T00:00:00Z&{ball}")
    assert figures_of(phone)["sessions"] == len(SESSIONS) - len(deleted)


@pytest.mark.parametrize("query", ["", "?from=1970-01-01T00:00:00Z"])
def test_a_session_that_is_read_twice_counts_once(phone: Phone, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    """It may come in two pages of sessions, when it is moved back in time between the two."""
    add_game(phone, make_session(phone.bowler), PERFECT)
    once = pages.by_position

    def twice(*arguments: Any) -> Iterator[RawItem]:
        found = list(once(*arguments))
        yield from (*found, *found)

    monkeypatch.setattr(pages, "by_position", twice)
    found = figures_of(phone, query)
    assert (found["sessions"], found["games"]["together"]["total"], found["games"]["with_problems"]) == (1, 300, 0)
