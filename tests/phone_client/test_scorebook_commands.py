"""The scorebook from a terminal: games and shots without a network, and two phones before the real API."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from phone_client.cli import main, shot_commands
from phone_client.database import Database
from phone_client.scorebook import Scorebook
from phone_client.scorebook.notation import Place, WrittenShot, read_shots
from tests.api import PASSWORD, Bowler
from tests.phone_client.command_line import Printed, Run

OnPhone = Callable[..., Printed]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> OnPhone:
    """Runs a command on a phone without any network, on which nobody has logged in."""
    monkeypatch.setenv("PHONE_CLIENT_API", "http://127.0.0.1:9")

    def command(*arguments: str) -> Printed:
        code = main(["--home", str(tmp_path), *arguments])
        printed = capsys.readouterr()
        return Printed(code, printed.out, printed.err)

    return command


@pytest.fixture
def on_phone(run: Run, bowler: Bowler, tmp_path: Path) -> OnPhone:
    """Runs a command on one of the bowler's phones, each a folder; the bowler logs in on its first use."""
    seen: set[str] = set()

    def command(phone: str, *arguments: str) -> Printed:
        home = str(tmp_path / phone)
        if phone not in seen:
            seen.add(phone)
            logged_in = run("--home", home, "log-in", bowler.username, "--password-stdin", typed=(PASSWORD,))
            assert logged_in.code == 0
        return run("--home", home, *arguments)

    return command


def _total(printed: Printed) -> str:
    return printed.out.rstrip().splitlines()[-1]


def test_a_perfect_game_scores_300(alone: OnPhone) -> None:
    """Twelve strikes, typed in one after the other, are drawn as a sheet that ends in 300."""
    assert alone("game", "add").code == 0
    drawn = [alone("shot", "add", "last", "X") for _ in range(12)][-1]
    assert _total(drawn) == "score 300"
    assert "| 270 |   300 |" in drawn.out
    assert alone("show", "last").out == drawn.out


def test_nine_and_spare_throughout_scores_190(alone: OnPhone) -> None:
    """The same game by counts, frame by frame, with a nine to fill."""
    alone("game", "add")
    assert _total(alone("shot", "add", "last", *["9/"] * 10, "9")) == "score 190"


def test_an_unfinished_game_says_what_is_possible(alone: OnPhone) -> None:
    """A split is marked, what is pending has no total yet, and the most that can still come is told."""
    alone("game", "add", "--lane", "12")
    drawn = alone("shot", "add", "last", "@7,10/", "F9", "X")
    assert drawn.out.splitlines()[4].startswith("|8* / | F 9 |   X |")
    assert drawn.out.splitlines()[5].startswith("|  10 |  19 |     |")
    assert drawn.out.endswith("lane 12\n* a split\nscore 19 so far, at most 259\n")


def test_a_wrong_shot_writes_nothing(alone: OnPhone) -> None:
    """Of several shots of which one cannot be thrown none is kept, and the message names it."""
    alone("game", "add")
    refused = alone("shot", "add", "last", "X", "93")
    assert (refused.code, refused.out) == (2, "")
    assert "more pins than the 1 that stand" in refused.err
    assert "score 0 so far" in alone("show", "last").out


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59", "soon"])
def test_a_time_that_is_none_is_named(alone: OnPhone, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at the ends of the calendar, where the offset of this machine leads out of it."""
    monkeypatch.setenv("TZ", "UTC+1" if text.startswith("9") else "UTC-1")
    time.tzset()
    refused = alone("game", "add", "--at", text)
    monkeypatch.undo()
    time.tzset()
    assert (refused.code, f"{text} is no time such as" in refused.err) == (2, True)


def test_no_other_terminal_writes_between_a_place_and_its_shot(
    alone: OnPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a shot goes is read in the transaction that writes it: two terminals never write one shot twice."""
    alone("game", "add")
    (path,) = tmp_path.glob("scorebook-*.db")

    def read(texts: Sequence[str], place: Place) -> list[WrittenShot]:
        with (
            closing(sqlite3.connect(path, timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")
        return read_shots(texts, place)

    monkeypatch.setattr(shot_commands, "read_shots", read)
    assert alone("shot", "add", "last", "X").code == 0


def test_a_session_that_is_none_is_named(alone: OnPhone) -> None:
    """Figures of a mistyped session would be zeros that look true; the end of its id is enough."""
    alone("game", "add")
    session_id = json.loads(alone("--json", "games").out)[0]["session_id"]
    alone("shot", "add", "last", "9")
    assert "9 / 1" in alone("statistics", "--session", session_id[-8:]).out
    refused = alone("statistics", "--session", "nowhere")
    assert (refused.code, "There is no session nowhere" in refused.err) == (2, True)


def test_a_number_beyond_all_counting_is_refused(alone: OnPhone, capsys: pytest.CaptureFixture[str]) -> None:
    """It would not fit into the phone's database."""
    with pytest.raises(SystemExit):
        alone("conflicts", "keep", "9" * 23)
    assert "is no whole number above 0" in capsys.readouterr().err


def _typed(home: Path, *arguments: str, output: int | IO[str] = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    return subprocess.run(
        [sys.executable, "-m", "phone_client", "--home", str(home), *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        check=False,
    )


def test_a_terminal_of_few_letters_shows_the_others_by_their_numbers(alone: OnPhone, tmp_path: Path) -> None:
    """A comment that the terminal has no letters for ends no command, and JSON stays JSON."""
    alone("game", "add", "--comment", "größer 🎳")
    assert "comment: gr\\xf6\\xdfer \\U0001f3b3" in _typed(tmp_path, "show", "last").stdout
    told = json.loads(_typed(tmp_path, "--json", "show", "last").stdout)
    assert told["fields"]["comment"] == "größer 🎳"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file that takes nothing is Linux's")
def test_an_output_that_takes_nothing_is_told(alone: OnPhone, tmp_path: Path) -> None:
    """What was asked for is done, and that it could not be shown is one line."""
    with Path("/dev/full").open("w") as full:
        told = _typed(tmp_path, "game", "add", output=full)
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "What the command did stays done" in told.stderr
    assert len(alone("games").out.splitlines()) == 2


def test_a_shot_is_corrected(alone: OnPhone) -> None:
    """Its pins, count and foul are those that are typed, what was noted beside it stays, and the game scores anew."""
    alone("game", "add")
    alone("shot", "add", "last", "@7,10", "F", "--comment", "loud")
    drawn = alone("shot", "set", "last", "1.2", "/")
    assert drawn.out.splitlines()[4].startswith("|8* / |")
    drawn = alone("shot", "set", "last", "1.1", "9")
    assert drawn.out.splitlines()[4].startswith("|   9 |")
    assert "frame 1, shot 2: 2 pins are counted, and 1 stood." in drawn.out
    drawn = alone("shot", "set", "last", "1.2", "--", "-")
    assert drawn.out.splitlines()[4].startswith("| 9 - |")
    assert "frame 1, shot 2: loud" in drawn.out
    assert _total(alone("shot", "delete", "last", "1.2")) == "score 0 so far, at most 290"


@pytest.mark.parametrize(
    ("place", "sign", "told"),
    [
        ("3.1", "X", "no shot 3.1"),
        ("frame", "X", "no shot frame"),
        ("1.2", "4", "more pins than the 1"),
        ("1.1", "9/", "more than one shot"),
        ("2.2", "1", "missing or wrong"),
    ],
)
def test_a_correction_that_cannot_be_is_named(alone: OnPhone, place: str, sign: str, told: str) -> None:
    """A wrong correction changes nothing: no such place, impossible pins, several shots, or one before it missing."""
    alone("game", "add")
    alone("shot", "add", "last", "9-", "81")
    alone("shot", "delete", "last", "2.1")
    before = alone("show", "last").out
    refused = alone("shot", "set", "last", place, sign)
    assert (refused.code, told in refused.err) == (2, True)
    assert alone("show", "last").out == before


def test_a_game_shows_what_was_noted(alone: OnPhone) -> None:
    """Lane, result and comments stand under the sheet; a total beside shots is kept, and said not to count."""
    alone("game", "add", "--lane", "12", "--comment", "dry\nlane")
    alone("shot", "add", "last", "9", "--comment", "stood up late")
    drawn = alone("game", "set", "last", "won=true", "entered_score=120")
    assert drawn.out.splitlines()[-5:] == [
        "lane 12, won",
        "comment: dry lane",
        "frame 1, shot 1: stood up late",
        "entered score 120: kept, and counts only without shots",
        "score 0 so far, at most 290",
    ]
    assert "comment: 12" in alone("game", "set", "last", "comment=12").out.splitlines()
    alone("game", "add", "--score", "0", "--comment", "ill")
    assert alone("show", "last").out.splitlines()[-2:] == ["comment: ill", "score 0, as entered"]
    assert re.search(r"high game +0 *\n", alone("statistics").out)


@pytest.mark.parametrize("day", ["2026-13-01", "2026-02-30", "soon", "2026-1-1"])
def test_a_day_that_is_none_is_refused(alone: OnPhone, capsys: pytest.CaptureFixture[str], day: str) -> None:
    """A mistyped day is told, and not answered with figures of nothing."""
    with pytest.raises(SystemExit):
        alone("statistics", "--from", day)
    assert f"{day} is no day such as" in capsys.readouterr().err


def test_games_are_listed_newest_first_and_found_by_the_end_of_their_id(alone: OnPhone) -> None:
    """A second game of the day gets the next number, an entered total is marked, and an id's end names a game."""
    alone("game", "add")
    alone("game", "add", "--score", "187")
    alone("game", "add", "--at", "2025-01-05T20:00", "--number", "7")
    listed = alone("games").out.splitlines()
    assert [line.split()[2] for line in listed[1:]] == ["2", "1", "7"]
    assert re.search(r"187 +entered +no", listed[1])
    last_id = listed[3].split()[-1]
    assert alone("show", last_id[-8:]).out.startswith("game 7  2025-01-05T20:00")
    unknown = alone("show", "nothing-like-it")
    assert (unknown.code, unknown.err.count("\n")) == (2, 1)


def test_statistics_say_what_they_are_made_of(alone: OnPhone) -> None:
    """Every figure has its numerator and denominator, and days outside are left out."""
    alone("game", "add", "--at", "2026-11-24T20:00")
    alone("shot", "add", "last", *["9/"] * 10, "9")
    figures = alone("statistics").out
    assert re.search(r"spares +100\.0 % +10 / 10", figures)
    assert re.search(r"game average +190\.00 +190 / 1", figures)
    assert re.search(r"games +0", alone("statistics", "--from", "2026-11-25").out)
    told = json.loads(alone("--json", "statistics", "--to", "2026-11-24").out)
    assert told["spare"] == {"numerator": 10, "denominator": 10}


def test_everything_is_there_as_json(alone: OnPhone) -> None:
    """A game's frames are objects with the names of the API."""
    game_id = json.loads(alone("--json", "game", "add").out)["id"]
    alone("shot", "add", game_id, "X")
    told = json.loads(alone("--json", "show", game_id).out)
    assert told["frames"][0] == {
        "number": 1,
        "cumulative": None,
        "kind": "strike",
        "shots": [
            {
                "number": 1,
                "count": 10,
                "pins_standing": 0,
                "foul": False,
                "symbol": "X",
                "leave": None,
                "is_first": True,
            }
        ],
    }
    assert json.loads(alone("--json", "games").out)[0]["id"] == game_id
    assert json.loads(alone("--json", "conflicts").out) == []


def test_without_a_login_a_sync_keeps_what_was_written(alone: OnPhone) -> None:
    """Nothing is lost: the exit code and the message say to log in."""
    alone("game", "add")
    refused = alone("sync")
    assert refused.code == 5
    assert "is kept here; log in first" in refused.err
    assert "no" in alone("games").out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_spreadsheet_is_read_in_its_own_letters(alone: OnPhone, tmp_path: Path, encoding: str) -> None:
    """Whatever a spreadsheet writes, the ball keeps its name; what was taken is told in plain words."""
    file = tmp_path / "league.csv"
    file.write_bytes("COUNT;X\r\nBALL;Böse Kugel\r\n".encode(encoding))
    told = alone("import-scores", str(file))
    assert told.out == "Taken: 1 game with 1 shot, in 1 new session. The next `sync` sends it.\n"
    again = alone("import-scores", str(file))
    assert again.out == "Taken: 0 games with 0 shots, in 0 new sessions. 1 game was here already.\n"
    (path,) = tmp_path.glob("scorebook-*.db")
    with Database(path) as database:
        assert [ball.fields["name"] for ball in Scorebook(database).every("ball")] == ["Böse Kugel"]


def test_a_file_without_a_game_is_told_as_a_failure(alone: OnPhone, tmp_path: Path) -> None:
    """Nothing is written, the exit code is 1, and the last line says what a game looks like."""
    file = tmp_path / "shopping.csv"
    file.write_text("milk,2\nbread,1\n")
    told = alone("import-scores", str(file))
    assert told.code == 1
    assert "a game is rows that begin with COUNT" in told.out.splitlines()[-1]
    assert alone("import-scores", str(file), "--dry-run").code == 1


@pytest.mark.parametrize(
    "command",
    [("import-scores",), ("game", "add"), ("shot", "add"), ("shot", "set"), ("statistics",), ("conflicts",), ("sync",)],
)
def test_help_has_examples(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command of the scorebook explains itself with lines that can be typed in."""
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert f"python -m phone_client {' '.join(command)}" in capsys.readouterr().out.split("examples:")[1]


def test_two_phones_and_one_game(on_phone: OnPhone) -> None:
    """What one phone wrote the other shows after a sync; of two counts for one shot the user decides."""
    on_phone("one", "game", "add")
    on_phone("one", "shot", "add", "last", "9", "--comment", "stood up late")
    synced = on_phone("one", "sync")
    assert (synced.code, synced.out.splitlines()[0]) == (0, "Synced: 3 sent, 3 received, 0 still to send.")
    assert on_phone("two", "sync").code == 0
    assert on_phone("two", "show", "last").out == on_phone("one", "show", "last").out
    on_phone("one", "shot", "add", "last", "/")
    on_phone("two", "shot", "add", "last", "-")
    on_phone("one", "sync")
    on_phone("two", "sync")
    # Two phones wrote the second shot of the frame: both are kept, and the game says so.
    for phone in ("one", "two"):
        on_phone(phone, "sync")
        assert "no score: correct the shots above" in on_phone(phone, "show", "last").out
    asked = on_phone("two", "shot", "delete", "last", "1.2")
    ids = re.findall(r"([0-9a-f-]{36}) \((?:pins_standing 0, )?count (\d)", asked.err)
    assert (asked.code, sorted(count for _, count in ids)) == (2, ["0", "1"])
    (missed,) = (id_ for id_, count in ids if count == "0")
    assert _total(on_phone("two", "shot", "delete", "last", missed[-12:])) == "score 0 so far, at most 290"
    on_phone("two", "sync")
    on_phone("one", "sync")
    assert on_phone("one", "show", "last").out.splitlines()[4].startswith("| 9 / |")


def test_a_conflict_is_shown_and_decided(on_phone: OnPhone) -> None:
    """A total that two phones changed is listed with both sides; kept, it is everywhere; dropped, it is nowhere."""
    on_phone("one", "game", "add", "--score", "150")
    game_id = json.loads(on_phone("one", "--json", "games").out)[0]["id"]
    for phone in ("one", "two"):
        on_phone(phone, "sync")
    for phone, score in (("one", 160), ("two", 170)):
        assert on_phone(phone, "game", "set", game_id, f"entered_score={score}").code == 0
    on_phone("one", "sync")
    assert on_phone("two", "sync").out.splitlines()[1] == "1 of your changes waits for your decision. Next: conflicts"
    listed = on_phone("two", "conflicts").out
    assert "changed on another phone too" in listed
    assert re.search(r"mine +entered_score = 170", listed)
    assert re.search(r"theirs +entered_score = 160", listed)
    assert on_phone("two", "conflicts", "keep").code == 2
    assert on_phone("two", "conflicts", "keep", "1", "--set", "entered_score=175").code == 0
    assert on_phone("two", "conflicts").out == "Nothing waits for your decision.\n"
    on_phone("two", "sync")
    on_phone("one", "sync")
    assert json.loads(on_phone("one", "--json", "games").out)[0]["entered_score"] == 175


def test_another_user_on_the_same_phone_sends_nothing(
    on_phone: OnPhone, run: Run, new_bowler: Callable[[], Bowler], tmp_path: Path
) -> None:
    """A scorebook is one user's: logged in as another one, it is neither sent nor mixed."""
    on_phone("one", "game", "add")
    assert on_phone("one", "sync").code == 0
    on_phone("one", "game", "add", "--comment", "mine")
    other = new_bowler()
    run("--home", str(tmp_path / "one"), "log-in", other.username, "--password-stdin", typed=(PASSWORD,))
    refused = on_phone("one", "sync")
    assert (refused.code, "belongs to another user" in refused.err) == (2, True)
    assert other("GET", "/v1/sync/pull").json["changes"] == []
