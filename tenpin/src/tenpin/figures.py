"""What statistics are made of: fractions and totals of games that can be added up part by part."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure with what it is made of.

    Attributes:
        numerator: How many of them, or their sum.
        denominator: Of how many.
    """

    numerator: int = 0
    denominator: int = 0

    @property
    def value(self) -> float | None:
        """The quotient; None when there was nothing to count."""
        return self.numerator / self.denominator if self.denominator else None

    def __add__(self, other: "Ratio") -> "Ratio":
        return Ratio(self.numerator + other.numerator, self.denominator + other.denominator)


@dataclass(frozen=True, slots=True)
class GameTotals:
    """Final scores of games.

    Attributes:
        count: How many games.
        total: The sum of their scores.
        high: The highest; None without a game.
        low: The lowest; None without a game.
    """

    count: int = 0
    total: int = 0
    high: int | None = None
    low: int | None = None

    @classmethod
    def of(cls, score: int) -> "GameTotals":
        """Return the totals of one game."""
        return cls(1, score, score, score)

    @property
    def average(self) -> float | None:
        """The mean score; None without a game."""
        return self.total / self.count if self.count else None

    def __add__(self, other: "GameTotals") -> "GameTotals":
        highs = [high for high in (self.high, other.high) if high is not None]
        lows = [low for low in (self.low, other.low) if low is not None]
        return GameTotals(
            self.count + other.count, self.total + other.total, max(highs, default=None), min(lows, default=None)
        )


@dataclass(frozen=True, slots=True)
class Games:
    """Games by where their score comes from.

    Attributes:
        scored: Complete games, scored from their shots.
        entered: Totals that were typed in without shots.
        unfinished: Games with shots whose score is not final: they have no part in the average.
        with_problems: Games with shots that cannot have been: they have no part in it either.
    """

    scored: GameTotals = GameTotals()
    entered: GameTotals = GameTotals()
    unfinished: int = 0
    with_problems: int = 0

    @property
    def together(self) -> GameTotals:
        """Scored and entered games in one: the game average, high and low of the bowler."""
        return self.scored + self.entered

    def __add__(self, other: "Games") -> "Games":
        return Games(
            self.scored + other.scored,
            self.entered + other.entered,
            self.unfinished + other.unfinished,
            self.with_problems + other.with_problems,
        )
