"""The model that phones are tested against decides as the server does: else their tests would prove little."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.scorebook.changes import Change
from chalicelib.scorebook.merging import MICROS, Row, decide
from phone_client.sync import PushBatch, PushChange, PushResult
from tests.phone_client.sync_model import ModelServer, without_nulls

SESSION = {"started_at": "2026-11-24T18:00:00Z"}
SHOT = {"session_id": "s1", "shot_number": 2, "count": 3}
# The edits of one phone may reach the server after later ones of another; 310 s and more are ahead of what it believes.
edits_s = st.integers(-3, 3) | st.sampled_from([310, 400])
edited_fields = st.dictionaries(
    st.sampled_from(["count", "comment", "board"]), st.integers(1, 3), min_size=1, max_size=2
)
Step = tuple[str, int, dict[str, Any], int]
changes: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("put"), st.just(0), edited_fields, edits_s),
    st.tuples(st.just("patch"), st.integers(0, 5), edited_fields | st.just({"comment": None}), edits_s),
    st.tuples(st.just("delete"), st.integers(0, 5), st.just({}), edits_s),
)


def _as_text(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a shot, of which a comment is a text."""
    return {name: f"note {value}" if name == "comment" and value else value for name, value in fields.items()}


def _ask_model(model: ModelServer, op: str, base: int, fields: dict[str, Any], edited_s: int) -> PushResult:
    edited_at = datetime.fromtimestamp(model.now_s + edited_s, UTC).isoformat()
    change = PushChange("h1", "shot", op, edited_at, base, fields)
    return model.push(PushBatch(f"batch-{model.seq}-{model.now_s}", (change,))).results[0]


NOTE_BEFORE_RETURN: list[Step] = [
    ("put", 0, {"count": 1}, 0),
    ("patch", 1, {"comment": 1}, 3),
    ("delete", 2, {}, 0),
    ("patch", 1, {"count": 2, "comment": 2}, -3),
]
"""A score brings the shot back, and the older note beside it does not replace the later one."""


@settings(max_examples=300)
@example(NOTE_BEFORE_RETURN)
@given(st.lists(changes, min_size=1, max_size=6))
def test_the_model_decides_as_the_server(steps: list[Step]) -> None:
    """Of any edits of one shot, in any order and of any age, status, version and content are those of the server."""
    model, row = ModelServer(), None
    session = PushChange("s1", "session", "put", "2026-11-24T18:00:00Z", fields=SESSION)
    model.push(PushBatch("batch", (session,)))
    for op, base, edited, edited_s in steps:
        fields = _as_text({**SHOT, **edited} if op == "put" else edited)
        model.now_s += 1.0
        now = round(model.now_s) * MICROS
        outcome = decide(Change("h1", "shot", op, base, fields, now + edited_s * MICROS), row, now)  # type: ignore[arg-type]
        row = outcome.row or row
        result = _ask_model(model, op, base, fields, edited_s)
        assert (result.status, result.ver) == (outcome.status, outcome.ver)
        _assert_same(model, row)


def _assert_same(model: ModelServer, row: Row | None) -> None:
    mine = model.entries.get(("shot", "h1"))
    assert (mine is None) == (row is None)
    if mine is not None and row is not None:
        assert (mine.ver, mine.deleted) == (row.ver, row.deleted)
        assert without_nulls(mine.fields) == without_nulls(dict(row.fields))
