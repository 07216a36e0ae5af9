"""Forms of texts: the pattern that a text must fit, and the words that tell a person of it when one does not."""

from typing import Any

import msgspec

WITHOUT_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]+\Z", "text without control characters"
SHA256 = r"^[0-9a-f]{64}\Z", "64 hex digits, 0-9 and a-f: a SHA-256"
UUID = (
    r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z",
    "a UUID in hex digits, 0-9 and a-f, such as 0193a2f4-8a10-7c3d-b1a2-0e4f5a8d2b10",
)
_MISFIT = " matching regex "
_WORDS: dict[str, str] = {}
"""By the pattern, as msgspec's message shows it."""


def of_form(pattern: str, words: str, **limits: Any) -> msgspec.Meta:
    """Return what holds a text to a form.

    Args:
        pattern: The form as a regular expression.
        words: What one is that fits, such as `an id: 1 to 64 of A-Z`.
        limits: What else `msgspec.Meta` takes.
    """
    _WORDS[repr(pattern)] = words
    return msgspec.Meta(pattern=pattern, **limits)


def told(detail: str) -> str:
    """Return msgspec's word on what does not fit, with the form in words in the place of a pattern."""
    _, is_form, pattern = detail.partition(_MISFIT)
    return f"Expected {_WORDS.get(pattern, f'a text that fits {pattern}')}" if is_form else detail
