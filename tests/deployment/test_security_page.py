"""The security page names tests that are there."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_ROWS = [
    row
    for row in (_ROOT / "docs" / "security.md").read_text().splitlines()
    if row.startswith("| ") and not row.startswith(("| ---", "| requirement"))
]


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_a_requirement_names_tests_that_are_there(row: str) -> None:
    """Each row of the page names at least one test, and each test that it names stands in the file that it names."""
    file, functions = "", 0
    for word in re.findall(r"`([^`]+)`", row.rsplit("|", 2)[1]):
        if word.endswith(".py"):
            file = (_ROOT / "tests" / word).read_text()
        else:
            functions += 1
            assert re.search(rf"^\s*def {re.escape(word)}\(", file, re.MULTILINE), word
    assert functions
