"""Counting shots for statistics: plain integers, made into ratios at the end."""

from dataclasses import dataclass, field
from typing import Final

from tenpin.figures import Ratio
from tenpin.model import BowledShot, FrameKind, ShotScore
from tenpin.pins import Leave, leave_kind, pin_bit

_POCKET: Final = frozenset({"pocket", "h-pocket", "l-pocket"})
_POCKET_PINS: Final = {pin_bit(pin): pin for pin in (4, 7, 8, 9, 10)}
"""The pins that a pocket hit leaves alone most often."""
STRIKE: Final = "X"
SPARE: Final = "/"


@dataclass(slots=True)
class FirstBallTally:
    """First balls: what they knocked down, what they left, where they hit; docs/scoring.md defines each."""

    balls: int = 0
    pins: int = 0
    strikes: int = 0
    noted: int = 0
    splits: int = 0
    washouts: int = 0
    positions: int = 0
    pocket: int = 0
    carried: int = 0
    pocket_noted: int = 0
    pocket_pins: dict[int, int] = field(default_factory=dict)

    def add(self, score: ShotScore, bowled: BowledShot) -> None:
        """Count one first ball."""
        self.balls += 1
        self.pins += score.count or 0
        self.strikes += score.symbol == STRIKE
        self.noted += bowled.shot.pins_standing is not None
        self.splits += score.leave == "split"
        self.washouts += score.leave == "washout"
        self.positions += bool(bowled.position)
        if bowled.position in _POCKET:
            self._add_pocket(score, bowled.shot.pins_standing)

    def _add_pocket(self, score: ShotScore, pins_standing: int | None) -> None:
        self.pocket += 1
        self.carried += score.symbol == STRIKE
        if pins_standing is None:
            return
        self.pocket_noted += 1
        pin = _POCKET_PINS.get(pins_standing)
        if pin is not None and not score.foul:
            self.pocket_pins[pin] = self.pocket_pins.get(pin, 0) + 1

    def ratios(self) -> dict[str, Ratio]:
        """Return the ratios of first balls, by their names in `Statistics`."""
        return {
            "strike_attempt": Ratio(self.strikes, self.balls),
            "first_ball": Ratio(self.pins, self.balls),
            "split": Ratio(self.splits, self.noted),
            "washout": Ratio(self.washouts, self.noted),
            "pocket": Ratio(self.pocket, self.balls),
            "pocket_where_noted": Ratio(self.pocket, self.positions),
            "carry": Ratio(self.carried, self.pocket),
            "pocket_single_pin": Ratio(sum(self.pocket_pins.values()), self.pocket_noted),
        }


@dataclass(slots=True)
class FrameTally:
    """Complete frames by kind, and the second balls that made or missed a spare."""

    strikes: int = 0
    spares: int = 0
    opens: int = 0
    converted: int = 0
    chances: int = 0

    def add_frame(self, kind: FrameKind) -> None:
        """Count one complete frame."""
        self.strikes += kind == "strike"
        self.spares += kind == "spare"
        self.opens += kind == "open"

    def add_second_ball(self, kind: FrameKind) -> None:
        """Count the second ball of one complete frame, which a strike has not."""
        self.converted += kind == "spare"
        self.chances += kind != "strike"

    def ratios(self) -> dict[str, Ratio]:
        """Return the ratios of frames, by their names in `Statistics`."""
        frames = self.strikes + self.spares + self.opens
        return {
            "strike": Ratio(self.strikes, frames),
            "spare": Ratio(self.spares, frames),
            "open": Ratio(self.opens, frames),
            "spare_conversion": Ratio(self.converted, self.chances),
        }


@dataclass(slots=True)
class LeaveTally:
    """Leaves of first balls that a next ball was thrown at, and how many of those it cleared."""

    chances: dict[int, int] = field(default_factory=dict)
    cleared: dict[int, int] = field(default_factory=dict)

    def add(self, pins_standing: int, next_ball: ShotScore) -> None:
        """Count one leave."""
        self.chances[pins_standing] = self.chances.get(pins_standing, 0) + 1
        if next_ball.symbol == SPARE:
            self.cleared[pins_standing] = self.cleared.get(pins_standing, 0) + 1

    def leaves(self) -> dict[int, Ratio]:
        """Return cleared of chances by leave."""
        return {pins: Ratio(self.cleared.get(pins, 0), self.chances[pins]) for pins in sorted(self.chances)}

    def ratios(self) -> dict[str, Ratio]:
        """Return the ratios of leaves, by their names in `Statistics`."""
        return {
            "split_conversion": self._kind_of_leave("split"),
            "washout_conversion": self._kind_of_leave("washout"),
            "single_pin_conversion": self._ratio([pins for pins in self.chances if pins.bit_count() == 1]),
        }

    def _kind_of_leave(self, kind: Leave) -> Ratio:
        return self._ratio([pins for pins in self.chances if leave_kind(pins) == kind])

    def _ratio(self, leaves: list[int]) -> Ratio:
        return Ratio(sum(self.cleared.get(pins, 0) for pins in leaves), sum(self.chances[pins] for pins in leaves))
