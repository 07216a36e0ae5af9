"""The ten pins as bits (bit 0 is pin 1), and what a leave is: split, washout or neither."""

from typing import Final, Literal

ALL_PINS: Final = 0b11_1111_1111
PIN_COUNT: Final = 10

Leave = Literal["split", "washout"]
"""What pins that stand in groups apart are called."""

_TOUCHING_HIGHER: Final = {
    1: (2, 3, 5, 8, 9),
    2: (4, 5, 8),
    3: (5, 6, 9),
    4: (7, 8),
    5: (8, 9),
    6: (9, 10),
    7: (),
    8: (),
    9: (),
    10: (),
}
_HEAD_PIN: Final = 1


def pin_bit(pin: int) -> int:
    """Return the mask of one pin, 1 to 10."""
    return 1 << (pin - 1)


def _touching_masks() -> tuple[int, ...]:
    masks = [0] * PIN_COUNT
    for pin, neighbours in _TOUCHING_HIGHER.items():
        for neighbour in neighbours:
            masks[pin - 1] |= pin_bit(neighbour)
            masks[neighbour - 1] |= pin_bit(pin)
    return tuple(masks)


_TOUCHING: Final = _touching_masks()


def _first_group(pins_standing: int) -> int:
    """Return the mask of all standing pins that are connected with the lowest of them."""
    group = pins_standing & -pins_standing
    edge = group
    while edge:
        pin_at = (edge & -edge).bit_length() - 1
        found = _TOUCHING[pin_at] & pins_standing & ~group
        group |= found
        edge = (edge & (edge - 1)) | found
    return group


def _leave_of(pins_standing: int) -> Leave | None:
    if _first_group(pins_standing) == pins_standing:
        return None
    return "washout" if pins_standing & _HEAD_PIN else "split"


_LEAVES: Final = tuple(_leave_of(pins_standing) for pins_standing in range(ALL_PINS + 1))


def leave_kind(pins_standing: int) -> Leave | None:
    """Return what a first ball at a full rack left: two or more groups of pins that do not touch, or None.

    With pin 1 standing it is a washout, with pin 1 down a split; one group, or no pin, is neither.

    Args:
        pins_standing: The pins that stand, bit 0 is pin 1, 0 to 1023.

    Raises:
        ValueError: Not ten pins.
    """
    if not 0 <= pins_standing <= ALL_PINS:
        raise ValueError(f"{pins_standing} is no set of ten pins: 0 to {ALL_PINS} was expected.")
    return _LEAVES[pins_standing]
