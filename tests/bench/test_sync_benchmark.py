"""That the benchmark of the synchronisation counts what it says."""

from typing import Any

import pytest

from bench import sync, sync_cost
from bench.capacity import read_units, size_of, write_units
from bench.report import Options


def test_an_item_has_the_size_that_aws_counts() -> None:
    """Names and texts in UTF-8, a number by two digits a byte and one, a boolean one byte."""
    item: dict[str, dict[str, Any]] = {"pk": {"S": "U#é"}, "ver": {"N": "-123"}, "deleted": {"BOOL": True}}
    assert size_of(item) == (2 + 4) + (3 + 3) + (7 + 1)


def test_a_page_is_rounded_up_once() -> None:
    """4 KB a unit of a page's items together, half of it for a read that is not strong; an empty one costs one."""
    items = [{"a": {"S": "x" * 2047}}] * 2
    assert read_units({"ConsistentRead": True}, items) == 1
    assert read_units({"ConsistentRead": True}, [*items, {"a": {"S": ""}}]) == 2
    assert read_units({}, items) == 0.5
    assert read_units({"ConsistentRead": True}, []) == 1


def test_a_transaction_writes_twice_and_into_its_indexes() -> None:
    """1 KB a unit, two in a transaction, and each index once or twice; a check costs two."""
    put = {"Put": {"Item": {"seq": {"N": "1"}, "tree": {"S": "x" * 1024}}}}
    check = {"ConditionCheck": {"Key": {"pk": {"S": "U#1"}}}}
    assert write_units([check]) == (2, 2)
    assert write_units([put, check]) == (2 * (2 + 2) + 2, 2 * (2 + 4) + 2)


@pytest.mark.long
def test_what_synchronisation_consumes_does_not_grow() -> None:
    """Twice as many entries behind it: the same units for a push, a poll and pulls, within what is wanted."""
    found = sync.run(Options(quick=True))
    wanted = {figure.name: figure.met for figure in found.figures if figure.at_most is not None}
    assert len(wanted) == 4 + 2 * (3 + 1 + 1 + 1)
    assert set(wanted.values()) == {True}, wanted
    assert all(figure.value > 0 for figure in found.figures)
    assert found.details["by_entries"].keys() == {
        sync_cost.PUSH,
        sync_cost.POLL,
        sync_cost.PULL_10,
        sync_cost.PULL_1000,
    }
