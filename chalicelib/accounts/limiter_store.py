"""Counters of tries in DynamoDB: each try has a name, so that the same try written twice is one."""

from typing import TYPE_CHECKING

from pynamodb.expressions.condition import size

from chalicelib.accounts.items import LimiterItem
from chalicelib.dynamodb import told_conditions

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action


def add_try(pk: str, sk: str, name: str, most: int, expires_at_s: int) -> None:
    """Add a try, while there are fewer than so many.

    Raises:
        ConditionFailedError: There are as many already.
    """
    taken = size(LimiterItem.tries)  # type: ignore[no-untyped-call] # pynamodb has no type for it
    has_room = LimiterItem.tries.does_not_exist() | (taken < most)
    actions = [LimiterItem.tries.add({name}), *_always(expires_at_s)]
    with told_conditions():
        LimiterItem(pk, sk).update(actions=actions, condition=has_room | LimiterItem.tries.contains(name))


def drop_try(pk: str, sk: str, name: str, expires_at_s: int) -> None:
    """Take a try back."""
    LimiterItem(pk, sk).update(actions=[LimiterItem.tries.delete({name}), *_always(expires_at_s)])


def _always(expires_at_s: int) -> "list[Action]":
    # An update makes the item when it is not there.
    return [LimiterItem.expires_at.set(expires_at_s), LimiterItem.v.set(LimiterItem.schema_version())]


def forget_tries(pk: str, sk: str) -> None:
    """Take all tries back."""
    LimiterItem(pk, sk).delete()
