"""Line scores into the phone's scorebook: a game wholly or not at all, and the same file twice is there once."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import tenpin
from phone_client.scorebook.checking import EntryError
from phone_client.scorebook.line_scores import LineGame, RowProblem, read_line_scores

if TYPE_CHECKING:
    from phone_client.scorebook.book import Scorebook

_New = tuple[str, str, dict[str, Any]]
_LIKE_ANOTHER = (
    "a game just like this came with another file, and neither tells its day: not taken again. "
    "If it is another game, put a DATE row above it"
)


@dataclass(slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        sessions: How many sessions it made.
        games: How many games it made.
        shots: How many shots those have.
        already_here: How many of the file's games an earlier import had made.
        problems: Every row that was not taken, or not wholly.
    """

    sessions: int = 0
    games: int = 0
    shots: int = 0
    already_here: int = 0
    problems: list[RowProblem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Into:
    """Where the games go.

    Attributes:
        session_id: A session that is there; None for sessions of their own.
        started_at: When a session began whose row in the file tells no time.
        establishment_id: Where the new sessions were.
    """

    session_id: str | None
    started_at: str
    establishment_id: str | None = None

    @property
    def link(self) -> dict[str, str]:
        """What a new session says of where it was."""
        return {} if self.establishment_id is None else {"establishment_id": self.establishment_id}


def import_line_scores(book: "Scorebook", text: str, into: Into, *, is_dry: bool = False) -> ImportReport:
    """Take a file's games into the scorebook.

    Ids are made of what the file holds: the same file again, after a crash or on another phone, makes nothing twice.

    Args:
        book: The phone's scorebook.
        text: The file.
        into: Where its games go.
        is_dry: Write nothing, and report what would be done.
    """
    found = read_line_scores(text)
    report = ImportReport(problems=list(found.problems))
    occurrences, numbers = Counter[str](), Counter[str]()
    dry: set[str] | None = set() if is_dry else None
    # Of the whole file where no row tells of a session, so that a second run goes on in the first one's.
    own_session = _digest("session", text)
    is_new_file = not book.knows("session", own_session)
    for game in found.games:
        report.problems += differences(game)
        content = _digest("game", game.session, _content(game))
        occurrences[content] += 1
        session_id = into.session_id or (_digest("session", game.session) if game.session else own_session)
        if session_id not in numbers:
            numbers[session_id] = _last_number(book, session_id)
        task = _Task(game, _digest(content, occurrences[content], into.session_id), session_id, numbers[session_id] + 1)
        if not book.knows("game", task.game_id):
            numbers[session_id] += _import_game(book, task, into, report, dry)
            continue
        report.already_here += 1
        if is_new_file and not game.session and into.session_id is None:
            report.problems.append(RowProblem(game.line, "GAME", _LIKE_ANOTHER))
    report.problems.sort(key=lambda problem: problem.line)
    return report


def differences(game: LineGame) -> list[RowProblem]:
    """Return where a game's SCORE row and its shots disagree: the first frame."""
    if not game.shots:
        return []
    scored = tenpin.score_shots(
        tenpin.BowledShot(frame, number, tenpin.Shot(shot.pins_standing, shot.count, shot.foul))
        for (frame, number), shot in game.shots.items()
    )
    for frame in scored.frames:
        told = game.scores.get(frame.number)
        if told is not None and told != frame.cumulative:
            is_open = "is not finished" if frame.cumulative is None else f"comes to {frame.cumulative}"
            text = f"says {told} for frame {frame.number}, which {is_open} by its shots. The shots were taken"
            return [RowProblem(game.score_line, "SCORE", text)]
    return []


@dataclass(frozen=True, slots=True)
class _Task:
    game: LineGame
    game_id: str
    session_id: str
    number: int


def _last_number(book: "Scorebook", session_id: str) -> int:
    return max((game.fields["game_number"] for game in book.every("game", session_id=session_id)), default=0)


def _import_game(book: "Scorebook", task: _Task, into: Into, report: ImportReport, dry: set[str] | None) -> bool:
    """Write a game with what it needs, or note in `dry` which session it would have made; tell whether it went."""
    new: list[_New] = []
    if not book.knows("session", task.session_id) and task.session_id not in (dry or ()):
        new.append(("session", task.session_id, {"started_at": _started_at(task.game, into, report), **into.link}))
    new += _balls(book, task.game)
    new += _entries(task, _ball_ids(book, task.game))
    if dry is not None:
        dry.add(task.session_id)
    else:
        try:
            book.add_all(new)
        except EntryError as error:
            report.problems.append(RowProblem(task.game.line, "GAME", f"{error} The game was not taken"))
            return False
    report.sessions += sum(kind == "session" for kind, _, _ in new)
    report.games += 1
    report.shots += len(task.game.shots)
    return True


def _started_at(game: LineGame, into: Into, report: ImportReport) -> str:
    try:
        return local_moment(game.session) if game.session else into.started_at
    except ValueError:
        text = f"{game.session[:40]!r} is no time such as 2026-11-24T18:00: {into.started_at} was taken"
        row = game.session_row
        report.problems.append(RowProblem(row.line if row else game.line, row.label if row else "SESSION", text))
        return into.started_at


def local_moment(text: str) -> str:
    """Return a date, or a time, with its offset; without one it is meant by this machine's clock.

    Raises:
        ValueError: It is no time.
    """
    try:
        return datetime.fromisoformat(text).astimezone().isoformat(timespec="seconds")
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _entries(task: _Task, balls: dict[str, str]) -> list[_New]:
    game, game_id = task.game, task.game_id
    lanes = {frame: notes["lane"] for (frame, number), notes in game.notes.items() if number == 1 and "lane" in notes}
    fields = {
        "session_id": task.session_id,
        "game_number": min(task.number, 1000),
        "starting_lane": lanes.get(1),
        "entered_score": game.entered_score,
    }
    new: list[_New] = [("game", game_id, {name: value for name, value in fields.items() if value is not None})]
    for frame, lane in sorted(lanes.items()):
        note = {"game_id": game_id, "frame_number": frame, "lane": lane}
        new.append(("frame", f"{game_id}-{frame}", note))
    for (frame, number), shot in sorted(game.shots.items()):
        notes = game.notes.get((frame, number), {})
        beside = {name: notes.get(name) for name in ("position", "board", "lane")}
        written = {
            "session_id": task.session_id,
            "game_id": game_id,
            "frame_number": frame,
            "shot_number": number,
            "count": shot.count,
            "pins_standing": shot.pins_standing,
            "foul": shot.foul or None,
            "ball_id": balls.get(str(notes.get("ball"))),
            **beside,
        }
        kept = {name: value for name, value in written.items() if value is not None}
        new.append(("shot", f"{game_id}-{frame}-{number}", kept))
    return new


def _names(game: LineGame) -> list[str]:
    return sorted({str(notes["ball"]) for notes in game.notes.values() if "ball" in notes})


def _ball_ids(book: "Scorebook", game: LineGame) -> dict[str, str]:
    """Return the ball of each name, one of the scorebook where there is one of this name."""
    names = _names(game)
    known = {str(ball.fields.get("name")): ball.id for ball in book.every("ball")} if names else {}
    return {name: known.get(name) or _digest("ball", name) for name in names}


def _balls(book: "Scorebook", game: LineGame) -> list[_New]:
    ids = _ball_ids(book, game)
    return [("ball", id_, {"name": name}) for name, id_ in ids.items() if not book.knows("ball", id_)]


def _content(game: LineGame) -> Sequence[Any]:
    shots = [(*ball, shot.count, shot.pins_standing, shot.foul) for ball, shot in sorted(game.shots.items())]
    notes = [(*ball, sorted(notes.items())) for ball, notes in sorted(game.notes.items()) if notes]
    return (shots, notes, game.entered_score)


def _digest(*parts: Any) -> str:
    return "import-" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
