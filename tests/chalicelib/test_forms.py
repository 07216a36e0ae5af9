"""What does not fit a form is told in words, whoever asked."""

import re
from pathlib import Path

import pytest

from chalicelib.forms import told
from tests.api import Api, Bowler
from tests.chalicelib.phones import STARTED
from tests.chalicelib.scorebook_api import put

CHALICELIB = Path(__file__).parents[2] / "chalicelib"
REGISTRATION = {"username": "ada", "email": "ada@example.org", "password": "strike after strike"}


def _detail_of(document: object) -> str:
    assert isinstance(document, dict)
    (error,) = document["errors"]
    assert error["detail"] in document["detail"]
    return str(error["detail"])


def test_a_body_says_what_was_expected(api: Api, bowler: Bowler) -> None:
    """An address, a hash and a serial that do not fit are told what one looks like, not that documentation exists."""
    answer = api("POST", "/v1/users", json={**REGISTRATION, "email": "ada at example"})
    assert _detail_of(answer.json) == "Expected an e-mail address: one @, and no spaces"
    answer = bowler("POST", "/v1/captures/uploads", json={"sha256": "F" * 64, "size_bytes": 512})
    assert _detail_of(answer.json) == "Expected 64 hex digits, 0-9 and a-f: a SHA-256"
    answer = bowler("POST", "/v1/devices", json={"serial": "no such serial"})
    assert _detail_of(answer.json) == "Expected a device's serial: 1 to 16 of A-Z, a-z, 0-9, ., _ and -"


def test_an_entrys_field_says_what_was_expected(bowler: Bowler) -> None:
    """A time without its offset and an id with a space, in the fields of an entry."""
    answer = put(bowler, "session", {"started_at": "2026-11-24 19:00"})
    assert _detail_of(answer.json) == "Expected a time as of RFC 3339 with its offset, such as 2026-11-24T18:00:00Z"
    answer = put(bowler, "session", {"started_at": STARTED, "event_id": "my league"})
    assert _detail_of(answer.json) == "Expected an id: 1 to 64 of A-Z, a-z, 0-9, _, . and -"


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/statistics"])
def test_a_query_says_what_was_expected(bowler: Bowler, path: str) -> None:
    """A year alone is no time, least of all one of 1970; a + that came as a space and a 13th month are none either."""
    for sent in ("2026", "2026-11-24", "2026-11-24T19:00:00+01:00"):
        answer = bowler("GET", f"{path}?from={sent}")
        assert answer.problem == "invalid-query", sent
        assert _detail_of(answer.json) == "Expected a time as of RFC 3339 with its offset, such as 2026-11-24T18:00:00Z"
    put(bowler, "session", {"started_at": STARTED})
    answer = bowler("GET", f"{path}?to=2026-13-01T00:00:00Z")
    assert (answer.status, _detail_of(answer.json)) == (400, "There is no such moment")
    assert answer.json["errors"][0]["path"] == "$.to"
    assert bowler("GET", f"{path}?from=2026-11-24T19:00:00%2B01:00").status == 200


def test_a_form_without_words_shows_its_pattern() -> None:
    """Where nobody said it in words, the pattern is better than nothing; another misfit is told as it is."""
    assert told("Expected `int` >= 1") == "Expected `int` >= 1"
    assert told("Expected `str` matching regex '^[0-9]$'") == "Expected a text that fits '^[0-9]$'"


def test_every_pattern_has_words() -> None:
    """No model holds a text to a pattern on its own."""
    alone = [
        path.name
        for path in CHALICELIB.rglob("*.py")
        if path.name != "forms.py" and re.search(r"Meta\([^)]*pattern=", path.read_text())
    ]
    assert alone == []
