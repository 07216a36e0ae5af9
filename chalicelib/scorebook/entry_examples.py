"""Examples of entries for the description of the API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.scorebook.entry_model import EntryAnswer
from chalicelib.scorebook.figures_model import GamesAnswer, RatioAnswer, StatisticsAnswer, TotalsAnswer
from chalicelib.scorebook.game_model import (
    CaptureProposal,
    CaptureProposals,
    FrameAnswer,
    GameAnswer,
    SessionTree,
    ShotAnswer,
    ShotProposal,
    ShotProposals,
    ShotScored,
)

AT = datetime(2026, 11, 24, 18, 5, tzinfo=UTC)
IDS: Mapping[str, str] = {
    kind: f"0193a2f4-8a10-7c3d-b1a2-0e4f5a8d2b{number}"
    for number, kind in enumerate(("ball", "establishment", "event", "session", "game", "frame", "shot"), 10)
}
FIELDS: Mapping[str, dict[str, Any]] = {
    "ball": {"name": "Phaze II", "weight_lb": 15, "serial": "SD-000123"},
    "establishment": {"name": "Olympia Lanes", "lanes": 24},
    "event": {"name": "Tuesday league", "kind": "league"},
    "session": {"started_at": "2026-11-24T19:00:00+01:00", "event_id": IDS["event"]},
    "game": {"session_id": IDS["session"], "game_number": 1, "starting_lane": 7},
    "frame": {"game_id": IDS["game"], "frame_number": 1, "comment": "slow"},
    "shot": {
        "session_id": IDS["session"],
        "game_id": IDS["game"],
        "frame_number": 1,
        "shot_number": 1,
        "pins_standing": 576,
        "count": 8,
        "thrown_at": "2026-11-24T19:03:20+01:00",
    },
}
CHANGES: Mapping[str, dict[str, Any]] = {
    "ball": {"comment": "new grips"},
    "establishment": {"lanes": 26},
    "event": {"average": 187.5},
    "session": {"comment": "oily"},
    "game": {"lanes": "7-8"},
    "frame": {"comment": "quick"},
    "shot": {"comment": "late release"},
}


def answer(kind: str) -> EntryAnswer:
    """Return an entry of a type as it is shown."""
    plain = (IDS[kind], 1, AT, FIELDS[kind])
    match kind:
        case "game":
            return GAME
        case "shot":
            return ShotAnswer(*plain)
    return EntryAnswer(*plain)


_SHOT = ShotAnswer(IDS["shot"], 1, AT, FIELDS["shot"], ShotScored(8, 576, "8", "split", is_first=True))
GAME = GameAnswer(
    IDS["game"],
    1,
    AT,
    FIELDS["game"],
    maximum=290,
    frames=(FrameAnswer(1, None, "pending", (_SHOT,), (EntryAnswer(IDS["frame"], 1, AT, FIELDS["frame"]),)),),
)
TREE = SessionTree(IDS["session"], 1, AT, FIELDS["session"], games=(GAME,))
_CAPTURE_ID = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CAPTURE_PROPOSALS = CaptureProposals(
    (CaptureProposal(_CAPTURE_ID, "SD-000123", AT, 1.5, ("device", "time"), None),),
)
SHOT_PROPOSALS = ShotProposals(
    (ShotProposal(IDS["shot"], IDS["session"], "2026-11-24T19:03:20+01:00", 1.5, ("device", "time"), None),)
)
_NONE = RatioAnswer(0, 0, None)
_RATIOS = (
    "strike_attempt",
    "first_ball",
    "split",
    "washout",
    "split_conversion",
    "washout_conversion",
    "single_pin_conversion",
    "pocket",
    "pocket_where_noted",
    "carry",
    "pocket_single_pin",
)
_ONE_GAME = TotalsAnswer(1, 190, 190.0, 190, 190)
STATISTICS = StatisticsAnswer(
    sessions=1,
    games=GamesAnswer(_ONE_GAME, _ONE_GAME, TotalsAnswer(0, 0, None, None, None), 0, 0),
    strike=RatioAnswer(0, 10, 0.0),
    spare=RatioAnswer(10, 10, 1.0),
    open=RatioAnswer(0, 10, 0.0),
    spare_conversion=RatioAnswer(10, 10, 1.0),
    **dict.fromkeys(_RATIOS, _NONE),
    pocket_pins={},
    leaves=(),
    practice_shots=0,
)
