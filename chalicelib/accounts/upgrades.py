"""From older versions of the items of accounts to today's (`chalicelib.versions`)."""

from chalicelib.versions import RawItem


def user_with_profile(user: RawItem) -> None:
    """From 1 to 2: role, state, settings and a version. A pseudonym is drawn when one is first needed."""
    user.setdefault("role", {"S": "bowler"})
    user.setdefault("state", {"S": "open"})
    user.setdefault("accepts_lane_bridges", {"BOOL": True})
    user.setdefault("version", {"N": "1"})
    user.setdefault("updated_at", dict(user["created_at"]))


def listed_username(name: RawItem) -> None:
    """From 1 to 2: what the admins' list of users is ordered by."""
    name.setdefault("listing", {"S": "USERS"})
    name.setdefault("folded", {"S": name["pk"]["S"].removeprefix("N#")})
