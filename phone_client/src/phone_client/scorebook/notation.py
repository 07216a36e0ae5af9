"""Shots as a bowler writes them: `X`, `9/`, `8-`, `81`, `F7`, or the pins that are left, `@7,10/`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from phone_client.errors import UsageError

PINS = 10
FRAMES = 10
ALL_STANDING = 2**PINS - 1
_SHOT = re.compile(r"@(?:\d{1,2}(?:,\d{1,2})*)?|[Xx/Ff-]|[0-9]")


_POSITIONS = frozenset({"pocket", "h-pocket", "l-pocket", "high", "light", "brooklyn"})


def noted_position(text: str) -> str:
    """Return where a ball hit, as statistics know it: `Pocket` is `pocket`; words of one's own stay as they are."""
    return text.lower() if text.lower() in _POSITIONS else text


@dataclass(frozen=True, slots=True)
class WrittenShot:
    """A shot at its place in a game.

    Attributes:
        frame_number: 1 to 10.
        shot_number: 1 to 3.
        count: The pins that it knocked down; None where only those that are left are known.
        pins_standing: The pins that are left, bit 0 is pin 1; None where only the count is known.
        foul: Whether it was a foul.
    """

    frame_number: int
    shot_number: int
    count: int | None
    pins_standing: int | None
    foul: bool = False

    @property
    def left(self) -> int | None:
        """How many pins are left after it, as far as it says by itself."""
        return None if self.pins_standing is None else self.pins_standing.bit_count()


class Place:
    """Where the next shot of a game goes, and what stands there.

    Args:
        shots: The shots that the game has.
    """

    def __init__(self, shots: Iterable[WrittenShot] = ()) -> None:
        self.frame_number = self.shot_number = 1
        self._left: int | None = PINS
        self._mask: int | None = ALL_STANDING
        self._marks = 0
        self._is_new = True
        for shot in sorted(shots, key=lambda shot: (shot.frame_number, shot.shot_number)):
            if shot.frame_number != self.frame_number:
                self._begin(shot.frame_number)
            self.shot_number = shot.shot_number
            self.take(shot)

    @property
    def is_over(self) -> bool:
        """Whether the game has all its shots."""
        return self.frame_number > FRAMES

    def read(self, text: str) -> WrittenShot:
        """Return what one sign says of a shot here.

        Raises:
            UsageError: It cannot be thrown here.
        """
        if self.is_over:
            raise UsageError(f"The game has all its shots, so {text} has no place in it. Nothing was written.")
        shot = WrittenShot(self.frame_number, self.shot_number, *self._read(text.upper()))
        if shot.count is not None and self._left is not None and shot.count > self._left:
            raise UsageError(
                f"{text} in frame {self.frame_number} knocks down more pins than the {self._left} that stand. "
                "Nothing was written."
            )
        return shot

    def _read(self, sign: str) -> tuple[int | None, int | None, bool]:
        """Return the count, the pins standing and the foul."""
        match sign[0]:
            case "X":
                if self._left != PINS:
                    raise UsageError(f"X in frame {self.frame_number}: there is no full rack. Nothing was written.")
                return PINS, 0, False
            case "/":
                # After a foul all ten stand, and may be a spare.
                if self._is_new or self._left is None:
                    raise UsageError(
                        f"/ in frame {self.frame_number}: a spare needs a first ball. Nothing was written."
                    )
                return self._left, 0, False
            case "F":
                return 0, self._mask, True
            case "@":
                return self._read_pins(sign[1:])
        count = 0 if sign == "-" else int(sign)
        # Nothing fell, so what stood still stands, where that is known.
        return count, self._mask if count == 0 and self._mask is not None else None, False

    def _read_pins(self, numbers: str) -> tuple[int | None, int | None, bool]:
        pins = [int(number) for number in numbers.split(",")] if numbers else []
        if not all(1 <= pin <= PINS for pin in pins):
            raise UsageError(f"@{numbers}: pins are 1 to {PINS}. Nothing was written.")
        standing = sum(1 << (pin - 1) for pin in set(pins))
        if self._mask is not None and standing & ~self._mask:
            raise UsageError(
                f"@{numbers} in frame {self.frame_number}: a fallen pin stands again. Nothing was written."
            )
        return None if self._left is None else self._left - standing.bit_count(), standing, False

    def take(self, shot: WrittenShot) -> None:
        """Go on after a shot."""
        self._is_new = False
        if shot.foul:
            pass  # What fell is set up again, and what stood stands.
        elif shot.pins_standing is not None:
            self._mask, self._left = shot.pins_standing, shot.pins_standing.bit_count()
        else:
            self._mask = None
            self._left = None if self._left is None or shot.count is None else self._left - shot.count
        if self.frame_number == FRAMES:
            self._take_in_tenth()
        elif self._left == 0 or self.shot_number > 1:
            self._begin(self.frame_number + 1)
        else:
            self.shot_number += 1

    def _take_in_tenth(self) -> None:
        is_mark = self._left == 0
        self._marks += is_mark
        if is_mark:
            self._left, self._mask, self._is_new = PINS, ALL_STANDING, True
        if self.shot_number == 3 or (self.shot_number == 2 and not self._marks):  # noqa: PLR2004 - the third ball is the last
            self._begin(FRAMES + 1)
        else:
            self.shot_number += 1

    def _begin(self, frame_number: int) -> None:
        self.frame_number, self.shot_number = frame_number, 1
        self._left, self._mask, self._marks, self._is_new = PINS, ALL_STANDING, 0, True


def read_shots(texts: Sequence[str], place: Place) -> list[WrittenShot]:
    """Return the shots of some texts, such as a frame each, from a place in a game on.

    Raises:
        UsageError: A text is none, or cannot be thrown there.
    """
    shots = []
    for text in texts:
        if text == str(PINS):
            raise UsageError("10 can be read in two ways: X is a strike, and 1- a one and a miss. Nothing was written.")
        signs = _SHOT.findall(text)
        if not signs or "".join(signs) != text:
            raise UsageError(
                f"{text!r} is no shot: X, /, -, F, a count of 0 to 9, or the pins that are left, such as @7,10. "
                "Nothing was written."
            )
        for sign in signs:
            shots.append(place.read(sign))
            place.take(shots[-1])
    return shots
