"""The fields of entries, by type.

A field without a value is absent or null. What is kept is what was sent, so these structs only say what may be sent.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from chalicelib.forms import of_form
from chalicelib.scorebook.moments import LONGEST, PATTERN

ID_PATTERN = r"^[A-Za-z0-9_.-]{1,64}\Z"
EntryId: TypeAlias = Annotated[str, of_form(ID_PATTERN, "an id: 1 to 64 of A-Z, a-z, 0-9, _, . and -", max_length=64)]
Label: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Place: TypeAlias = Annotated[str, msgspec.Meta(max_length=128)]
Short: TypeAlias = Annotated[str, msgspec.Meta(max_length=64)]
Long: TypeAlias = Annotated[str, msgspec.Meta(max_length=2000)]
Moment: TypeAlias = Annotated[
    str,
    of_form(PATTERN, "a time as of RFC 3339 with its offset, such as 2026-11-24T18:00:00Z", max_length=LONGEST),
]
Lane: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1000)]
FrameNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10)]
Board: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=60)]
PINS = 10


class _Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of an entry."""


class BallFields(_Fields, frozen=True):
    """A bowling ball.

    Attributes:
        name: What it is called.
        weight_lb: Its weight in pounds.
        core_type: The form of its core.
        colour: Its colour.
        serial: Its maker's serial number.
        rg_in: Its radius of gyration in inches.
        differential_in: The differential of its radii of gyration in inches.
        diameter_in: Its diameter in inches.
        comment: A note.
    """

    name: Label
    weight_lb: Annotated[float, msgspec.Meta(ge=0, le=20)] | None = None
    core_type: Short | None = None
    colour: Short | None = None
    serial: Short | None = None
    rg_in: Annotated[float, msgspec.Meta(ge=0, le=10)] | None = None
    differential_in: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    diameter_in: Annotated[float, msgspec.Meta(ge=0, le=20)] | None = None
    comment: Long | None = None


class EstablishmentFields(_Fields, frozen=True):
    """A bowling centre.

    Attributes:
        name: What it is called.
        lanes: How many lanes it has.
        kind: What kind of place it is.
        location: Where it is.
        comment: A note.
    """

    name: Label
    lanes: Lane | None = None
    kind: Short | None = None
    location: Place | None = None
    comment: Long | None = None


class EventFields(_Fields, frozen=True):
    """A league, a tournament, or a series of practices.

    Attributes:
        name: What it is called.
        kind: What it is.
        location: Where it is held.
        standings: Where the bowler stands in it.
        average: The bowler's average in it.
        comment: A note.
    """

    name: Label
    kind: Literal["league", "tournament", "practice"]
    location: Place | None = None
    standings: Long | None = None
    average: Annotated[float, msgspec.Meta(ge=0, le=300)] | None = None
    comment: Long | None = None


class SessionFields(_Fields, frozen=True):
    """A day at the lanes.

    Attributes:
        started_at: When it began (RFC 3339, with its offset).
        event_id: The event that it belongs to.
        establishment_id: Where it was.
        session_number: Which one of its event.
        team_opponent: The team bowled against.
        individual_opponent: The bowler bowled against.
        score: The pins of the whole session.
        team_record: The team's record.
        individual_record: The bowler's record.
        comment: A note.
    """

    started_at: Moment
    event_id: EntryId | None = None
    establishment_id: EntryId | None = None
    session_number: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None
    team_opponent: Place | None = None
    individual_opponent: Place | None = None
    score: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    team_record: Short | None = None
    individual_record: Short | None = None
    comment: Long | None = None


class GameFields(_Fields, frozen=True):
    """A game.

    Attributes:
        session_id: The session that it belongs to, for good.
        game_number: Which one of its session.
        lanes: The lanes that it was bowled on.
        starting_lane: The lane that it began on.
        entered_score: A total that was typed in without shots.
        won: Whether it was won.
        team_result: The team's result.
        individual_result: The bowler's result.
        comment: A note.
    """

    session_id: EntryId
    game_number: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    lanes: Short | None = None
    starting_lane: Lane | None = None
    entered_score: Annotated[int, msgspec.Meta(ge=0, le=300)] | None = None
    won: bool | None = None
    team_result: Short | None = None
    individual_result: Short | None = None
    comment: Long | None = None


class FrameFields(_Fields, frozen=True):
    """What a bowler notes about a frame; shots need none.

    Attributes:
        game_id: The game that it belongs to.
        frame_number: Which one of its game.
        lane: The lane that it was bowled on.
        comment: A note.
    """

    game_id: EntryId
    frame_number: FrameNumber
    lane: Lane | None = None
    comment: Long | None = None


class ShotFields(_Fields, frozen=True):
    """A shot; one of `pins_standing` and `count` has a value.

    Attributes:
        session_id: The session that it belongs to.
        game_id: The game that it belongs to; a practice shot has none.
        frame_number: The frame of its game.
        shot_number: Which one of its frame.
        pins_standing: The pins that stand after it, bit 0 for pin 1; no value when only the count is known.
        count: The pins that it knocked down.
        foul: Whether it was a foul.
        ball_id: The ball.
        lane: The lane.
        side: The side that it hit or missed on.
        position: Where it hit: `pocket`, `h-pocket`, `l-pocket`, `high`, `light`, `brooklyn`, or other words.
        board: The board at the pins.
        stance: The board that the bowler stood on.
        target: The board that was aimed at.
        breakpoint: The board where the ball turned.
        impact_board: The board of the impact.
        speed_mph: The ball's speed in miles an hour.
        thrown_at: When it was thrown (RFC 3339, with its offset).
        comment: A note.
        capture_id: The raw capture of this throw.
    """

    session_id: EntryId
    shot_number: Annotated[int, msgspec.Meta(ge=1, le=3)]
    game_id: EntryId | None = None
    frame_number: FrameNumber | None = None
    pins_standing: Annotated[int, msgspec.Meta(ge=0, le=1023)] | None = None
    count: Annotated[int, msgspec.Meta(ge=0, le=PINS)] | None = None
    foul: bool | None = None
    ball_id: EntryId | None = None
    lane: Lane | None = None
    side: Short | None = None
    position: Short | None = None
    board: Board | None = None
    stance: Board | None = None
    target: Board | None = None
    breakpoint: Board | None = None
    impact_board: Board | None = None
    speed_mph: Board | None = None
    thrown_at: Moment | None = None
    comment: Long | None = None
    capture_id: Short | None = None


class CaptureFields(_Fields, frozen=True):
    """A raw capture, as the feed tells of it; nobody but the server writes it.

    Attributes:
        serial: Its device.
        start_at: When the shot began, as far as that is known.
        received_at: When it arrived.
        state: What was found: `verified`, `damaged` and so on.
        metrics: By name: `value`, `unit` and `quality`.
    """

    serial: str | None
    start_at: str | None
    received_at: str
    state: str
    metrics: dict[str, dict[str, Any]]
