"""What the API asks for and answers about statistics."""

import msgspec

from chalicelib.scorebook.entry_fields import EntryId, Moment


class StatisticsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"begins": "from", "ends": "to"}):
    """What statistics are of; each filter leaves out what does not fit.

    Attributes:
        begins: As `from`: sessions that started then or later (RFC 3339 with its offset).
        ends: As `to`: sessions that started before then.
        event_id: Sessions of this event.
        session_id: This session.
        establishment_id: Sessions at this establishment.
        ball_id: What this ball did: each figure counts the shots that it judges, games those bowled with it throughout.
    """

    begins: Moment | None = None
    ends: Moment | None = None
    event_id: EntryId | None = None
    session_id: EntryId | None = None
    establishment_id: EntryId | None = None
    ball_id: EntryId | None = None

    @property
    def is_of_all_sessions(self) -> bool:
        """Whether no filter leaves out a session."""
        return self == StatisticsQuery(ball_id=self.ball_id)


class RatioAnswer(msgspec.Struct, frozen=True):
    """A figure with what it is made of.

    Attributes:
        numerator: How many of them, or their sum.
        denominator: Of how many.
        value: The quotient; null when there was nothing to count.
    """

    numerator: int
    denominator: int
    value: float | None


class TotalsAnswer(msgspec.Struct, frozen=True):
    """Final scores of games.

    Attributes:
        count: How many games.
        total: The sum of their scores.
        average: The mean; null without a game.
        high: The highest; null without a game.
        low: The lowest; null without a game.
    """

    count: int
    total: int
    average: float | None
    high: int | None
    low: int | None


class GamesAnswer(msgspec.Struct, frozen=True):
    """Games by where their score comes from.

    Attributes:
        together: Scored and entered games in one: the bowler's average, high and low.
        scored: Complete games, scored from their shots.
        entered: Totals that were typed in for games without shots.
        unfinished: Games with shots whose score is not final; they are in no average.
        with_problems: Games with shots that cannot have been; they are in no average.
    """

    together: TotalsAnswer
    scored: TotalsAnswer
    entered: TotalsAnswer
    unfinished: int
    with_problems: int


class LeaveAnswer(msgspec.Struct, frozen=True):
    """What became of a leave of first balls.

    Attributes:
        pins_standing: The pins that were left, bit 0 for pin 1.
        kind: `split` or `washout`; null for neither.
        conversion: How often the next ball cleared it, of how often one was thrown at it.
    """

    pins_standing: int
    kind: str | None
    conversion: RatioAnswer


class StatisticsAnswer(msgspec.Struct, frozen=True):
    """A bowler's figures (docs/scoring.md).

    Attributes:
        sessions: How many sessions were read.
        games: Scores.
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
        pocket_single_pin: First balls that hit the pocket and left one of 4, 7, 8, 9, 10 alone, of first balls that hit
            the pocket and whose pins were noted.
        pocket_pins: The numerator of `pocket_single_pin` by pin.
        leaves: Each leave of first balls, by its pins.
        practice_shots: First balls of practice that are counted in the figures of first balls.
    """

    sessions: int
    games: GamesAnswer
    strike: RatioAnswer
    spare: RatioAnswer
    open: RatioAnswer
    spare_conversion: RatioAnswer
    strike_attempt: RatioAnswer
    first_ball: RatioAnswer
    split: RatioAnswer
    washout: RatioAnswer
    split_conversion: RatioAnswer
    washout_conversion: RatioAnswer
    single_pin_conversion: RatioAnswer
    pocket: RatioAnswer
    pocket_where_noted: RatioAnswer
    carry: RatioAnswer
    pocket_single_pin: RatioAnswer
    pocket_pins: dict[str, int]
    leaves: tuple[LeaveAnswer, ...]
    practice_shots: int
