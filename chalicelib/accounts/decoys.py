"""As much work for what is not there as for what is: reading an item takes time, and time must not tell of it."""

from chalicelib.accounts.items import EmailItem, UserItem, UsernameItem
from chalicelib.versions import RawItem, VersionedItem

_NOW = {"S": "2026-11-24T12:00:00.000000+00:00"}
_ID = {"S": "00000000-0000-4000-8000-000000000000"}
_RAW: dict[type[VersionedItem], RawItem] = {
    UserItem: {
        "pk": {"S": f"U#{_ID['S']}"},
        "sk": {"S": UserItem.SK},
        "v": {"N": "2"},
        "username": {"S": "nobody"},
        "email": {"S": "nobody@example.org"},
        "email_verified_at": _NOW,
        "verified_email": {"S": "nobody@example.org"},
        "role": {"S": "bowler"},
        "state": {"S": "open"},
        "accepts_lane_bridges": {"BOOL": True},
        "version": {"N": "2"},
        "password_hash": {"S": "$argon2id$v=19$m=19456,t=2,p=1$" + "x" * 66},
        "pseudonym": _ID,
        "created_at": _NOW,
        "updated_at": _NOW,
    },
    UsernameItem: {
        "pk": {"S": "N#nobody"},
        "sk": {"S": UsernameItem.SK},
        "v": {"N": "2"},
        "user_id": _ID,
        "listing": {"S": "USERS"},
        "folded": {"S": "nobody"},
    },
    EmailItem: {"pk": {"S": "E#nobody"}, "sk": {"S": EmailItem.SK}, "v": {"N": "1"}, "user_id": _ID},
}


def read_nothing(kind: type[VersionedItem]) -> None:
    """Do what reading an item of this kind does, and give nothing."""
    kind.from_raw_data(dict(_RAW[kind]))
