"""That the table that stands for DynamoDB's answers as it does, and so lets a reader who asks for too much pay."""

from typing import Any

import pytest

from bench.capacity import size_of
from bench.stand_in_dynamodb import PAGE_BYTES, StandInTable, on_the_wire
from chalicelib.dynamodb import plain_client
from chalicelib.settings import settings

pytestmark = pytest.mark.usefixtures("cloud")
INDEXES = {"by_tree": "tree", "by_seq": "seq"}
BETWEEN = ("tree BETWEEN :a AND :b", "by_tree")
BEGINS = ("begins_with(tree, :a)", "by_tree")


def _item(sk: str, seq: int, tree: str | None, text: str = "", user: str = "one") -> dict[str, Any]:
    item = {"pk": {"S": f"U#{user}"}, "sk": {"S": sk}, "seq": {"N": str(seq)}, "fields": {"S": text}}
    return item if tree is None else {**item, "tree": {"S": tree}}


ITEMS = [
    _item("E#a#1", 30, "1#b#é"),
    _item("E#a#2", 9, "1#b#é"),
    _item("E#a#3", 100, "1#c#"),
    _item("E#b#1", 2, "1#"),
    _item("E#b#2", 1, None),
    _item("E#b#1", 1, "1#b#", user="another"),
    {"pk": {"S": "U#one"}, "sk": {"S": "HEAD"}, "n": {"N": "100"}},
]


@pytest.fixture(scope="module")
def table() -> StandInTable:
    """The same items in the emulated DynamoDB and in the stand-in."""
    for item in ITEMS:
        plain_client().put_item(TableName=settings().scorebook_table, Item=item)
    return StandInTable(settings().scorebook_table, INDEXES, ITEMS)


def _query(condition: str, index: str | None, *values: dict[str, str], **request: Any) -> dict[str, Any]:
    named = {f":{name}": value for name, value in zip("ab", values, strict=False)}
    if index is not None:
        request["IndexName"] = index
    answer = plain_client().query(
        TableName=settings().scorebook_table,
        ConsistentRead=True,
        KeyConditionExpression=f"pk = :pk AND {condition}",
        ExpressionAttributeValues={":pk": {"S": "U#one"}, **named},
        **request,
    )
    return {name: answer.get(name) for name in ("Items", "Count", "LastEvaluatedKey")}


QUERIES: list[tuple[tuple[str, str | None], tuple[dict[str, str], ...], dict[str, Any]]] = [
    (BETWEEN, ({"S": "1#"}, {"S": "1#b#é"}), {}),
    (BETWEEN, ({"S": "1#b"}, {"S": "1#c#"}), {"ScanIndexForward": False}),
    (BETWEEN, ({"S": "1#d"}, {"S": "1#e"}), {}),
    (BETWEEN, ({"S": "1#"}, {"S": "1#~"}), {"Limit": 2}),
    (BETWEEN, ({"S": "1#"}, {"S": "1#~"}), {"ExclusiveStartKey": {k: ITEMS[1][k] for k in ("pk", "sk", "tree")}}),
    (BEGINS, ({"S": "1#b"},), {}),
    (BEGINS, ({"S": "1#c#"},), {}),
    (BEGINS, ({"S": "2"},), {}),
    (("seq BETWEEN :a AND :b", "by_seq"), ({"N": "2"}, {"N": "30"}), {}),
    (("begins_with(sk, :a)", None), ({"S": "E#b#"},), {}),
]


@pytest.mark.parametrize(("condition", "values", "request_"), QUERIES)
def test_a_query_is_answered_as_the_emulated_dynamodb_answers_it(
    table: StandInTable,
    condition: tuple[str, str | None],
    values: tuple[dict[str, str], ...],
    request_: dict[str, Any],
) -> None:
    """The same items in the same order, and the same place to go on from; other users' are not among them."""
    wanted = _query(*condition, *values, **request_)
    with on_the_wire(table):
        assert _query(*condition, *values, **request_) == wanted


@pytest.mark.parametrize("sk", ["HEAD", "E#a#3", "E#a#", "Z"])
def test_an_item_is_got_as_the_emulated_dynamodb_gives_it(table: StandInTable, sk: str) -> None:
    """One that is there, and nothing for one that is not."""
    key = {"pk": {"S": "U#one"}, "sk": {"S": sk}}
    wanted = plain_client().get_item(TableName=settings().scorebook_table, Key=key).get("Item")
    with on_the_wire(table):
        assert plain_client().get_item(TableName=settings().scorebook_table, Key=key).get("Item") == wanted


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_holds_a_megabyte_at_most(*, newest_first: bool) -> None:
    """2.5 MB come in pages below 1 MB that are as full as they can be, each item once, in the order asked for."""
    items = [_item(f"E#{at:03}", at, f"1#{at // 2:03}", "x" * 100_000) for at in range(25)]
    found: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    pages = 0
    with on_the_wire(StandInTable(settings().scorebook_table, INDEXES, items)):
        while pages == 0 or after:
            page = _query(*BEGINS, {"S": "1#"}, ScanIndexForward=not newest_first, **after)
            size_bytes = sum(map(size_of, page["Items"]))
            after = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if page["LastEvaluatedKey"] else {}
            assert size_bytes <= PAGE_BYTES
            assert not after or size_bytes + size_of(items[0]) > PAGE_BYTES
            found += page["Items"]
            pages += 1
    assert pages == 3
    assert found == (items[::-1] if newest_first else items)


def test_what_the_stand_in_does_not_know_is_refused() -> None:
    """A filter, a condition on no key of the index, another operation: no answer is better than a wrong one."""
    with on_the_wire(StandInTable(settings().scorebook_table, INDEXES, ITEMS)):
        with pytest.raises(NotImplementedError, match="FilterExpression"):
            _query(*BEGINS, {"S": "1#"}, FilterExpression="attribute_exists(tree)")
        with pytest.raises(NotImplementedError, match="of an index by tree"):
            _query("begins_with(sk, :a)", "by_tree", {"S": "E#"})
        with pytest.raises(NotImplementedError, match="Scan"):
            plain_client().scan(TableName=settings().scorebook_table)
        with pytest.raises(ValueError, match="between"):
            _query(*BETWEEN, {"S": "2"}, {"S": "1"})
