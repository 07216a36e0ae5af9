"""The second operation that every contender answers: authenticated `GET /v1/users/me`, its database call apart."""

import json
from datetime import UTC, datetime
from typing import Any

from bench.contenders.workload import ContenderDiffersError, Context, Handler, access_token, bare_event

CREATED_AT = datetime(2026, 11, 1, 18, 30, 15, 250000, tzinfo=UTC)
CREATED_AT_TEXT = "2026-11-01T18:30:15.250000Z"
USER: dict[str, Any] = {
    "id": "0b0f4a0e-6f3f-4f0c-9f57-3c3f3a1f2b11",
    "username": "alice",
    "email": "alice@example.org",
    "email_verified_at": CREATED_AT,
    "first_name": "Alice",
    "last_name": "Example",
    "phone": None,
    "handedness": "left",
    "role": "bowler",
    "accepts_lane_bridges": True,
    "created_at": CREATED_AT,
    "updated_at": CREATED_AT,
}
"""What the database would have given."""
ANSWER = {name: CREATED_AT_TEXT if value is CREATED_AT else value for name, value in USER.items()}


def profile_event(authorization: str | None = "") -> dict[str, Any]:
    """Return an event of `GET /v1/users/me`.

    Args:
        authorization: The header, by default with a valid access token; None for no header.
    """
    return bare_event("GET", "/v1/users/me", authorization=authorization)


def check_profile(name: str, handler: Handler) -> None:
    """Hold a contender to the answer and refusals that all share.

    Raises:
        ContenderDiffersError: It answers something else.
    """
    answer = handler(profile_event(), Context())
    if answer["statusCode"] != 200 or json.loads(answer["body"]) != ANSWER:
        raise ContenderDiffersError(f"{name} answers {answer}")
    for authorization in (None, "Basic x", f"Bearer {access_token(lifetime_s=-1)}", f"Bearer {access_token(use='x')}"):
        status = handler(profile_event(authorization), Context())["statusCode"]
        if status != 401:
            raise ContenderDiffersError(f"{name} answers {status} to the credential {authorization}")
