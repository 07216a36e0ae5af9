"""Text that came from elsewhere, made fit for a message on one line."""

_CUT = "..."


def printable(text: str, limit: int = 300) -> str:
    """Return a text in which nothing moves a terminal's cursor or turns the reading direction, and that has an end.

    Args:
        text: What a device, the API or a damaged file said.
        limit: The most characters of it that are kept; a longer one ends in three dots.
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: max(0, limit - len(_CUT))] + _CUT[:limit]
