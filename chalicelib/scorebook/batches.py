"""What became of a part of a push, as it is remembered: statuses and versions only. Pure."""

import hashlib
from collections.abc import Sequence

import msgspec

from chalicelib.errors import FieldError
from chalicelib.scorebook.changes import Rejection
from chalicelib.scorebook.merging import Outcome, Status

KEPT_S = 30 * 24 * 3600
_LETTERS: dict[Status, str] = {
    "applied": "a",
    "duplicate": "d",
    "merged": "m",
    "conflict": "c",
    "rejected": "r",
}
_STATUSES = {letter: status for status, letter in _LETTERS.items()}


class Remembered(msgspec.Struct, array_like=True):
    """The outcomes of a part of a push.

    Attributes:
        letters: The status of each change, a letter each.
        vers: The version of each.
        rejections: Of those that were rejected: kind, detail, and path and detail of the first error, by place.
    """

    letters: str
    vers: list[int]
    rejections: dict[int, tuple[str, str, list[tuple[str, str]]]]


def digest_of(changes: Sequence[bytes | memoryview]) -> str:
    """Return what tells one content of a push from another, however it is spelled in JSON."""
    digest = hashlib.sha256()
    for raw in changes:
        content = _spelled(raw)
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()[:32]


def _spelled(raw: bytes | memoryview) -> bytes:
    try:
        return msgspec.json.encode(msgspec.json.decode(raw), order="deterministic")
    except (ValueError, RecursionError):
        return bytes(raw)


def remember(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes as a text, which has room in an item however they are."""
    rejections = {
        place: (
            outcome.rejection.kind,
            outcome.rejection.detail,
            [(error.path, error.detail) for error in outcome.rejection.errors[:1]],
        )
        for place, outcome in enumerate(outcomes)
        if outcome.rejection is not None
    }
    letters = "".join(_LETTERS[outcome.status] for outcome in outcomes)
    remembered = Remembered(letters, [outcome.ver for outcome in outcomes], rejections)
    return msgspec.json.encode(remembered).decode()


def recall(text: str) -> list[Outcome]:
    """Return the outcomes of such a text; without the server's rows, which are read anew."""
    found = msgspec.json.decode(text, type=Remembered)
    return [
        Outcome(_STATUSES[letter], ver, rejection=_rejection(found, place))
        for place, (letter, ver) in enumerate(zip(found.letters, found.vers, strict=True))
    ]


def _rejection(found: Remembered, place: int) -> Rejection | None:
    if place not in found.rejections:
        return None
    kind, detail, errors = found.rejections[place]
    return Rejection(kind, detail, tuple(FieldError(*error) for error in errors))
