"""docs/scoring.md says what the package does."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

from tenpin import GameOfShots, ProblemCode, Statistics, score_game, statistics
from tests.tenpin.games import bowled, sheet

PAGE = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text(encoding="utf-8")


def _line(name: str) -> list[str]:
    found = re.search(rf"^{name} +(.*)$", PAGE, re.MULTILINE)
    assert found
    return found[1].split()


def test_the_pages_game_is_scored_as_it_says() -> None:
    """The example's totals and its figures are what comes out."""
    frames = sheet(" ".join(_line("shots")))
    assert [str(frame.cumulative) for frame in score_game(frames).frames] == _line("cumulative")
    found = statistics([GameOfShots(list(bowled(frames)))])
    (example,) = re.findall(r"^Example: the game above has (.*):", PAGE, re.MULTILINE)
    said = re.findall(r"`(\w+)` (\d+) of (\d+)", example)
    assert len(said) == 5
    for name, numerator, denominator in said:
        ratio = getattr(found, name)
        assert (ratio.numerator, ratio.denominator) == (int(numerator), int(denominator)), name


def test_every_problem_and_every_figure_is_on_the_page() -> None:
    """No code and no figure is without its explanation, and the page names no code that there is not."""
    table = PAGE.partition("| `code` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) == set(get_args(ProblemCode))
    missing = [each.name for each in fields(Statistics) if f"`{each.name}`" not in PAGE and each.name != "games"]
    assert missing == []
