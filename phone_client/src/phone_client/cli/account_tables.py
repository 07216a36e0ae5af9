"""One's own account as plain text."""

from collections.abc import Sequence

from phone_client.cli.tables import fact_lines, table, text_or_dash, time_text
from phone_client.users import OpenLogin, User


def profile_facts(user: User) -> str:
    """Return a profile, a line each."""
    verified = f"confirmed {time_text(user.email_verified_at)}" if user.email_verified_at else "not confirmed"
    return fact_lines(
        [
            ("username", user.username),
            ("e-mail", f"{user.email} ({verified})"),
            ("first name", text_or_dash(user.first_name)),
            ("last name", text_or_dash(user.last_name)),
            ("phone", text_or_dash(user.phone)),
            ("handedness", text_or_dash(user.handedness)),
            ("lane bridges", "may bring captures" if user.accepts_lane_bridges else "may not bring captures"),
            ("role", user.role),
            ("registered", time_text(user.created_at)),
            ("changed", time_text(user.updated_at)),
            ("ETag", text_or_dash(user.etag)),
            ("id", user.id),
        ]
    )


def login_table(logins: Sequence[OpenLogin]) -> str:
    """Return logins, a line each."""
    rows = (
        (
            "here" if one.is_current else "",
            time_text(one.created_at),
            time_text(one.last_used_at),
            time_text(one.expires_at),
            one.id,
            text_or_dash(one.client),
        )
        for one in logins
    )
    return table(("", "LOGGED IN", "REFRESHED", "EXPIRES", "ID", "CLIENT"), rows)
