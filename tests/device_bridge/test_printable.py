from hypothesis import given
from hypothesis import strategies as st

from device_bridge.printable import printable


@given(st.text(), st.integers(0, 50))
def test_text_from_elsewhere_is_one_printable_line(text: str, limit: int) -> None:
    """Whatever came, it is printable, within its limit, and what was fit for a message is as it was."""
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    assert shown == text or len(text) > limit or not text.isprintable()


def test_what_moves_a_terminal_is_taken_out() -> None:
    """Escapes, line ends and marks that turn the reading direction become spaces; what is too long ends in dots."""
    assert printable("a\x1b[31mb\r\nc\u202ed") == "a [31mb  c d"
    assert printable("x" * 20, 10) == "xxxxxxx..."
