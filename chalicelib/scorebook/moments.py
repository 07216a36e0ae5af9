"""Times as clients write them (RFC 3339), read for their order only: what is kept is the text."""

import re
from datetime import UTC, datetime, timedelta

LONGEST = 40
PATTERN = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,15})?([Zz]|[+-]\d\d:\d\d)\Z"
_FORM = re.compile(PATTERN, re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LEAP_SECOND = "60"


def read_moment(text: str) -> datetime:
    """Return a time in UTC.

    A leap second (RFC 3339 section 5.7) is the second before it, and digits beyond microseconds are left out.

    Raises:
        ValueError: It is no such text, or there is no such moment.
    """
    if len(text) > LONGEST or not _FORM.fullmatch(text):
        raise ValueError("Expected a time as of RFC 3339, with its offset")
    if text[17:19] == _LEAP_SECOND:
        text = f"{text[:17]}59{text[19:]}"
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("There is no such moment") from error


def micros_of(moment: datetime) -> int:
    """Return a time in microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(micros: int) -> datetime:
    """Return the time of so many microseconds since 1970."""
    return _EPOCH + micros * _MICROSECOND
