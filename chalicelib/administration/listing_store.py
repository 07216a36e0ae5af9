"""The admins' list of users in DynamoDB: by username, from an index, without reading what is not asked for."""

from chalicelib.accounts.items import NamesByUsername, UserItem, UsernameItem, user_key


def list_names(prefix: str, limit: int, after: str | None) -> tuple[list[UsernameItem], str | None]:
    """Return a part of the usernames that begin so, in their order, and the folded name where the next part begins.

    The index follows its table within moments, so the newest users may be missing.
    """
    start = None
    if after is not None:
        start = {
            "pk": {"S": f"N#{after}"},
            "sk": {"S": UsernameItem.SK},
            "listing": {"S": NamesByUsername.LISTING},
            "folded": {"S": after},
        }
    begins = NamesByUsername.folded.startswith(prefix) if prefix else None
    found = UsernameItem.by_username.query(NamesByUsername.LISTING, begins, limit=limit, last_evaluated_key=start)
    items = list(found)
    last = found.last_evaluated_key
    return items, last["folded"]["S"] if last else None


def find_users(user_ids: list[str]) -> dict[str, UserItem]:
    """Return users by their ids, without those that there are not."""
    found = UserItem.batch_get([(user_key(user_id), UserItem.SK) for user_id in user_ids], consistent_read=True)
    return {str(user.pk).removeprefix("U#"): user for user in found}
