"""What a request may be written in, and what it must be ready to take."""

import pytest

from tests.api import Api, Bowler

RAW = f"/v1/captures/{'0' * 64}/raw"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;Charset="UTF-8"',
        "application/json; profile=x",
    ],
)
def test_json_is_in_utf_8_whether_it_says_so_or_not(bowler: Bowler, media_type: str) -> None:
    """No charset is UTF-8 (RFC 8259 section 8.1), and so is the one that says so, in whatever capitals."""
    made = bowler("POST", "/v1/bridges", body='{"name": "Bahn ä"}'.encode(), headers={"Content-Type": media_type})
    assert (made.status, made.json["name"]) == (201, "Bahn ä")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-16",
        "application/json;charset=ISO-8859-1",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset=",
        "text/json",
        "application/jsonp",
    ],
)
def test_what_says_that_it_is_written_otherwise_is_refused(bowler: Bowler, media_type: str) -> None:
    """Another charset would be read as something that was not meant: 415, and nothing is made."""
    refused = bowler("POST", "/v1/bridges", body=b"{}", headers={"Content-Type": media_type})
    assert (refused.status, refused.problem) == (415, "unsupported-media-type")
    assert bowler("GET", "/v1/bridges").json["items"] == []


@pytest.mark.parametrize("accept", ["", "*/*", "text/html"])
def test_who_asks_comes_before_what_is_taken(api: Api, bowler: Bowler, accept: str) -> None:
    """Whoever sends no credential is asked for one; whoever does is told which Accept API Gateway needs for bytes."""
    assert api("GET", RAW, headers={"Accept": accept}).problem == "not-authenticated"
    assert bowler("GET", RAW, headers={"Accept": accept}).problem == "not-acceptable"
    assert bowler("GET", RAW).problem == "not-found"
