"""How things are compared on a machine that does other work meanwhile: interleaved rounds, ratios within a round."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence

Batch = Callable[[], float]
"""Does one round's work and returns what it cost."""


def interleave(batches: Mapping[str, Batch], *, rounds: int, what: str) -> dict[str, list[float]]:
    """Return each batch's cost in every round; the order is another in each round, so that none always comes first.

    Args:
        batches: What is compared, by name.
        rounds: How often each runs.
        what: What the progress on stderr names.
    """
    names = list(batches)
    costs: dict[str, list[float]] = {name: [] for name in names}
    for at in range(rounds):
        start = at % len(names)
        for name in names[start:] + names[:start]:
            costs[name].append(batches[name]())
        if (at + 1) % max(1, rounds // 5) == 0:
            progress(f"{what}: round {at + 1} of {rounds}")
    return costs


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Return the median over the rounds of one cost over another's in the same round: slow rounds slow both."""
    return statistics.median(_ratios(numerators, denominators))


def ratio_quartiles(numerators: Sequence[float], denominators: Sequence[float]) -> tuple[float, float]:
    """Return between what the middle half of the rounds' ratios lies; a single round gives its ratio twice."""
    ratios = _ratios(numerators, denominators)
    if len(ratios) == 1:
        return ratios[0], ratios[0]
    lower, _, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return lower, upper


def _ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


def progress(text: str) -> None:
    """Say on stderr what is going on."""
    print(text, file=sys.stderr, flush=True)
