"""What a campaign is given and what it returns."""

import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

MOST_FAILURES_KEPT = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How a campaign is run.

    Attributes:
        seed: Repeats the campaign's choices. What depends on the machine's speed differs all the same.
        is_full: At full size, else at the size of `make check`.
        say: Prints a line of progress.
    """

    seed: int
    is_full: bool = False
    say: Callable[[str], None] = lambda _: None

    def choose(self, small: int, full: int) -> int:
        """Return the size that was asked for."""
        return full if self.is_full else small


@dataclass(slots=True)
class Outcome:
    """What a campaign found.

    Attributes:
        campaign: Its name.
        seed: What it was run with.
        counts: What was done, and how often.
        failures: What should not have happened, one line each, with what repeats it; at most 20 are kept.
        failure_count: How many there were.
    """

    campaign: str
    seed: int
    counts: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    failure_count: int = 0

    def add(self, name: str, count: float = 1) -> None:
        """Count something."""
        self.counts[name] = self.counts.get(name, 0) + count

    def fail(self, what: str) -> None:
        """Note a failure."""
        self.failure_count += 1
        if len(self.failures) < MOST_FAILURES_KEPT:
            self.failures.append(what)

    def merge(self, other: "Outcome") -> None:
        """Add what a part of this campaign found."""
        for name, count in other.counts.items():
            self.add(name, count)
        self.failure_count += other.failure_count
        self.failures = (self.failures + other.failures)[:MOST_FAILURES_KEPT]

    def to_json(self) -> str:
        """Return all of it as one line."""
        return json.dumps({**asdict(self), "passed": not self.failure_count}, sort_keys=True)


def seeded(seed: int, *parts: object) -> random.Random:
    """Return a source of chance of its own for one part of a campaign, the same for the same seed."""
    return random.Random(f"{seed}/{'/'.join(map(str, parts))}")  # noqa: S311 - a campaign must be repeatable
