"""Lists that come in parts, walked as far as they are read."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from phone_client.errors import WrongAnswerError

LARGEST_PART = 100
Item_co = TypeVar("Item_co", covariant=True)


class Part(Protocol[Item_co]):
    """A part of a list, as the API gives it."""

    @property
    def items(self) -> tuple[Item_co, ...]:
        """What is in it."""
        ...

    @property
    def next(self) -> str | None:
        """Where the next part begins; None on the last one."""
        ...


def walk(part_of: Callable[[Mapping[str, str]], Part[Item_co]]) -> Iterator[Item_co]:
    """Return every item of a list, asking for a part when its first item is wanted.

    Args:
        part_of: Gives the part of a query.

    Raises:
        WrongAnswerError: The list would never end.
    """
    query = {"limit": str(LARGEST_PART)}
    while True:
        part = part_of(query)
        yield from part.items
        if part.next is None:
            return
        if part.next == query.get("cursor"):
            raise WrongAnswerError("The server's list leads back to itself; what came so far is good.")
        query = {**query, "cursor": part.next}
