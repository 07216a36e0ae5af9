"""What an export tells of the User database: each attribute of each class of items is told or withheld, by name."""

from collections.abc import Iterator
from typing import Any

from chalicelib import partition
from chalicelib.accounts.closing import ErasedItem, OpennessItem
from chalicelib.accounts.items import (
    AuditItem,
    CodeItem,
    CredentialItem,
    EmailItem,
    LimiterItem,
    LoginItem,
    RefreshItem,
    UserItem,
    UsernameItem,
)
from chalicelib.partition import AccountsRow, Kind, kind_of

KINDS = (
    Kind(
        UserItem,
        "U#",
        UserItem.SK,
        section="profile",
        told=(
            "v",
            "username",
            "email",
            "email_verified_at",
            "verified_email",
            "first_name",
            "last_name",
            "phone",
            "handedness",
            "role",
            "locked_at",
            "state",
            "accepts_lane_bridges",
            "version",
            "password_changed_at",
            "pseudonym",
            "created_at",
            "updated_at",
        ),
        withheld=("password_hash",),
    ),
    Kind(
        LoginItem,
        "U#",
        LoginItem.SK_PREFIX,
        section="logins",
        told=("v", "created_at", "client", "last_used_at", "ended_at", "expires_at"),
        withheld=("first_refresh",),
    ),
    Kind(
        CodeItem,
        "U#",
        CodeItem.SK_PREFIX,
        section="codes",
        told=("v", "tries_left", "email", "expires_at"),
        withheld=("salt", "code_sha256"),
    ),
    Kind(AuditItem, "A#", "", section="audit", told=("v", "actor", "action", "outcome", "target", "detail")),
    Kind(OpennessItem, "U#", OpennessItem.SK, withheld=("v", "state", "closed_at")),
    Kind(ErasedItem, "X#", ErasedItem.SK, withheld=("v", "expires_at")),
    # What follows is found by its own key alone; what it says of the user, the items above say already.
    Kind(UsernameItem, "N#", UsernameItem.SK, withheld=("v", "user_id", "listing", "folded")),
    Kind(EmailItem, "E#", EmailItem.SK, withheld=("v", "user_id")),
    Kind(
        RefreshItem,
        "R#",
        RefreshItem.SK,
        withheld=("v", "user_id", "login_id", "successor", "rotated_at", "voided_at", "expires_at"),
    ),
    Kind(CredentialItem, "B#", CredentialItem.SK, withheld=("v", "user_id", "bridge_id")),
    Kind(LimiterItem, "L#", "W#", withheld=("v", "tries", "expires_at")),
)
"""All classes of items of this domain."""


def records(
    user_id: str, after: str | None, others: tuple[Kind, ...] = ()
) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Yield, in pages, each row's sort key, its section and what is told of it.

    Args:
        user_id: Whose.
        after: Only those behind this sort key.
        others: Kinds of items that stand in the user's partition and belong to a domain above.
    """
    for found in partition.pages(AccountsRow, f"U#{user_id}", after=after):
        yield [(row.sk, (kind := kind_of(KINDS + others, row.raw)).section, kind.tell(row)) for row in found]
