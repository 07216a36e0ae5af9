"""Line scores as bowlers keep them in a spreadsheet (docs/import.md): read whole, whatever the file holds. Pure."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from phone_client.scorebook.line_cells import LineGame, Row, RowProblem, read_cells

__all__ = ["LABELS", "MOST_CHARACTERS", "LineGame", "LineScores", "RowProblem", "read_line_scores"]

LABELS = ("COUNT", "LEAVE", "SCORE", "TYPE", "BOARD", "LANE", "BALL")
MOST_CHARACTERS = 10_000_000
_BEGINS_A_SESSION = ("SESSION", "DATE")
_PASSED_OVER = ("FRAME", "FRAMES", "GAME")


@dataclass(frozen=True, slots=True)
class LineScores:
    """What a file holds.

    Attributes:
        games: Its games, in order.
        problems: Every row that was not taken, or not wholly.
    """

    games: tuple[LineGame, ...]
    problems: tuple[RowProblem, ...]


def read_line_scores(text: str) -> LineScores:
    """Return the games of a file; what cannot be read is among the problems, and never raised.

    Args:
        text: The file: rows with a label and 12 cells, or 24, separated by commas, semicolons or tabs.
    """
    problems: list[RowProblem] = []
    games = []
    for session, rows in _games_of(_rows(text[:MOST_CHARACTERS], problems), problems):
        before = len(problems)
        game = read_cells(session, rows, problems)
        if game.shots or game.entered_score is not None:
            games.append(game)
        elif len(problems) == before:
            problems.append(RowProblem(game.line, "COUNT", "a game without a shot and without a total: passed over"))
    if len(text) > MOST_CHARACTERS:
        problems.append(RowProblem(text.count("\n"), "", f"only the first {MOST_CHARACTERS} characters were read"))
    return LineScores(tuple(games), tuple(sorted(problems, key=lambda problem: problem.line)))


def _rows(text: str, problems: list[RowProblem]) -> list[Row]:
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
        found.append(Row(number, "GAME" if label.startswith("GAME") else label, cells[1:]))
    return found


def _games_of(rows: list[Row], problems: list[RowProblem]) -> Iterator[tuple[Row | None, dict[str, Row]]]:
    """Return the rows of each game by their labels, with its session's row."""
    session, current = None, dict[str, Row]()
    for row in rows:
        is_other = row.label in current or (row.label not in LABELS and not _is_unknown(row))
        if current and is_other:
            yield session, current
            current = {}
        if row.label in LABELS:
            current[row.label] = row
        elif row.label in _BEGINS_A_SESSION:
            session = row if any(row.cells[:1]) else None
            if session is None:
                text = "tells no time, so the games below it belong to no session of the file"
                problems.append(RowProblem(row.line, row.label, text))
        elif _is_unknown(row):
            known = ", ".join((*LABELS, "GAME", "FRAME", *_BEGINS_A_SESSION))
            told = "it has no label" if not row.label else "not one of " + known
            problems.append(RowProblem(row.line, row.label[:20], f"{told}: passed over"))
    if current:
        yield session, current


def _is_unknown(row: Row) -> bool:
    """Whether a row says something that nobody can tell; the numbers of the frames are for the reader's eye."""
    told = [cell for cell in row.cells if cell]
    if not row.label:
        return told != [str(number) for number in range(1, len(told) + 1)]
    return row.label not in (*LABELS, *_BEGINS_A_SESSION, *_PASSED_OVER)
