"""Moments as text: UTC in RFC 3339, as the spool, the Web API and the command line write them."""

from datetime import UTC, datetime


def moment_text(moment: datetime, timespec: str = "microseconds") -> str:
    """Return a moment as UTC in RFC 3339.

    Args:
        moment: With a zone.
        timespec: How exactly, as `datetime.isoformat` takes it.
    """
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def read_moment(value: object) -> datetime | None:
    """Return the moment that a text says with its zone, None for what says none."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
