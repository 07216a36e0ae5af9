"""Whole sessions and games, with their scores.

A session is one read of it and one of what stands below it; captures that its shots name are looked for in one more.
"""

from collections.abc import Iterable

from chalicelib.scorebook import reading, rows, store, tree
from chalicelib.scorebook.entry_types import CAPTURE
from chalicelib.scorebook.game_model import GameAnswer, SessionTree, ShotAnswer
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.scoring import Captures, game_answer, session_tree, shot_answer


def show_tree(user_id: str, session_id: str) -> SessionTree:
    """Return a session with its games, their scores, and its practice shots.

    What belongs to a deleted game is left out, for the game is not among what is read.

    Raises:
        NotFound: There is no such session.
    """
    key = ("session", session_id)
    session = store.find_row(user_id, key)
    if session is None or session.deleted:
        raise reading.missing(key)
    below = [rows.read_row(item) for item in store.below(user_id, tree.below_session(session_id))]
    return session_tree(session, below, _captures_of(user_id, below))


def show_game(user_id: str, game_id: str) -> GameAnswer:
    """Return a game with its score; errors as of `reading.find`."""
    game = reading.find(user_id, ("game", game_id))
    position = tree.below_game(tree.game_position(game.fields["session_id"], game_id))
    below = [rows.read_row(item) for item in store.below(user_id, position)]
    return game_answer(game, below, _captures_of(user_id, below))


def show_shot(user_id: str, shot_id: str) -> ShotAnswer:
    """Return a shot with the capture that it names; errors as of `reading.find`."""
    shot = reading.find(user_id, ("shot", shot_id))
    return shot_answer(shot, _captures_of(user_id, [shot]))


def _captures_of(user_id: str, shots: Iterable[Row]) -> Captures:
    """Return the captures that shots name."""
    named = {str(row.fields["capture_id"]) for row in shots if row.type == "shot" and row.fields.get("capture_id")}
    found = store.find_rows(user_id, [(CAPTURE, capture_id) for capture_id in sorted(named)]) if named else {}
    return {capture_id: None if row is None or row.deleted else row for (_, capture_id), row in found.items()}
