"""Positions in the tree of sessions: what orders sessions by time, and puts all of a session in one place. Pure.

A session stands at `1#<started_at in UTC>#<id>`; its games, frames and shots at `2#<session>#<game>#<frame>#<shot>`,
each before what belongs to it. A shot without a game has an empty one, which comes before all games. A capture stands
at `3#<start_at in UTC>#<id>`.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.scorebook.moments import read_moment

SESSIONS = "1#"
BELOW = "2#"
CAPTURES = "3#"


def session_position(entry_id: str, started_at: str) -> str:
    """Return where a session stands among sessions."""
    return f"{SESSIONS}{started_key(started_at)}#{entry_id}"


def started_key(started_at: str) -> str:
    """Return a time in a form that sorts as it passes."""
    return f"{read_moment(started_at):%Y-%m-%dT%H:%M:%S.%f}".rjust(26, "0")


def below_session(session_id: str) -> str:
    """Return how the positions of everything of a session begin."""
    return f"{BELOW}{session_id}#"


def game_position(session_id: str, game_id: str) -> str:
    """Return where a game stands."""
    return f"{below_session(session_id)}{game_id}"


def below_game(position: str) -> str:
    """Return how the positions of everything of a game begin, given where the game stands."""
    return f"{position}#"


def frame_position(game_at: str, frame_number: int) -> str:
    """Return where a frame's notes stand, before its shots.

    Args:
        game_at: Where its game stands.
        frame_number: Its number.
    """
    return f"{below_game(game_at)}{frame_number:02}"


def shot_position(fields: Mapping[str, Any]) -> str:
    """Return where a shot stands; several may stand at the same position."""
    game_at = game_position(fields["session_id"], fields.get("game_id") or "")
    return f"{below_game(game_at)}{fields.get('frame_number') or 0:02}#{fields['shot_number']}"


def capture_position(entry_id: str, start_at: str) -> str:
    """Return where a capture stands among captures."""
    return f"{CAPTURES}{started_key(start_at)}#{entry_id}"


def position_of(kind: str, entry_id: str, fields: Mapping[str, Any], game_at: str | None = None) -> str | None:
    """Return where an entry stands; None for what is in no session.

    Args:
        kind: Its type.
        entry_id: Its id.
        fields: Its fields.
        game_at: For a frame, where its game stands.
    """
    match kind:
        case "session":
            return session_position(entry_id, fields["started_at"])
        case "game":
            return game_position(fields["session_id"], entry_id)
        case "frame" if game_at is not None:
            return frame_position(game_at, fields["frame_number"])
        case "shot":
            return shot_position(fields)
        case "capture" if fields.get("start_at") is not None:
            return capture_position(entry_id, fields["start_at"])
    return None


def below(key: tuple[str, str], position: str | None) -> str:
    """Return how the positions of everything of a session or game begin.

    Args:
        key: Its type and id.
        position: Where it stands.
    """
    kind, entry_id = key
    return below_session(entry_id) if kind == "session" or position is None else below_game(position)
