"""Line scores from a spreadsheet: what is taken, what is told, and that nothing is there twice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phone_client.database import Database, DatabaseError
from phone_client.scorebook import Scorebook
from phone_client.scorebook.importing import ImportReport, Into, import_line_scores
from phone_client.scorebook.line_scores import LABELS, read_line_scores
from phone_client.scorebook.scores import read_game

STARTED_AT = "2026-11-24T18:00:00+01:00"
LEAGUE = """FRAME,1,2,3,4,5,6,7,8,9,10,11,12
COUNT,X,9/,81,X,X,8-,9/,7/,X,X,X,9
LEAVE,,10,7-10 S,,,2-4,7,3-6-10,,,,10
SCORE,20,38,47,,,,,,,,,197
TYPE,pocket,light,high,,,,,,,,,
BOARD,17.5,16,,,,,,,,,,
LANE,7,8,7,8,7,8,7,8,7,8,,
BALL,Phaze II,Phaze II,Spare,,,,,,,,,

COUNT,9/,9/,9/,9/,9/,9/,9/,9/,9/,9/,9,
SCORE,19,38,57,76,95,114,133,152,171,190,,
COUNT,X,X,X,X,X,X,X,X,X,X,X,X
"""


@pytest.fixture
def book(tmp_path: Path) -> Scorebook:
    """An empty scorebook."""
    return Scorebook(Database(tmp_path / "scorebook.db"))


def taken(book: Scorebook, text: str, started_at: str = STARTED_AT) -> ImportReport:
    """Import a text."""
    return import_line_scores(book, text, Into(None, started_at))


def test_games_come_with_all_that_the_rows_say(book: Scorebook) -> None:
    """Counts, leaves, fill balls, hits, boards, lanes and balls are where they belong, and the games score by them."""
    report = taken(book, LEAGUE)
    assert (report.sessions, report.games, report.shots, report.problems) == (1, 3, 50, [])
    games = [read_game(book, game) for game in book.every("game", ("game_number",))]
    assert [game.score.score for game in games] == [197, 190, 300]
    first = {(shot.fields["frame_number"], shot.fields["shot_number"]): shot.fields for shot in games[0].shots}
    assert first[3, 1]["pins_standing"] == 1 << 6 | 1 << 9
    assert (first[6, 1]["pins_standing"], first[6, 2]["pins_standing"]) == (0b1010, 0b1010)
    assert first[10, 3] == first[10, 3] | {"count": 9, "pins_standing": 1 << 9}
    names = {ball.id: ball.fields["name"] for ball in book.every("ball")}
    assert [names[first[frame, 1]["ball_id"]] for frame in (1, 2, 3)] == ["Phaze II", "Phaze II", "Spare"]
    assert (first[1, 1]["position"], first[1, 1]["board"], first[2, 1]["lane"]) == ("pocket", 17.5, 8)
    assert [note.fields["lane"] for note in book.every("frame", ("frame_number",))] == [7, 8] * 5
    assert games[1].score.frames[0].shots[0].leave is None


def test_the_same_file_again_makes_nothing(book: Scorebook) -> None:
    """A repeat finds its games, whatever time it is told; an equal game within the file is another game."""
    twice = LEAGUE + "\n" + LEAGUE
    assert taken(book, twice).games == 6
    before = book.unsent()
    again = taken(book, twice, "2027-01-01T00:00:00+01:00")
    assert (again.sessions, again.games, again.already_here) == (0, 0, 6)
    assert book.unsent() == before


def test_a_dry_run_writes_nothing(book: Scorebook) -> None:
    """It tells what a run would do, and does nothing of it."""
    report = import_line_scores(book, LEAGUE, Into(None, STARTED_AT), is_dry=True)
    assert (report.sessions, report.games, report.shots) == (1, 3, 50)
    assert (book.every("game"), book.unsent()) == ([], 0)


def test_sessions_have_their_times_from_the_file(book: Scorebook) -> None:
    """A row with a date begins a session of its own; one that is no date is told, and another time taken."""
    text = f"DATE,2026-10-01T19:30+02:00\n{LEAGUE}\nSESSION,soon\nCOUNT,9-\n"
    report = taken(book, text)
    assert (report.sessions, report.games) == (2, 4)
    assert [problem.label for problem in report.problems] == ["SESSION"]
    times = {session.fields["started_at"] for session in book.every("session")}
    assert len(times) == 2
    assert STARTED_AT in times


@pytest.mark.parametrize(
    ("text", "label", "told"),
    [
        ("COUNT,55,77\nSCORE,,150", "COUNT", "more pins than the 3"),
        ("COUNT,5,7/", "COUNT", "frame 1 lacks a ball"),
        ("COUNT,8/,Q\nSCORE,,,120", "COUNT", "'Q' is no shot"),
        ("COUNT,X,9/\nLEAVE,7,10", "LEAVE", "does not fit"),
        ("COUNT,81\nLEAVE,7-11", "LEAVE", "no pins"),
        ("COUNT,81\nLANE,left", "LANE", "no number"),
        ("COUNT,81\nBOARD,99", "BOARD", "not within"),
        ("COUNT,81\nSCORE,12", "SCORE", "comes to 9"),
        ("COUNT,X\nSCORE,10", "SCORE", "is not finished"),
        ("COUNT,81\nSCORE,301", "SCORE", "no score"),
        ("COUNT,81\nTYPE,,pocket", "TYPE", "no such ball"),
        ("TYPE,pocket\nSCORE,,,,,,,,,,150", "TYPE", "has no shots"),
        ("SHOES,42\nCOUNT,81", "SHOES", "not one of"),
        ("LEAVE,7\n", "LEAVE", "has no shots"),
        ("COUNT,8/,Q\nSCORE,,,120", "COUNT", "only its total was taken"),
        ("COUNT,8/,Q", "COUNT", "The game was not taken"),
        ("SCORE,20,38,47", "SCORE", "ends with 47 in frame 3"),
        ("COUNT,X,X,X,X,X,X,X,X,X,X,X,X,9", "COUNT", "'9' stands behind"),
        ("COUNT,81\nTYPE,,,,,,,,,,,,,brooklyn", "TYPE", "'brooklyn' stands behind"),
        ("DATE,\nCOUNT,81", "DATE", "tells no time"),
        ("DATE,soon\n\nCOUNT,81", "DATE", "'soon' is no time"),
    ],
)
def test_what_cannot_be_taken_is_told(book: Scorebook, text: str, label: str, told: str) -> None:
    """Each row that is wrong is in the report with its line, and what is right beside it is kept."""
    report = taken(book, text)
    (problem,) = [problem for problem in report.problems if told in problem.text]
    assert (problem.label, problem.line) == (label, 1 + text[: text.index(label)].count("\n"))
    if "SCORE" in text and label != "SCORE":
        (game,) = book.every("game")
        assert game.fields["entered_score"] == max(
            int(cell) for cell in text.replace("\n", ",").split(",") if cell.isdigit()
        )


def test_a_row_without_a_label_is_told() -> None:
    """Its cells are read by nobody; an empty row, and one that numbers the frames, say nothing that could be lost."""
    found = read_line_scores(",1,2,3,4\nCOUNT,81\n,,\n,X,9/,20\n")
    assert [(problem.line, problem.text) for problem in found.problems] == [(4, "it has no label: passed over")]


def test_a_row_that_numbers_the_frames_begins_a_game(book: Scorebook) -> None:
    """The rows below it may come in any order, and none of them goes to the game above."""
    report = taken(book, "FRAME,1,2\nCOUNT,X,9/\nFRAME,1,2\nLEAVE,7,10\nCOUNT,9/,9-")
    assert (report.games, report.problems) == (2, [])


def test_rows_that_a_spreadsheet_filled_up_are_the_same(book: Scorebook) -> None:
    """Empty cells behind a row, as many as a note far to the right makes, do not turn 12 columns into 24."""
    filled = "\n".join(line + "," * (27 - line.count(",")) if line else "" for line in LEAGUE.splitlines())
    assert read_line_scores(filled).problems == ()
    assert [game.shots for game in read_line_scores(filled).games] == [
        game.shots for game in read_line_scores(LEAGUE).games
    ]
    assert taken(book, filled).games == 3
    assert taken(book, LEAGUE).games == 0


def test_a_row_of_two_cells_a_frame_may_be_shorter() -> None:
    """Where the counts have 24 columns all rows have, also one whose empty cells were cut off."""
    (game,) = read_line_scores("COUNT,9,/,X,,8,-" + "," * 18 + "\nBALL,Phaze,,Tropical,,Spare\nSCORE,20,,38,,46").games
    assert {ball: notes["ball"] for ball, notes in game.notes.items()} == {
        (1, 1): "Phaze",
        (2, 1): "Tropical",
        (3, 1): "Spare",
    }
    assert game.scores == {1: 20, 2: 38, 3: 46}


def test_a_game_like_one_of_another_file_is_told(book: Scorebook) -> None:
    """Two evenings of the same total without a date: the second is no silent loss, and a date makes it a game."""
    assert taken(book, "SCORE,,,,,,,,,,150\n").problems == []
    assert taken(book, "SCORE,,,,,,,,,,150\n").problems == []
    other = "SCORE,,,,,,,,,,161\n\nSCORE,,,,,,,,,,150\n"
    report = taken(book, other)
    assert (report.games, report.already_here) == (1, 1)
    assert [(problem.line, problem.label) for problem in report.problems] == [(3, "GAME")]
    assert taken(book, other).problems == []
    dated = taken(book, "DATE,2026-11-17\n" + other)
    assert (dated.games, dated.problems) == (2, [])


def test_a_spare_in_the_tenth_has_its_fill_ball_in_the_eleventh_column(book: Scorebook) -> None:
    """What stands there belongs to the third ball, and a total behind it is compared."""
    report = taken(book, "COUNT" + ",9-" * 9 + ",9/,9\nLEAVE" + "," * 11 + "7\nSCORE" + "," * 12 + "101")
    (last,) = (shot.fields for shot in book.every("shot", game_id=book.every("game")[0].id) if _is_fill(shot.fields))
    assert (last["count"], last["pins_standing"]) == (9, 1 << 6)
    assert [problem.text for problem in report.problems if "comes to 100" in problem.text] != []


def _is_fill(fields: Mapping[str, Any]) -> bool:
    return (fields["frame_number"], fields["shot_number"]) == (10, 3)


def test_a_foul_stays_one_and_a_score_may_stand_under_the_second_ball(book: Scorebook) -> None:
    """The shot is marked as a foul; of two cells of a frame the score may be in either."""
    report = taken(book, "COUNT,F,9,8,1" + "," * 20 + "\nSCORE,,9,18," + "," * 20)
    assert report.problems == []
    assert [shot.fields.get("foul") for shot in book.every("shot", ("frame_number", "shot_number"))] == [
        True,
        None,
        None,
        None,
    ]
    assert read_line_scores("COUNT,F,9,8,1" + "," * 20 + "\nSCORE,,9,18," + "," * 20).games[0].scores == {1: 9, 2: 18}


def test_new_sessions_are_where_they_are_said_to_be(book: Scorebook) -> None:
    """The establishment of the command line is that of each session that the import makes."""
    import_line_scores(book, LEAGUE, Into(None, STARTED_AT, "our-alley"))
    assert [session.fields["establishment_id"] for session in book.every("session")] == ["our-alley"]


def test_a_session_of_more_than_1000_games_keeps_them(book: Scorebook) -> None:
    """A game's number ends at 1,000 and need not be its own: the games behind it are taken with that one."""
    session = book.add("session", started_at=STARTED_AT)
    book.add("game", session_id=session, game_number=1000)
    report = import_line_scores(book, "COUNT,81\nCOUNT,72", Into(session, STARTED_AT))
    assert (report.games, report.problems) == (2, [])


def test_games_of_a_named_session_go_on_with_its_numbers(book: Scorebook) -> None:
    """The session has a game already, so the file's first one is its second."""
    session = book.add("session", started_at=STARTED_AT)
    book.add("game", session_id=session, game_number=1)
    import_line_scores(book, "COUNT,81\nCOUNT,72", Into(session, STARTED_AT))
    assert [game.fields["game_number"] for game in book.every("game", ("game_number",))] == [1, 2, 3]


def test_a_hit_counts_in_whatever_capitals(book: Scorebook) -> None:
    """A spreadsheet's `Pocket` is the pocket of the statistics; words of one's own stay as they were written."""
    taken(book, "COUNT,X,9/,81\nTYPE,Pocket,H-POCKET,Past the nose")
    positions = [shot.fields["position"] for shot in book.every("shot") if "position" in shot.fields]
    assert sorted(positions) == ["Past the nose", "h-pocket", "pocket"]


def test_a_full_disk_ends_the_import(book: Scorebook, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, and not as a row of the file that cannot be taken."""
    monkeypatch.setattr(book, "add_all", Mock(side_effect=DatabaseError("the disk is full")))
    with pytest.raises(DatabaseError, match="full"):
        taken(book, LEAGUE)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_two_cells_a_frame_are_the_same_game(separator: str) -> None:
    """24 columns, a ball in each, say what 12 say; commas, semicolons and tabs separate."""
    wide = "COUNT,X,,9,/,8,1,10,,X,,8,-,9,/,7,/,X,,X,X,9,".replace(",", separator)
    narrow = "COUNT,X,9/,81,X,X,8-,9/,7/,X,X,X,9"
    (one,), (other,) = read_line_scores(wide).games, read_line_scores(narrow).games
    assert one.shots == other.shots


CELL = st.one_of(
    st.sampled_from(["", "X", "9/", "81", "F-", "10", "7-10", "150", "/", "ball", "-"]), st.text(max_size=6)
)
ROW = st.builds(
    lambda label, cells: ",".join([label, *cells]),
    st.one_of(st.sampled_from([*LABELS, "GAME", "DATE", "FRAME", ""]), st.text(max_size=6)),
    st.lists(CELL, max_size=26),
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(ROW, max_size=12).map("\n".join)))
def test_no_file_is_too_odd_to_be_read(text: str) -> None:
    """Whatever a file holds, games and problems come back, every shot within its frame, and none twice."""
    found = read_line_scores(text)
    lines = len(text.splitlines())
    assert all(0 <= problem.line <= max(lines, 1) for problem in found.problems)
    for game in found.games:
        assert game.shots or game.entered_score is not None
        assert all(1 <= frame <= 10 and 1 <= number <= 3 for frame, number in game.shots)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROW, max_size=12).map("\n".join))
def test_what_is_read_can_be_written(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """The scorebook takes every game that was read, and an import of the same again takes none."""
    with Database(tmp_path_factory.mktemp("book") / "scorebook.db") as database:
        book = Scorebook(database)
        report = taken(book, text)
        assert report.games == len(book.every("game")) == len(read_line_scores(text).games)
        assert taken(book, text).games == 0
