"""Statistics in numerators and denominators, as docs/scoring.md defines them: they can be added up game by game."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from tenpin.figures import Games, Ratio

_NO_GAMES: Final = Games()
_NOTHING: Final = Ratio()


@dataclass(frozen=True, slots=True)
class Statistics:
    """A bowler's figures over any set of games and practice shots; `Statistics()` is none, and `+` adds two up.

    A first ball is a ball at a full rack that no ball was thrown at: the first of a frame, and the tenth frame's
    further balls after a strike or a spare.

    Attributes:
        games: Scores, by where they come from.
        strike: Frames that were strikes, of complete frames.
        spare: Frames that were spares, of complete frames.
        open: Frames that were open, of complete frames.
        spare_conversion: Spares, of frames that were spares or open.
        strike_attempt: First balls that were strikes, of first balls.
        first_ball: Pins of first balls, over first balls: the first-ball average.
        split: First balls that left a split, of first balls whose pins were noted.
        washout: First balls that left a washout, of first balls whose pins were noted.
        split_conversion: Splits that the next ball cleared, of splits that a next ball was thrown at.
        washout_conversion: The same for washouts.
        single_pin_conversion: The same for leaves of one pin.
        pocket: First balls that hit the pocket, high or light as well, of first balls.
        pocket_where_noted: The same, of first balls whose position was noted.
        carry: Strikes, of first balls that hit the pocket.
        pocket_single_pin: First balls that hit the pocket and left one pin of 4, 7, 8, 9 or 10 alone, of first balls
            that hit the pocket and whose pins were noted.
        pocket_pins: The numerator of `pocket_single_pin` by pin.
        leaves: For each leave of a first ball (bit 0 is pin 1) how often the next ball cleared it, of how often a
            next ball was thrown at it.
        practice_shots: First balls of practice that are counted in the figures of first balls.
    """

    games: Games = _NO_GAMES
    strike: Ratio = _NOTHING
    spare: Ratio = _NOTHING
    open: Ratio = _NOTHING
    spare_conversion: Ratio = _NOTHING
    strike_attempt: Ratio = _NOTHING
    first_ball: Ratio = _NOTHING
    split: Ratio = _NOTHING
    washout: Ratio = _NOTHING
    split_conversion: Ratio = _NOTHING
    washout_conversion: Ratio = _NOTHING
    single_pin_conversion: Ratio = _NOTHING
    pocket: Ratio = _NOTHING
    pocket_where_noted: Ratio = _NOTHING
    carry: Ratio = _NOTHING
    pocket_single_pin: Ratio = _NOTHING
    pocket_pins: Mapping[int, int] = field(default_factory=dict)
    leaves: Mapping[int, Ratio] = field(default_factory=dict)
    practice_shots: int = 0

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(*(_sum(getattr(self, each.name), getattr(other, each.name)) for each in fields(self)))


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {key: _sum_of_present(one.get(key), other.get(key)) for key in sorted({*one, *other})}
    return one + other


def _sum_of_present(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else _sum(one, other)
