"""The recorded conversations, replayed as a port of this client would replay them."""

import json
from pathlib import Path

import pytest

from phone_client import NetworkError, ServerTroubleError
from tests.phone_client.conversations import CONVERSATIONS, FOLDER
from tests.phone_client.recording import Replay, act, ends_the_sync, new_phone, outcome_of


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_phone_says_what_was_recorded_and_ends_as_it_did(path: Path, tmp_path: Path) -> None:
    """Step by step the same requests, and with the recorded replies the same entries, conflicts and unsent edits."""
    recorded = json.loads(path.read_text(encoding="utf-8"))
    replay = Replay()
    phone = new_phone(tmp_path, replay)
    for step in recorded["steps"]:
        if "do" in step:
            act(phone, step["do"], step["arguments"])
            continue
        replay.exchanges = list(step["sync"])
        if ends_the_sync(step["sync"][-1]):
            with pytest.raises((NetworkError, ServerTroubleError)):
                phone.sync()
        else:
            phone.sync()
        assert replay.exchanges == []
    assert outcome_of(phone) == recorded["outcome"]
    phone.close()


def test_every_conversation_is_recorded() -> None:
    """Each of them has its file, and no file is left of one that is no more."""
    assert {path.stem for path in FOLDER.glob("*.json")} == {converse.__name__ for converse in CONVERSATIONS}
