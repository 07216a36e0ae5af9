"""Which capture may be of which shot: proposed by device, ball and time; the user confirms one at the shot.

Captures stand in the order of time in the tree, and so do sessions: those of a moment are a short read each.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from chalicelib.devices import claims
from chalicelib.scorebook import pages, reading, rows, store, tree
from chalicelib.scorebook.entry_types import CAPTURE
from chalicelib.scorebook.game_model import CaptureProposals, ShotProposals
from chalicelib.scorebook.listing import sessions_between
from chalicelib.scorebook.matching import Equipment, capture_proposals, shot_proposals
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.moments import read_moment
from chalicelib.scorebook.pages import Stretch

NEAR = timedelta(minutes=10)
"""Between a shot's time and its capture's: the clocks of a phone and of what reads a device differ."""
LONGEST_SESSION = timedelta(hours=12)
MOST = 20
_MOST_READ = 200
_MOST_SESSIONS = 5
_MOST_CLAIMS = 100
_EARLIEST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def captures_for(user_id: str, shot_id: str) -> CaptureProposals:
    """Return captures that may be of a shot, the best first; errors as of `reading.find`."""
    shot = reading.find(user_id, ("shot", shot_id))
    begins, ends = _times_of(user_id, shot)
    near = [*_shots_between(user_id, begins, ends), *_shots_of(user_id, shot.fields["session_id"])]
    others = [row for row in near if row.id != shot_id]
    linked = {str(row.fields["capture_id"]): row.id for row in others if row.fields.get("capture_id")}
    found = _captures_between(user_id, begins, ends)
    return CaptureProposals(tuple(capture_proposals(shot, found, _equipment(user_id, [shot]), linked)[:MOST]))


def shots_for(user_id: str, capture_id: str) -> ShotProposals:
    """Return shots that may be a capture's, the best first; errors as of `reading.find`."""
    capture = reading.find(user_id, (CAPTURE, capture_id))
    if capture.fields.get("start_at") is None:
        return ShotProposals(())
    start = read_moment(capture.fields["start_at"])
    shots = _shots_between(user_id, start, _moved(start, NEAR))
    proposals = shot_proposals(capture, shots, _equipment(user_id, shots), NEAR.total_seconds())
    return ShotProposals(tuple(proposals[:MOST]))


def _shots_between(user_id: str, begins: datetime, ends: datetime) -> list[Row]:
    """Return the shots of the newest sessions that may have been under way in a time."""
    stretch = sessions_between(_moved(begins, -LONGEST_SESSION).isoformat(), ends.isoformat())
    found = pages.by_position(user_id, stretch, None, _MOST_SESSIONS)
    return [shot for session in map(rows.read_row, found) for shot in _shots_of(user_id, session.id)]


def _shots_of(user_id: str, session_id: str) -> list[Row]:
    """Return the shots of a session, but not those of a deleted game that are still to be removed."""
    below = [rows.read_row(item) for item in store.below(user_id, tree.below_session(session_id))]
    games = {None, *(row.id for row in below if row.type == "game")}
    return [row for row in below if row.type == "shot" and row.fields.get("game_id") in games]


def _times_of(user_id: str, shot: Row) -> tuple[datetime, datetime]:
    """Return between which times a shot's capture began: about when it was thrown, or during its session."""
    if shot.fields.get("thrown_at") is not None:
        thrown = read_moment(shot.fields["thrown_at"])
        return _moved(thrown, -NEAR), _moved(thrown, NEAR)
    session = reading.find(user_id, ("session", shot.fields["session_id"]))
    started = read_moment(session.fields["started_at"])
    return _moved(started, -NEAR), _moved(started, LONGEST_SESSION)


def _moved(moment: datetime, by: timedelta) -> datetime:
    """Return a time that much later, but none that no calendar has."""
    return min(max(moment, _EARLIEST), _LATEST) + by


def _captures_between(user_id: str, begins: datetime, ends: datetime) -> list[Row]:
    first, last = (tree.CAPTURES + tree.started_key(moment.isoformat()) for moment in (begins, ends))
    found = pages.by_position(user_id, Stretch(first, last), None, _MOST_READ)
    return [row for row in map(rows.read_row, found) if not row.deleted]


def _equipment(user_id: str, shots: Iterable[Row]) -> Equipment:
    """Return which of the user's balls have which devices, for the balls of some shots."""
    balls = {("ball", ball_id) for row in shots if (ball_id := row.fields.get("ball_id")) is not None}
    if not balls:
        return Equipment((), {})
    found = store.find_rows(user_id, sorted(balls))
    serials = {ball_id: row.fields.get("serial") for (_, ball_id), row in found.items() if row and not row.deleted}
    devices = claims.overview(user_id, _MOST_CLAIMS, None).items
    return Equipment(devices, {ball_id: serial for ball_id, serial in serials.items() if serial})
