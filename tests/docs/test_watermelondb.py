"""The adapter for WatermelonDB: as the page has it, and at work with the real package against the served API."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "clients" / "watermelondb.md"
NODE_FOLDER = PROJECT / "tests" / "node"


def _node() -> str:
    """Return the path of Node; without it the test is skipped, and fails where CI is set."""
    beside = Path(sys.executable).parent / "node"
    node = shutil.which("node") or (str(beside) if beside.exists() else None)
    if node is None or not (NODE_FOLDER / "node_modules" / "@nozbe" / "watermelondb").exists():
        reason = "Node, or the packages of tests/node, are missing: run `make node`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return node


def test_the_page_has_the_adapter_word_for_word() -> None:
    """The last block of the page is the file that is tested."""
    blocks = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks[-1] == (NODE_FOLDER / "watermelon_sync.mjs").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def told(cloud: LocalCloud) -> Any:
    """What two databases of one bowler had after each step."""
    node = _node()
    assert cloud.api_url is not None
    name = f"melon-{uuid4().hex}"
    with closing(Api(cloud.api_url)) as api:
        registration = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        assert api("POST", "/v1/users", json=registration).status == 201
        token = api("POST", "/v1/tokens", json={"username": name, "password": PASSWORD}).json["access_token"]
    command = [node, str(NODE_FOLDER / "sync_watermelon.mjs"), cloud.api_url, token]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    # WatermelonDB itself writes what it does before it.
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.long
def test_both_databases_have_the_same_after_every_step(told: Any) -> None:
    """Entries, edits, conflicts, deletions, a lost reply, a reset and many pages: both have the same in the end."""
    steps = (
        "first",
        "merged",
        "conflict",
        "kept",
        "deletion",
        "gone",
        "corrected",
        "lost",
        "again",
        "behind",
        "vanished",
        "reset",
        "many",
    )
    assert {step: told[step]["same"] for step in steps} == dict.fromkeys(steps, True)
    assert sorted(told["first"]["rows"]) == ["games/g1", "games/g2", "games/g3", "sessions/s1", "shots/h1", "shots/h2"]
    assert told["first"]["rows"]["shots/h1"]["board"] == 17.5
    assert told["many"]["shots"] == 1205


@pytest.mark.long
def test_edits_of_other_fields_are_merged(told: Any) -> None:
    """A total from one and a note from the other are both there, a field without a value has none, nobody is asked."""
    game = told["merged"]["g1"]
    assert (game["entered_score"], game["comment"], game["status"]) == (150, "new grip", "synced")
    assert "board" not in told["merged"]["h2"]
    assert told["merged"]["held"] == []


@pytest.mark.long
def test_a_conflict_is_held_and_the_user_may_keep_it(told: Any) -> None:
    """The later phone sees the other's total and is asked; keeping its own goes through without a question."""
    (held,) = told["conflict"]["held"]
    assert (held["reason"], held["id"]) == ("conflict", "g1")
    assert held["mine"] == {"entered_score": 170, "comment": "counted twice"}
    assert held["server"]["fields"]["entered_score"] == told["conflict"]["g1"]["entered_score"] == 160
    assert told["conflict"]["others"] == 0
    assert (told["kept"]["g1"]["entered_score"], told["kept"]["held"]) == (170, [])


@pytest.mark.long
def test_deletions_go_through_unless_the_score_is_newer(told: Any) -> None:
    """A deletion goes to the other phone; one of a game with a newer total is held, and the game is back."""
    assert told["deletion"]["games"] == ["games/g1", "games/g3"]
    (held,) = told["deletion"]["held"]
    assert (held["reason"], held["id"], held["mine"]) == ("conflict", "g1", None)
    assert told["deletion"]["g1"]["entered_score"] == 180
    assert [(each["reason"], each["mine"]["comment"]) for each in told["gone"]["held"]] == [("deleted", "unsent")]


@pytest.mark.long
def test_a_rejected_entry_stays_until_it_is_put_right(told: Any) -> None:
    """A game of an unknown session stays unsent with the reason, and goes out once its session is right."""
    assert told["rejected"]["g4"]["status"] == "created"
    (held,) = told["rejected"]["held"]
    assert held["problem"]["type"].endswith(":parent-missing")
    assert told["corrected"]["g4"] == {"ver": 1, "session_id": "s1", "game_number": 4, "status": "synced"}
    assert told["corrected"]["held"] == []


@pytest.mark.long
def test_a_lost_reply_and_a_reset_lose_and_double_nothing(told: Any) -> None:
    """What was pushed without a reply is there once, with the edit after it; a reset keeps what is unsent."""
    assert told["lost"]["problem"] == "lost"
    assert (told["lost"]["g5"]["entered_score"], told["lost"]["held"]) == (200, [])
    assert told["reset"]["games"] == ["games/g1", "games/g4", "games/g6"]
    assert told["reset"]["held"] == []


@pytest.mark.long
def test_a_push_without_a_reply_goes_out_again_as_it_was(told: Any) -> None:
    """The same batch first, then what was edited since: no question about an own total, and no later note is undone."""
    first, again, *later = told["again"]["batches"]
    assert again == first
    assert later[0]["batch_id"] != first["batch_id"]
    assert [change["fields"] for change in later[0]["changes"]] == [{"entered_score": 220}]
    game = told["again"]["g5"]
    assert (game["entered_score"], game["comment"], game["status"]) == (220, "theirs", "synced")
    assert told["again"]["held"] == []
    assert (told["vanished"]["games"], told["vanished"]["held"]) == (["games/g1", "games/g4"], [])


@pytest.mark.long
def test_a_score_behind_a_push_never_replaces_one_that_the_user_has_not_seen(told: Any) -> None:
    """Another phone's score stays until the user has decided: after a lost reply, and after an edit during a push."""
    rows, held = told["behind"]["rows"], told["behind"]["held"]
    assert [rows[f"games/g{game}"]["entered_score"] for game in (10, 11, 12)] == [150, 150, 150]
    assert (rows["shots/h9"]["count"], rows["shots/h9"]["foul"]) == (5, True)
    last = {each["id"]: (each["reason"], each["mine"]) for each in held}
    assert last == {
        **{f"g{game}": ("conflict", {"entered_score": 170}) for game in (10, 11, 12)},
        "h9": ("conflict", {"count": 7}),
    }
    assert told["behind"]["others"] == 0
