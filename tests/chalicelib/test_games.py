"""Games with their scores, by push and by direct routes, and what a direct route refuses."""

import math
from typing import Any

import pytest

from chalicelib.scorebook import entries, sessions, store, tree
from local_cloud.cloud import LocalCloud
from tests.api import Api, Bowler
from tests.chalicelib.phones import Phone
from tests.chalicelib.scorebook_api import (
    NINE_SPARE,
    PERFECT,
    make,
    make_session,
    patch,
    path_of,
    put,
    shots_of,
)
from tests.chalicelib.test_scorebook_cost import size_of
from tests.chalicelib.wire import Wire


@pytest.fixture
def phone(api: Api) -> Phone:
    """The phone of a user who has nothing yet."""
    return Phone.of_new_user(api)


def new_game(bowler: Bowler, **fields: Any) -> tuple[str, str]:
    """Make a session with a game, and return the ids of both."""
    session = make_session(bowler)
    return session, make(bowler, "game", session_id=session, game_number=1, **fields)


def game_of(bowler: Bowler, game: str) -> Any:
    """Return a game as it is shown."""
    answer = bowler("GET", path_of("game", game))
    assert answer.status == 200, answer.data
    return answer.json


@pytest.mark.parametrize(("frames", "score"), [(PERFECT, 300), (NINE_SPARE, 190)])
@pytest.mark.parametrize("by_push", [True, False])
def test_scores_are_right(phone: Phone, frames: Any, score: int, *, by_push: bool) -> None:
    """Twelve strikes score 300, nine and spare throughout with a nine 190, whichever way the shots came."""
    session, game = new_game(phone.bowler)
    shots = shots_of(session, game, frames)
    if by_push:
        assert {each["status"] for each in phone.push(*(phone.put("shot", shot) for shot in shots))} == {"applied"}
    else:
        for shot in shots:
            make(phone.bowler, "shot", **shot)
    shown = game_of(phone.bowler, game)
    assert (shown["score"], shown["maximum"], shown["is_complete"], shown["entered"]) == (score, score, True, False)
    assert [frame["number"] for frame in shown["frames"]] == list(range(1, 11))
    assert shown["frames"][9]["cumulative"] == score
    assert shown["frames"][9]["shots"][0]["scored"]["symbol"] == ("X" if score == 300 else "9")
    shown_tree = phone.bowler("GET", f"/v1/sessions/{session}/tree").json
    assert shown_tree["games"] == [shown]


def test_a_tree_holds_everything_in_its_place(phone: Phone) -> None:
    """Games by number, notes at their frames, practice apart, a total that was typed in marked as one."""
    session, game = new_game(phone.bowler)
    entered = make(phone.bowler, "game", session_id=session, game_number=2, entered_score=201)
    note = make(phone.bowler, "frame", game_id=game, frame_number=3, comment="slow")
    shot = make(phone.bowler, "shot", session_id=session, game_id=game, frame_number=3, shot_number=1, count=7)
    practice = make(phone.bowler, "shot", session_id=session, shot_number=1, pins_standing=0)
    shown_tree = phone.bowler("GET", f"/v1/sessions/{session}/tree").json
    assert [each["id"] for each in shown_tree["games"]] == [game, entered]
    assert [(each["score"], each["entered"]) for each in shown_tree["games"]] == [(None, False), (201, True)]
    third = shown_tree["games"][0]["frames"][2]
    assert ([each["id"] for each in third["notes"]], [each["id"] for each in third["shots"]]) == ([note], [shot])
    assert [each["id"] for each in shown_tree["practice"]] == [practice]
    assert phone.bowler("DELETE", path_of("game", game), headers={"If-Match": "*"}).status == 204
    assert [each["id"] for each in phone.bowler("GET", f"/v1/sessions/{session}/tree").json["games"]] == [entered]


def test_what_a_push_stored_the_game_tells(phone: Phone) -> None:
    """A pin that stands up again comes by push, is shown as a problem, and takes the score away from there on."""
    session, game = new_game(phone.bowler)
    shots = shots_of(session, game, [[(10, 0)], [(9, 512), (0, 1)]])
    shots[-1]["count"] = None
    assert {each["status"] for each in phone.push(*(phone.put("shot", shot) for shot in shots))} == {"applied"}
    shown = game_of(phone.bowler, game)
    (problem,) = shown["problems"]
    assert (problem["frame_number"], problem["shot_number"], problem["code"]) == (2, 2, "pin-stands-up")
    assert (shown["score"], shown["maximum"], shown["frames"][1]["cumulative"]) == (None, None, None)
    # What was wrong before keeps nobody from noting something else, and the wrong shot can be put right.
    make(phone.bowler, "shot", session_id=session, game_id=game, frame_number=3, shot_number=1, count=4)
    wrong = shown["frames"][1]["shots"][1]["id"]
    assert patch(phone.bowler, "shot", wrong, comment="which pin?").status == 200
    assert patch(phone.bowler, "shot", wrong, pins_standing=512).status == 200
    assert game_of(phone.bowler, game)["problems"] == []


@pytest.mark.parametrize(
    ("shot", "path"),
    [
        ({"frame_number": 1, "shot_number": 2, "pins_standing": 1}, "$.fields.pins_standing"),
        ({"frame_number": 1, "shot_number": 2, "count": 2, "pins_standing": 0}, "$.fields.count"),
        ({"frame_number": 1, "shot_number": 2, "count": 5}, "$.fields.count"),
        ({"frame_number": 1, "shot_number": 1, "count": 8}, "$.fields.shot_number"),
        ({"frame_number": 2, "shot_number": 2, "count": 0}, "$.fields.shot_number"),
        ({"frame_number": 1, "shot_number": 3, "count": 0}, "$.fields.shot_number"),
    ],
)
def test_a_direct_route_refuses_contradictions(phone: Phone, shot: dict[str, Any], path: str) -> None:
    """A pin that stands up, a count that disagrees, a shot too many, one twice: 422, the field named, nothing kept."""
    session, game = new_game(phone.bowler)
    for kept in shots_of(session, game, [[(9, 512)], [(10, 0)]]):
        make(phone.bowler, "shot", **kept)
    before = game_of(phone.bowler, game)
    refused = put(phone.bowler, "shot", {"session_id": session, "game_id": game, **shot})
    assert refused.problem == "invalid-request"
    assert [error["path"] for error in refused.json["errors"]] == [path]
    assert game_of(phone.bowler, game) == before


def test_a_change_is_judged_by_the_state_after_it(phone: Phone) -> None:
    """A first ball cannot be changed to what its second contradicts, and a note about it always can."""
    session, game = new_game(phone.bowler)
    first, _ = (make(phone.bowler, "shot", **shot) for shot in shots_of(session, game, [[(9, 512), (1, 0)]]))
    refused = patch(phone.bowler, "shot", first, count=10, pins_standing=0)
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.fields.shot_number")
    assert patch(phone.bowler, "shot", first, comment="a note").status == 200
    assert patch(phone.bowler, "shot", first, count=8, pins_standing=576).status == 422
    assert patch(phone.bowler, "shot", first, count=9, pins_standing=1).status == 200


def test_a_replacement_is_judged_without_what_it_drops(phone: Phone) -> None:
    """A PUT that names a count alone forgets the pins, which then contradict nothing."""
    session, game = new_game(phone.bowler)
    (shot,) = shots_of(session, game, [[(9, 512)]])
    first = make(phone.bowler, "shot", **shot)
    del shot["pins_standing"]
    assert put(phone.bowler, "shot", {**shot, "count": 8}, first, **{"If-Match": "*"}).status == 200


def test_a_shot_moves_only_to_where_it_fits(phone: Phone) -> None:
    """To another game's frame that has such a shot already it does not; to an empty one it does."""
    session, game = new_game(phone.bowler)
    other = make(phone.bowler, "game", session_id=session, game_number=2)
    (shot,) = shots_of(session, game, [[(9, 512)]])
    first = make(phone.bowler, "shot", **shot)
    in_the_way = make(phone.bowler, "shot", **{**shot, "game_id": other})
    refused = patch(phone.bowler, "shot", first, game_id=other)
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.fields.shot_number")
    assert phone.bowler("DELETE", path_of("shot", in_the_way), headers={"If-Match": "*"}).status == 204
    assert patch(phone.bowler, "shot", first, game_id=other).status == 200
    assert game_of(phone.bowler, other)["frames"][0]["shots"][0]["id"] == first


def test_what_was_wrong_before_may_stay_wrong(phone: Phone) -> None:
    """A shot that a push stored against the rules is not held to them by a change that leaves the same problem."""
    session, game = new_game(phone.bowler)
    shots = [{**shot, "count": None} for shot in shots_of(session, game, [[(9, 512), (0, 1)]])]
    changes = [phone.put("shot", shot) for shot in shots]
    phone.push(*changes)
    (problem,) = game_of(phone.bowler, game)["problems"]
    assert patch(phone.bowler, "shot", changes[1]["id"], pins_standing=2).status == 200
    (still,) = game_of(phone.bowler, game)["problems"]
    assert (problem["code"], still["code"]) == ("pin-stands-up", "pin-stands-up")
    refused = patch(phone.bowler, "shot", changes[1]["id"], pins_standing=None, count=5)
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.fields.count")


def test_what_another_problem_hid_is_not_held_against_a_shot(phone: Phone) -> None:
    """A shot that is put right is taken, though a third one of its frame then shows as one too many."""
    session, game = new_game(phone.bowler)
    shots = [{**shot, "count": None} for shot in shots_of(session, game, [[(9, 512), (0, 1), (0, 512)]])]
    changes = [phone.put("shot", shot) for shot in shots]
    phone.push(*changes)
    assert patch(phone.bowler, "shot", changes[1]["id"], pins_standing=512).status == 200
    (problem,) = game_of(phone.bowler, game)["problems"]
    assert (problem["shot_number"], problem["code"]) == (3, "too-many-shots")


def test_a_note_costs_no_look_at_the_game(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what makes the score is judged against the other shots; a comment reads none of them."""
    session, game = new_game(phone.bowler)
    (shot,) = shots_of(session, game, [[(9, 512)]])
    first, user_id = make(phone.bowler, "shot", **shot), phone.user_id
    wire = Wire(monkeypatch)
    for fields, reads in (({"comment": "late"}, []), ({"count": 8, "pins_standing": 576}, ["Query"])):
        entries.change(entries.Wanted(user_id, ("shot", first), "patch", fields), None)
        asked = [call.operation for call in wire.own]
        assert asked == ["GetItem", "GetItem", "GetItem", *reads, "TransactWriteItems"]
        wire.heal()


def test_a_tree_costs_one_read_and_one_query(cloud: LocalCloud, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 85 entries: a GetItem, a Query, and 10 read units or fewer, whatever else the user has."""
    assert cloud.aws_url
    session = make_session(phone.bowler)
    games = [phone.put("game", {"session_id": session, "game_number": number}) for number in range(1, 5)]
    shots = [shot for game in games for shot in shots_of(session, str(game["id"]), NINE_SPARE)][:80]
    assert {each["status"] for each in phone.push(*games, *(phone.put("shot", shot) for shot in shots))} == {"applied"}
    user_id, wire = phone.user_id, Wire(monkeypatch)
    sessions.show_tree(user_id, session)
    assert [call.operation for call in wire.own] == ["GetItem", "Query"]
    read = list(store.below(user_id, tree.below_session(session)))
    assert len(read) == 84
    assert 1 + math.ceil(sum(map(size_of, read)) / 4096) <= 10
