"""The pins of one rack from shot to shot, and the checks that a shot must pass there."""

from typing import Final, NamedTuple

from tenpin.model import TWICE, ProblemCode, Shot
from tenpin.pins import ALL_PINS, PIN_COUNT


class ImpossibleShotError(Exception):
    """A shot that cannot have been: its code, and a sentence for people."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code: ProblemCode = code
        self.detail = detail


class Rack(NamedTuple):
    """What stands before a shot.

    Attributes:
        possible: The pins that may stand; more than `standing` when only counts are known.
        standing: How many stand.
        is_new: Whether no ball was thrown at it yet.
    """

    possible: int
    standing: int
    is_new: bool

    @property
    def known_pins(self) -> int | None:
        """The pins that stand, where it is certain which."""
        return self.possible if self.possible.bit_count() == self.standing else None


FULL_RACK: Final = Rack(ALL_PINS, PIN_COUNT, is_new=True)
CLEARED: Final = Rack(0, 0, is_new=False)


def bowl(rack: Rack, shot: Shot) -> tuple[int, Rack]:
    """Return the pins that a shot is credited with, and what stands after it: nothing, after the last pin fell.

    A foul is credited with nothing, and what it knocked down is set up again (USBC rule 5).

    Raises:
        ImpossibleShotError: It cannot have been.
    """
    check_alone(shot)
    possible, standing, _ = rack
    pins_standing, count, foul = shot
    if count is not None and count > standing:
        raise ImpossibleShotError("too-many-pins", f"{count} pins are counted, and {standing} stood.")
    if pins_standing is None:
        knocked_down = count or 0
    else:
        knocked_down = standing - pins_standing.bit_count()
        if knocked_down < 0 or pins_standing & ~possible:
            raise ImpossibleShotError("pin-stands-up", _stands_up(pins_standing & ~possible))
        if count is not None and count != knocked_down:
            _check_disagreement(shot, count, knocked_down, standing)
        possible = pins_standing
    if foul:
        return 0, Rack(rack.possible, standing, is_new=False)
    if knocked_down == standing:
        return knocked_down, CLEARED
    return knocked_down, Rack(possible, standing - knocked_down, is_new=False)


def _check_disagreement(shot: Shot, count: int, knocked_down: int, standing: int) -> None:
    # A foul may be noted as thrown or as it counts.
    if not (shot.foul and 0 in {count, knocked_down}):
        raise ImpossibleShotError(
            "count-disagrees", f"{count} pins are counted, and {knocked_down} of {standing} no longer stand."
        )


def _stands_up(risen: int) -> str:
    if not risen:
        return "More pins stand than stood before the shot."
    pins = [str(pin + 1) for pin in range(PIN_COUNT) if risen >> pin & 1]
    if len(pins) == 1:
        return f"Pin {pins[0]} stands, and was down before the shot."
    return f"Pins {', '.join(pins)} stand, and were down before the shot."


def check_alone(shot: Shot) -> None:
    """Check what a shot says, whatever stood before it.

    Raises:
        ImpossibleShotError: It cannot have been.
    """
    pins_standing, count, foul = shot
    if pins_standing is None:
        if count is None:
            raise ImpossibleShotError("nothing-known", "Neither the pins nor the count are known.")
    elif not 0 <= pins_standing <= ALL_PINS:
        if shot == TWICE:
            raise ImpossibleShotError("shot-twice", "Two shots of this frame have this number.")
        raise ImpossibleShotError("no-such-pins", f"{pins_standing} is no set of ten pins.")
    if count is None:
        return
    if not 0 <= count <= PIN_COUNT:
        raise ImpossibleShotError("too-many-pins", f"{count} pins are counted, of {PIN_COUNT}.")
    if pins_standing is not None and not foul and count + pins_standing.bit_count() > PIN_COUNT:
        raise ImpossibleShotError(
            "count-disagrees", f"{count} pins are counted, and {pins_standing.bit_count()} still stand."
        )
