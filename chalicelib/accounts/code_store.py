"""One-time codes in DynamoDB: one for each user and purpose."""

from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist

from chalicelib.accounts.items import CodeItem, user_key
from chalicelib.dynamodb import write_together

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action


def put_code(code: CodeItem) -> None:
    """Write a code in the place of the one before."""
    code.save()


def take_try(user_id: str, purpose: str, now_s: int) -> None:
    """Take one of a code's tries.

    Raises:
        ConditionFailedError: There is no code, it has expired, or its tries are used up.
    """
    code = CodeItem(user_key(user_id), CodeItem.SK_PREFIX + purpose)
    fewer: list[Action] = [CodeItem.tries_left.set(CodeItem.tries_left - 1)]
    is_usable = CodeItem.pk.exists() & (CodeItem.tries_left > 0) & (CodeItem.expires_at > now_s)
    write_together(lambda write: write.update(code, actions=fewer, condition=is_usable))


def find_code(user_id: str, purpose: str) -> CodeItem | None:
    """Return a code."""
    try:
        return CodeItem.get(user_key(user_id), CodeItem.SK_PREFIX + purpose, consistent_read=True)
    except DoesNotExist:
        return None
