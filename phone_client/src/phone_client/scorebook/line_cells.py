"""The cells of one game's line scores, row by row: what its balls knocked down and left, and what was noted. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from phone_client.errors import UsageError
from phone_client.scorebook.notation import FRAMES, PINS, Place, WrittenShot, noted_position, read_shots

CELLS = FRAMES + 2
"""Ten frames, and the fill balls of the tenth."""
_LONGEST_SINGLE = CELLS + 2
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


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: its line, its label, and the cells behind it."""

    line: int
    label: str
    cells: list[str]


@dataclass(slots=True)
class LineGame:
    """A game of the file.

    Attributes:
        line: The line where it begins.
        session_row: The session's row before it; None when there was none.
        shots: Its shots by frame and shot number.
        notes: What stands beside some shots: `position`, `board`, `lane` and `ball`.
        entered_score: The total, for a game without shots.
    """

    line: int
    session_row: Row | None = None
    shots: dict[_Ball, WrittenShot] = field(default_factory=dict)
    notes: dict[_Ball, dict[str, str | float | int]] = field(default_factory=dict)
    entered_score: int | None = None
    scores: dict[int, int] = field(default_factory=dict)
    """What the SCORE row says of frames, 1 to 10."""
    score_line: int = 0
    is_paired: bool = False
    """Whether each frame has two cells, one a ball."""

    @property
    def session(self) -> str:
        """The text of its session; empty when the file tells none."""
        return self.session_row.cells[0] if self.session_row else ""


def read_cells(session: Row | None, rows: Mapping[str, Row], problems: list[RowProblem]) -> LineGame:
    """Return the game that some rows tell of; what is wrong with them is added to the problems.

    Args:
        session: The row of its session.
        rows: Its rows by their labels.
        problems: Takes what could not be taken.
    """
    game = LineGame(min(row.line for row in rows.values()), session, is_paired=_is_paired(rows))
    if "SCORE" in rows:
        _read_scores(game, rows["SCORE"], problems)
    if "COUNT" in rows:
        _read_counts(game, rows["COUNT"], problems)
    if game.scores and not game.shots:
        _take_total(game, problems)
    for label in ("LEAVE", "TYPE", "BOARD", "LANE", "BALL"):
        if label in rows and game.shots:
            _read_beside(game, rows[label], problems)
        elif label in rows:
            problems.append(RowProblem(rows[label].line, label, "its game has no shots: passed over"))
    return game


def _is_paired(rows: Mapping[str, Row]) -> bool:
    """Whether each frame has two cells; a spreadsheet also fills short rows up with empty cells."""
    row = rows.get("COUNT") or max(rows.values(), key=lambda row: len(row.cells))
    if len(row.cells) <= _LONGEST_SINGLE:
        return False
    if any(row.cells[_LONGEST_SINGLE:]) or row.label != "COUNT":
        return any(row.cells[_LONGEST_SINGLE:])
    return isinstance(_shots(row.cells, is_paired=False), str) and not isinstance(
        _shots(row.cells, is_paired=True), str
    )


def _cells(game: LineGame, row: Row, problems: list[RowProblem]) -> list[str]:
    """Return the cells that belong to frames; more than those are told."""
    most = 2 * CELLS if game.is_paired else CELLS
    more = [cell for cell in row.cells[most:] if cell]
    if more:
        text = f"{more[0][:20]!r} stands behind the cells of the {CELLS} columns: passed over"
        problems.append(RowProblem(row.line, row.label, text))
    return row.cells[:most]


def _read_counts(game: LineGame, row: Row, problems: list[RowProblem]) -> None:
    found = _shots(_cells(game, row, problems), is_paired=game.is_paired)
    if not isinstance(found, str):
        game.shots = {(shot.frame_number, shot.shot_number): shot for shot in found}
        return
    kept = "Of the game only its total was taken" if game.scores else "The game was not taken"
    problems.append(RowProblem(row.line, row.label, f"{found}. {kept}"))


def _shots(cells: list[str], *, is_paired: bool) -> list[WrittenShot] | str:
    """Return the shots of a row of counts, or what is wrong with it."""
    texts = _frames(cells, is_paired=is_paired)
    texts = [*texts[: FRAMES - 1], "".join(texts[FRAMES - 1 :])]
    while texts and not texts[-1]:
        texts.pop()
    place = Place()
    shots = []
    for frame, text in enumerate(texts, 1):
        try:
            shots += _read_frame(frame, text, place)
        except UsageError as error:
            return f"frame {frame}: " + str(error).removesuffix(" Nothing was written.").rstrip(".")
    return shots


def _read_frame(frame: int, text: str, place: Place) -> list[WrittenShot]:
    if frame != place.frame_number:
        raise UsageError(f"frame {place.frame_number} lacks a ball.")
    return read_shots([text], place) if text else []


def _frames(cells: list[str], *, is_paired: bool) -> list[str]:
    """Return what each of the 12 columns says of counts, in one way of writing."""
    signs = [re.sub(r"\s", "", cell).upper() for cell in cells]
    signs = ["X" if sign == str(PINS) else sign.replace(str(PINS), "X") for sign in signs]
    if is_paired:
        signs = ["".join(signs[at : at + 2]) for at in range(0, 2 * CELLS, 2)]
    return signs[:CELLS]


def _read_scores(game: LineGame, row: Row, problems: list[RowProblem]) -> None:
    cells = row.cells
    if game.is_paired:
        cells = ["".join(cells[at + 1 : at + 2]) or cells[at] for at in range(0, len(cells), 2)]
    game.score_line = row.line
    told = [(at, cell) for at, cell in enumerate(cells, 1) if cell]
    for at, cell in told:
        if not (cell.isascii() and cell.isdigit() and len(cell) <= 3 and int(cell) <= 300):  # noqa: PLR2004 - a game's most
            problems.append(RowProblem(row.line, row.label, f"{cell[:20]!r} is no score of 0 to 300: passed over"))
        else:
            # What stands behind the tenth frame is the total.
            game.scores[min(at, FRAMES)] = int(cell)


def _take_total(game: LineGame, problems: list[RowProblem]) -> None:
    last = max(game.scores)
    game.entered_score = game.scores[last]
    if last < FRAMES:
        text = f"ends with {game.entered_score} in frame {last}, which was taken as the game's total"
        problems.append(RowProblem(game.score_line, "SCORE", text))


def _read_beside(game: LineGame, row: Row, problems: list[RowProblem]) -> None:
    for ball, cell in _by_ball(game, _cells(game, row, problems)):
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
    if game.is_paired:
        halves = [(at // 2 + 1, at % 2 + 1, cell) for at, cell in enumerate(cells)]
    else:
        halves = [(at, 1, cell) for at, cell in enumerate(cells, 1)]
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
        notes[name] = noted_position(cell) if label == "TYPE" else cell
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
