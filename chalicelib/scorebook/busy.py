"""The problem of a scorebook that is written from many sides, or of a database that has too much to do."""

from typing import Self

from chalicelib.errors import Problem
from chalicelib.jitter import JITTER

ATTEMPTS = 14
"""How often a write is tried when others come first: with the waits between them about five seconds."""
_SHORTEST_S = 1
_LONGEST_S = 10
_FIRST_DELAY_S = 0.02
_LONGEST_DELAY_S = 1.0


def wait(attempt: int) -> float:
    """Return how many seconds to wait after a try, random, so that those who collided do not do so again."""
    return JITTER.uniform(0, min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2**attempt))


class ScorebookBusy(Problem):
    """The scorebook has too much to do at this moment."""

    status = 503
    name = "scorebook-busy"

    @classmethod
    def overloaded(cls) -> Self:
        """Return the problem, with a wait that differs from client to client, so that they come back one by one."""
        wait_s = JITTER.randint(_SHORTEST_S, _LONGEST_S)
        return cls("Nothing of this request is lost: send it again, unchanged.", headers={"Retry-After": str(wait_s)})
