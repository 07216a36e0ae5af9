"""What the API shows of sessions, games and shots together with what follows from them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from chalicelib.scorebook.entry_fields import GameFields, SessionFields, ShotFields
from chalicelib.scorebook.entry_model import EntryAnswer, whole_schema


class ShotScored(msgspec.Struct, frozen=True):
    """What a shot counts.

    Attributes:
        count: The pins it is credited with; null when a shot before it is missing and only its pins are known.
        pins_standing: The pins that stand after it, bit 0 for pin 1; null where they are not known.
        symbol: As on a score sheet: `X`, `/`, `1` to `9`, `-`, `F`, and `?` where it is not known.
        leave: `split` or `washout` when a first ball left one; else null.
        is_first: Whether it was the first at a full rack.
    """

    count: int | None
    pins_standing: int | None
    symbol: str
    leave: str | None
    is_first: bool


class LinkedCapture(msgspec.Struct, frozen=True):
    """A raw capture as the feed tells of it.

    Attributes:
        id: Its id.
        fields: `serial`, `start_at`, `received_at`, `state`, and `metrics` by name with `value`, `unit`, `quality`.
    """

    id: str
    fields: dict[str, Any]


class ShotAnswer(EntryAnswer, frozen=True):
    """A shot.

    Attributes:
        scored: What it counts in its game, where that is shown; null for a shot that is shown alone, for practice, and
            behind a problem.
        capture: The raw capture that it names; null for none, and where there is no such capture.
        capture_missing: Whether it names a capture that is not there.
    """

    fields: Annotated[dict[str, Any], whole_schema(ShotFields)]
    scored: ShotScored | None = None
    capture: LinkedCapture | None = None
    capture_missing: bool = False


class FrameAnswer(msgspec.Struct, frozen=True):
    """A frame of a game.

    Attributes:
        number: 1 to 10.
        cumulative: The game's total with this frame; null while it is pending, and from a problem on.
        kind: `strike`, `spare`, `open` or `pending`.
        shots: Its shots in their order.
        notes: What the bowler noted about it.
    """

    number: int
    cumulative: int | None
    kind: str
    shots: tuple[ShotAnswer, ...]
    notes: tuple[EntryAnswer, ...]


class GameProblem(msgspec.Struct, frozen=True):
    """A shot that cannot have been.

    Attributes:
        frame_number: Its frame; 0 for a shot that names none.
        shot_number: Its number in the frame.
        code: Which rule it breaks (docs/scoring.md).
        detail: The same for a person.
    """

    frame_number: int
    shot_number: int
    code: str
    detail: str


class GameAnswer(EntryAnswer, frozen=True):
    """A game with its score.

    Attributes:
        score: The total so far, and the final one when `is_complete`; the entered one where there are no shots; null
            before the first scored frame, and with a problem.
        maximum: The highest total that the shots not yet there could give; null with a problem.
        is_complete: Whether the score is final.
        entered: Whether the score is a total that was typed in without shots.
        frames: All ten.
        problems: Shots that cannot have been; from the first one on nothing is scored.
        without_frame: Shots of the game that stand in none of its frames.
    """

    fields: Annotated[dict[str, Any], whole_schema(GameFields)]
    score: int | None = None
    maximum: int | None = None
    is_complete: bool = False
    entered: bool = False
    frames: tuple[FrameAnswer, ...] = ()
    problems: tuple[GameProblem, ...] = ()
    without_frame: tuple[ShotAnswer, ...] = ()


class SessionTree(EntryAnswer, frozen=True):
    """A session with all that belongs to it.

    Attributes:
        games: Its games, by number.
        practice: Its shots without a game, in their order.
    """

    fields: Annotated[dict[str, Any], whole_schema(SessionFields)]
    games: tuple[GameAnswer, ...] = ()
    practice: tuple[ShotAnswer, ...] = ()


class CaptureProposal(msgspec.Struct, frozen=True):
    """A capture that may be of a shot.

    Attributes:
        capture_id: The capture; send it as the shot's `capture_id` to confirm it.
        serial: Its device.
        start_at: When its throw began.
        seconds_apart: How long before or after the shot's `thrown_at` that was; null when the shot has none.
        reasons: Why: `linked` (the shot names it), `device` (it is of a device in the shot's ball), `time`.
        linked_shot_id: Another shot that names it.
    """

    capture_id: str
    serial: str | None
    start_at: datetime
    seconds_apart: float | None
    reasons: tuple[str, ...]
    linked_shot_id: str | None


class CaptureProposals(msgspec.Struct, frozen=True):
    """Captures that may be of a shot.

    Attributes:
        items: At most 20, the best first.
    """

    items: tuple[CaptureProposal, ...]


class ShotProposal(msgspec.Struct, frozen=True):
    """A shot that may be a capture's.

    Attributes:
        shot_id: The shot; send the capture's id as its `capture_id` to confirm it.
        session_id: Its session.
        thrown_at: When it was thrown, as it was noted; null where it was not.
        seconds_apart: How long before or after the capture's beginning that was; null where it was not noted.
        reasons: Why: `linked` (the shot names the capture), `device` (its ball has the capture's device), `time`.
        linked_capture_id: Another capture that the shot names.
    """

    shot_id: str
    session_id: str
    thrown_at: str | None
    seconds_apart: float | None
    reasons: tuple[str, ...]
    linked_capture_id: str | None


class ShotProposals(msgspec.Struct, frozen=True):
    """Shots that may be a capture's.

    Attributes:
        items: At most 20, the best first.
    """

    items: tuple[ShotProposal, ...]
