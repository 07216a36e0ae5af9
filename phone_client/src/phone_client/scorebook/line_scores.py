"""Line scores as bowlers keep them in a spreadsheet (docs/import.md): read whole, whatever the file holds. Pure."""

import csv
import io
import re
from dataclasses import dataclass, field

from phone_client.errors import UsageError
from phone_client.scorebook.notation import FRAMES, PINS, Place, WrittenShot, read_shots

LABELS = ("COUNT", "LEAVE", "SCORE", "TYPE", "BOARD", "LANE", "BALL")
CELLS = FRAMES + 2
"""Ten frames, and the fill balls of the tenth."""
MOST_CHARACTERS = 10_000_000
_BEGINS_A_SESSION = ("SESSION", "DATE")
_PASSED_OVER = ("FRAME", "FRAMES", "")
_LONGEST_PAIRED = CELLS + 2
_PINS = re.compile(r"(?:10|[1-9])(?:[-, ]+(?:10|[1-9]))*")
_Ball = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What could not be taken, and what became of it.

    Attributes:
        line: The line of the file, the first one is 1.
        label: The row's label.
        text: What is wrong with it, and what was kept.
    """

    line: int
    label: str
    text: str


@dataclass(slots=True)
class LineGame:
    """A game of the file.

    Attributes:
        line: The line where it begins.
        session: The text of the session row before it; empty when there was none.
        shots: Its shots by frame and shot number.
        notes: What stands beside some shots: `position`, `board`, `lane` and `ball`.
        entered_score: The total, for a game without shots.
    """

    line: int
    session: str = ""
    shots: dict[_Ball, WrittenShot] = field(default_factory=dict)
    notes: dict[_Ball, dict[str, str | float | int]] = field(default_factory=dict)
    entered_score: int | None = None
    scores: dict[int, int] = field(default_factory=dict)
    """What the SCORE row says of frames, 1 to 10."""
    score_line: int = 0


@dataclass(frozen=True, slots=True)
class LineScores:
    """What a file holds.

    Attributes:
        games: Its games, in order.
        problems: Every row that was not taken, or not wholly.
    """

    games: tuple[LineGame, ...]
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    label: str
    cells: list[str]


def read_line_scores(text: str) -> LineScores:
    """Return the games of a file; what cannot be read is among the problems, and never raised.

    Args:
        text: The file: rows with a label and 12 cells, or 24, separated by commas, semicolons or tabs.
    """
    problems: list[RowProblem] = []
    games = []
    for session, rows in _games_of(_rows(text[:MOST_CHARACTERS], problems), problems):
        game = _read_game(session, rows, problems)
        if game.shots or game.entered_score is not None:
            games.append(game)
        elif not any(problem.line in {row.line for row in rows.values()} for problem in problems):
            problems.append(RowProblem(game.line, "COUNT", "a game without a shot and without a total: passed over"))
    if len(text) > MOST_CHARACTERS:
        problems.append(RowProblem(text.count("\n"), "", f"only the first {MOST_CHARACTERS} characters were read"))
    return LineScores(tuple(games), tuple(sorted(problems, key=lambda problem: problem.line)))


def _rows(text: str, problems: list[RowProblem]) -> list[_Row]:
    separator = max(",;\t", key=text.count)
    # Control characters in a line are no reason to stop reading at it.
    lines = text.removeprefix("\ufeff").replace("\0", "").splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        try:
            cells = [cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=separator), [])]
        except csv.Error as error:
            problems.append(RowProblem(number, "", f"this is no row of a table ({error}): passed over"))
            continue
        label = cells[0].upper().rstrip(":") if cells else ""
        found.append(_Row(number, label, cells[1:]))
    return found


def _games_of(rows: list[_Row], problems: list[RowProblem]) -> list[tuple[str, dict[str, _Row]]]:
    """Return the rows of each game by their labels, with its session's text."""
    games: list[tuple[str, dict[str, _Row]]] = []
    session, current = "", dict[str, _Row]()
    for row in [*rows, _Row(0, "GAME", [])]:
        if row.label in LABELS and row.label not in current:
            current[row.label] = row
            continue
        is_empty = not row.label and not any(row.cells)
        if current and (is_empty or row.label in (*LABELS, *_BEGINS_A_SESSION) or row.label.startswith("GAME")):
            games.append((session, current))
            current = {}
        if row.label in LABELS:
            current[row.label] = row
        elif row.label in _BEGINS_A_SESSION:
            session = row.cells[0] if row.cells else ""
        elif row.label not in _PASSED_OVER and not row.label.startswith("GAME"):
            known = ", ".join((*LABELS, "GAME", *_BEGINS_A_SESSION))
            problems.append(RowProblem(row.line, row.label[:20], f"not one of {known}: passed over"))
    return games


def _read_game(session: str, rows: dict[str, _Row], problems: list[RowProblem]) -> LineGame:
    game = LineGame(min(row.line for row in rows.values()), session)
    if "COUNT" in rows:
        _read_counts(game, rows["COUNT"], problems)
    if "SCORE" in rows:
        _read_scores(game, rows["SCORE"], problems)
    for label in ("LEAVE", "TYPE", "BOARD", "LANE", "BALL"):
        if label in rows and game.shots:
            _read_beside(game, rows[label], problems)
        elif label in rows:
            problems.append(RowProblem(rows[label].line, label, "its game has no shots: passed over"))
    return game


def _read_counts(game: LineGame, row: _Row, problems: list[RowProblem]) -> None:
    texts = _frames(row.cells)
    texts = [*texts[: FRAMES - 1], "".join(texts[FRAMES - 1 :])]
    while texts and not texts[-1]:
        texts.pop()
    place = Place()
    shots = []
    for frame, text in enumerate(texts, 1):
        try:
            shots += _read_frame(frame, text, place)
        except UsageError as error:
            told = str(error).removesuffix(" Nothing was written.").rstrip(".")
            problems.append(RowProblem(row.line, row.label, f"frame {frame}: {told}. The game's shots were not taken"))
            return
    game.shots = {(shot.frame_number, shot.shot_number): shot for shot in shots}


def _read_frame(frame: int, text: str, place: Place) -> list[WrittenShot]:
    if frame != place.frame_number:
        raise UsageError(f"frame {place.frame_number} lacks a ball.")
    return read_shots([text], place) if text else []


def _frames(cells: list[str]) -> list[str]:
    """Return what each of the 12 columns says of counts, in one way of writing."""
    signs = [re.sub(r"\s", "", cell).upper() for cell in cells]
    signs = ["X" if sign == str(PINS) else sign.replace(str(PINS), "X") for sign in signs]
    if len(cells) > _LONGEST_PAIRED:
        signs = ["".join(signs[at : at + 2]) for at in range(0, 2 * CELLS, 2)]
    return signs[:CELLS]


def _read_scores(game: LineGame, row: _Row, problems: list[RowProblem]) -> None:
    cells = row.cells
    if len(cells) > _LONGEST_PAIRED:
        cells = ["".join(cells[at : at + 2]) for at in range(0, len(cells), 2)]
    game.score_line = row.line
    told = [(at, cell) for at, cell in enumerate(cells, 1) if cell]
    for at, cell in told:
        if not (cell.isascii() and cell.isdigit() and len(cell) <= 3 and int(cell) <= 300):  # noqa: PLR2004 - a game's most
            problems.append(RowProblem(row.line, row.label, f"{cell[:20]!r} is no score of 0 to 300: passed over"))
        else:
            # What stands behind the tenth frame is the total.
            game.scores[min(at, FRAMES)] = int(cell)
    if game.scores and not game.shots:
        game.entered_score = game.scores[max(game.scores)]


def _read_beside(game: LineGame, row: _Row, problems: list[RowProblem]) -> None:
    for ball, cell in _by_ball(game, row.cells):
        if not cell:
            continue
        shot = game.shots.get(ball)
        wrong = "there is no such ball" if shot is None else _note(game, ball, shot, row.label, cell)
        if wrong:
            problems.append(
                RowProblem(row.line, row.label, f"frame {ball[0]}, {cell[:20]!r}: {wrong}. It was left out")
            )


def _by_ball(game: LineGame, cells: list[str]) -> list[tuple[_Ball, str]]:
    """Return what each cell speaks of: the first ball of a frame, behind the tenth one its second and third."""
    if len(cells) > _LONGEST_PAIRED:
        halves = [(at // 2 + 1, at % 2 + 1, cell) for at, cell in enumerate(cells[: 2 * CELLS])]
    else:
        halves = [(at, 1, cell) for at, cell in enumerate(cells[:CELLS], 1)]
    placed = [((frame, number), cell) for frame, number, cell in halves if frame <= FRAMES]
    fills = [(number - 1 + frame - FRAMES + 1, cell) for frame, number, cell in halves if frame > FRAMES and cell]
    # A tenth frame that is no strike has its second ball in the tenth column.
    begins_late = (FRAMES, 1) in game.shots and game.shots[FRAMES, 1].count != PINS
    return placed + [((FRAMES, 3 if begins_late else min(number, 3)), cell) for number, cell in fills]


def _note(game: LineGame, ball: _Ball, shot: WrittenShot, label: str, cell: str) -> str:
    """Note what a cell says of a shot; return what is wrong with it, or nothing."""
    notes = game.notes.setdefault(ball, {})
    if label == "LEAVE":
        return _leave(game, ball, shot, cell)
    if label in ("TYPE", "BALL"):
        name, most = ("position", 64) if label == "TYPE" else ("ball", 128)
        if len(cell) > most or not cell.isprintable():
            return f"no text of at most {most} printable characters"
        notes[name] = cell
        return ""
    try:
        number = float(cell.replace(",", "."))
    except ValueError:
        return "no number"
    most, name = (60, "board") if label == "BOARD" else (1000, "lane")
    if not 0 <= number <= most or (name == "lane" and number != int(number)):
        return f"not within 0 and {most}"
    notes[name] = int(number) if number == int(number) else number
    return ""


def _leave(game: LineGame, ball: _Ball, shot: WrittenShot, cell: str) -> str:
    text = cell.strip().rstrip("sS").strip()
    if not _PINS.fullmatch(text):
        return "no pins such as 7-10"
    standing = sum(1 << (pin - 1) for pin in {int(pin) for pin in re.split(r"[-, ]+", text)})
    count = shot.count
    if shot.foul or (count is not None and standing.bit_count() != PINS - count) or not _is_at_full_rack(game, ball):
        return "it does not fit what the ball knocked down"
    game.shots[ball] = WrittenShot(*ball, count, standing)
    following = game.shots.get((ball[0], ball[1] + 1))
    if following is not None and following.count == 0 and following.pins_standing is None:
        game.shots[ball[0], ball[1] + 1] = WrittenShot(*ball[:1], ball[1] + 1, 0, standing, following.foul)
    return ""


def _is_at_full_rack(game: LineGame, ball: _Ball) -> bool:
    before = game.shots.get((ball[0], ball[1] - 1))
    return ball[1] == 1 or (before is not None and before.pins_standing == 0)
