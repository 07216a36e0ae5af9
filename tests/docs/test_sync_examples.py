"""The examples and tables of docs/sync.md, held to what the server says."""

import hashlib
import importlib
import json
import re
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no types of its own

from chalicelib.scorebook import merging, planning
from chalicelib.scorebook.changes import INVALID
from tests.api import Bowler
from tests.declared import check_answer, description

TEXT = (Path(__file__).parents[2] / "docs" / "sync.md").read_text(encoding="utf-8")
PUSH, PUSHED, PULLED = (
    json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
)
STATUSES = re.compile("applied|duplicate|merged|conflict|rejected")

Change = dict[str, Any]
Scene = tuple[list[Change], Change, str]


def _rows_after(heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading or a line; an empty first cell is as the one above it."""
    table = re.search(r"^\| .*?(?=\n\n)", TEXT.partition(heading)[2], re.MULTILINE | re.DOTALL)
    assert table is not None
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.group().splitlines()[2:]]
    for above, row in pairwise(rows):
        row[0] = row[0] or above[0]
    return rows


def _push(bowler: Bowler, batch_id: str, *changes: Change) -> Any:
    return bowler("POST", "/v1/sync/push", json={"batch_id": batch_id, "changes": list(changes)}).json


def test_the_examples_have_the_form_that_is_declared() -> None:
    """The page's push is one that the description of the API lets in, and its answers are ones that it declares."""
    importlib.import_module("app")
    content = description()["paths"]["/v1/sync/push"]["post"]["requestBody"]["content"]["application/json"]
    schema = {**content["schema"], "components": description()["components"]}
    assert [error.message for error in Draft202012Validator(schema).iter_errors(PUSH)] == []
    for method, path, example in (("POST", "/v1/sync/push", PUSHED), ("GET", "/v1/sync/pull", PULLED)):
        check_answer(method, path, 200, {"content-type": "application/json"}, json.dumps(example).encode())


def test_the_server_answers_as_the_examples_say(bowler: Bowler) -> None:
    """With the session and the game of the pull, and another phone's total, the push is answered word for word."""
    made = [{"id": one["id"], "type": one["type"], "op": "put", "fields": one["fields"]} for one in PULLED["changes"]]
    _push(bowler, "made", *made)
    page = bowler("GET", "/v1/sync/pull").json
    assert re.fullmatch(r"[A-Za-z0-9_-]+", page["cursor"])
    assert {**page, "cursor": PULLED["cursor"]} == PULLED
    others = PUSHED["results"][1]["server"]["fields"]
    _push(bowler, "others", {"id": "g1", "type": "game", "op": "patch", "base_ver": 1, "fields": others})
    assert _push(bowler, PUSH["batch_id"], *PUSH["changes"]) == PUSHED


def test_the_checksum_of_the_example_is_made_as_the_page_says() -> None:
    """The lines of the page's entries have its checksum, and no entries have the one that it names."""
    live = sorted((entry["id"], entry["ver"]) for entry in PULLED["changes"] if not entry["deleted"])
    lines = "\n".join(f"{entry_id}:{ver}" for entry_id, ver in live)
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == PULLED["checksum"]
    assert len(live) == PULLED["count"]
    assert f"`{hashlib.sha256(b'').hexdigest()[:16]}`" in TEXT


def test_every_kind_of_problem_has_its_row() -> None:
    """The words of the table are those by which the server refuses a change."""
    words = {word for row in _rows_after("is one of:") for word in re.findall(r"`([a-z-]+)`", row[0])}
    parents = {planning.PARENT_MISSING, planning.PARENT_DELETED, planning.PARENT_ELSEWHERE}
    assert words == {INVALID, merging.NOTHING_THERE, merging.FIXED, planning.REFERENCE_MISSING, *parents}


def _put(base_ver: int = 0, count: int = 3) -> Change:
    return {"op": "put", "base_ver": base_ver, "fields": {"session_id": "s1", "shot_number": 1, "count": count}}


def _patch(base_ver: int, **fields: Any) -> Change:
    return {"op": "patch", "base_ver": base_ver, "fields": fields}


def _delete(base_ver: int = 0) -> Change:
    return {"op": "delete", "base_ver": base_ver}


NEW, EDIT = "put, `base_ver` 0 or absent", "patch, or put with a `base_ver`"
GONE = [_put(), _delete(1)]
NOTED = [_put(), _patch(1, comment="theirs")]
SCORED = [_put(), _patch(1, count=4)]
SCENES: dict[tuple[str, str], list[Scene]] = {
    (NEW, "nothing"): [([], _put(), "applied")],
    (NEW, "the same fields"): [([_put()], _put(), "duplicate")],
    (NEW, "other fields"): [([_put()], _put(count=4), "merged")],
    (NEW, "a deleted entry"): [(GONE, _put(), "conflict")],
    (EDIT, "that version"): [([_put()], _patch(1, count=4), "applied"), ([_put()], _put(1, count=4), "applied")],
    (EDIT, "a later version, other fields or notes changed"): [
        (NOTED, _patch(1, count=4), "merged"),
        (NOTED, _patch(1, comment="mine"), "merged"),
        (SCORED, _patch(1, comment="mine"), "merged"),
        (SCORED, _patch(1, count=4), "merged"),
    ],
    (EDIT, "a later version, the same score field changed to another value"): [
        (SCORED, _patch(1, count=5, comment="mine"), "conflict"),
        (SCORED, _put(1, count=5), "conflict"),
    ],
    (EDIT, "a deleted entry"): [
        (GONE, _patch(1, comment="mine"), "merged"),
        (GONE, _patch(1, count=4), "applied"),
        (GONE, _put(2), "applied"),
    ],
    ("patch", "nothing"): [([], _patch(1, count=4), "rejected"), ([], _patch(0, count=4), "rejected")],
    ("put with a `base_ver`", "nothing"): [([], _put(3), "applied")],
    ("delete, `base_ver` 0 or absent", "a live entry / a deleted one or nothing"): [
        ([_put()], _delete(), "applied"),
        (GONE, _delete(), "duplicate"),
        ([], _delete(), "duplicate"),
    ],
    ("delete with a `base_ver`", "that version, or no score field changed since"): [
        ([_put()], _delete(1), "applied"),
        (NOTED, _delete(1), "applied"),
    ],
    ("delete with a `base_ver`", "a score field changed since"): [(SCORED, _delete(1), "conflict")],
}
"""What the server has, what comes, and what is answered, for each row of the table."""


def test_the_table_of_merging_has_the_rows_that_are_tried() -> None:
    """Each row of the page is tried below, and says of what is tried what is answered."""
    told = {
        (op, has): [status for status, _ in groupby(STATUSES.findall(says))]
        for op, has, says in _rows_after("### How changes meet")
    }
    tried = {
        row: [status for status, _ in groupby(status for _, _, status in scenes)] for row, scenes in SCENES.items()
    }
    assert told == tried


def test_changes_meet_as_the_table_says(bowler: Bowler) -> None:
    """Before the real server each row of the table has its status, and what stays deleted says so."""
    _push(bowler, "s", {"id": "s1", "type": "session", "op": "put", "fields": {"started_at": "2026-11-24T18:00:00Z"}})
    scenes = [(row, scene) for row, scenes in SCENES.items() for scene in scenes]
    for number, (row, (before, change, status)) in enumerate(scenes):
        entry = {"id": f"h{number}", "type": "shot"}
        for step, earlier in enumerate(before):
            (result,) = _push(bowler, f"b{number}-{step}", {**entry, **earlier})["results"]
            assert result["status"] == "applied"
        (result,) = _push(bowler, f"b{number}", {**entry, **change})["results"]
        assert result["status"] == status, (row, before, change)
        assert (result["server"] is None) == (status not in {"merged", "conflict"})
        if before is GONE and result["server"]:
            assert result["server"]["deleted"]
            assert result["server"]["fields"] == {}
