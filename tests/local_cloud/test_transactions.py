import copy
import gc
import json
import tracemalloc
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.exceptions import DynamodbException
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item

from local_cloud.emulator import Emulator
from local_cloud.transactions import TOKEN_LIFETIME_S, AppliedTokens, transact_write_items

from .conftest import AwsOnPort

TABLE = "entries"
# Taken at import, before any emulator has exchanged it.
MOTOS_OWN = DynamoDBBackend.transact_write_items


def make_table(client: Any, **options: Any) -> None:
    """Make the table."""
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        **options,
    )


def key(number: int | str) -> dict[str, Any]:
    """Return an item's key."""
    return {"pk": {"S": "user"}, "sk": {"S": f"{number}"}}


def put(number: int | str, value: str = "v", **options: Any) -> dict[str, Any]:
    """Return the action that puts an item."""
    return {"Put": {"TableName": TABLE, "Item": {**key(number), "value": {"S": value}}, **options}}


def add(number: int | str, **options: Any) -> dict[str, Any]:
    """Return the action that counts up an item's seq."""
    expression = {"UpdateExpression": "ADD seq :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    return {"Update": {"TableName": TABLE, "Key": key(number), **expression, **options}}


def delete(number: int | str, **options: Any) -> dict[str, Any]:
    """Return the action that deletes an item."""
    return {"Delete": {"TableName": TABLE, "Key": key(number), **options}}


def check(number: int | str, condition: str) -> dict[str, Any]:
    """Return the action that only checks a condition."""
    return {"ConditionCheck": {"TableName": TABLE, "Key": key(number), "ConditionExpression": condition}}


ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}
ABSENT_WITH_ITEM = {**ABSENT, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

TRANSACTIONS = {
    "all kinds": [put("new"), add(1), delete(2), check(3, "attribute_exists(pk)")],
    "an update makes an item": [add("new")],
    "the last condition fails": [put("new"), add(1), delete(2), put(3, "other", **ABSENT)],
    "the first condition fails": [check("absent", "attribute_exists(pk)"), put("new"), add(1)],
    "two conditions fail": [put(1, **ABSENT), add(2, ConditionExpression="attribute_not_exists(pk)"), put("new")],
    "the old item is wanted": [put(1, **ABSENT_WITH_ITEM), put("new", **ABSENT_WITH_ITEM)],
    "a delete's condition fails": [add(1), delete(2, **ABSENT_WITH_ITEM)],
    "an item twice": [put("new"), add(1), put("new", "again")],
    "an update of a text as a number": [put("new"), add("text")],
    "a key is missing": [put("new"), {"Put": {"TableName": TABLE, "Item": {"pk": {"S": "user"}}}}],
    "half a key": [put("new"), {"Delete": {"TableName": TABLE, "Key": {"pk": {"S": "user"}}}}],
    "a table that is not there": [put("new"), {"Delete": {"TableName": "nowhere", "Key": key(1)}}],
    "an unknown operation": [put("new"), {"Truncate": {"TableName": TABLE}}],
    "101 actions": [put(number) for number in range(101)],
    "an invalid expression": [add(1), {"Update": {"TableName": TABLE, "Key": key(2), "UpdateExpression": "SET"}}],
}


def outcome(method: Any, actions: list[dict[str, Any]]) -> tuple[str, Any]:
    """Return how a transaction ends on a table with three items, and the table's content afterwards."""
    with Emulator() as emulator:
        client = emulator.client("dynamodb")
        make_table(client, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        for number in (1, 2, 3):
            client.put_item(TableName=TABLE, Item={**key(number), "seq": {"N": f"{number}"}})
        client.put_item(TableName=TABLE, Item={**key("text"), "seq": {"S": "one"}})
        backend = dynamodb_backends["123456789012"]["us-east-1"]
        try:
            method(backend, copy.deepcopy(actions))
            end = "applied"
        except DynamodbException as error:
            end = f"{type(error).__name__}: {error.description}"
        stream = backend.tables[TABLE].stream_shard
        assert stream is not None
        items = client.scan(TableName=TABLE)["Items"]
        return end, (sorted(items, key=json.dumps), len(stream.items))


@pytest.mark.parametrize("name", TRANSACTIONS)
def test_same_end_as_motos_own(name: str) -> None:
    """Every kind of transaction ends with moto's own result, error text, cancellation reasons, items and stream."""
    assert outcome(transact_write_items, TRANSACTIONS[name]) == outcome(MOTOS_OWN, TRANSACTIONS[name])


def test_two_operations_in_one_action_leave_nothing_behind() -> None:
    """An action with two operations is refused and what came before it is undone, which moto forgets."""
    before = outcome(transact_write_items, [])[1]
    end, after = outcome(transact_write_items, [put("new"), {**put(1), **delete(2)}])
    assert end.startswith("TransactWriteSingleOpException")
    assert after == before


def fill(count: int) -> None:
    """Put `count` items into the table, past the API for speed."""
    for number in range(count):
        dynamodb_backends["123456789012"]["us-east-1"].put_item(TABLE, put(number)["Put"]["Item"])


def copies_of_a_push(count: int) -> int:
    """Return how many items are copied by a transaction of 60 actions on a table of `count` items."""
    with Emulator() as emulator:
        client = emulator.client("dynamodb")
        make_table(client)
        fill(count)
        copies = []
        original = Item.__deepcopy__

        def counted(item: Item, memo: dict[int, Any]) -> Item:
            copies.append(1)
            return original(item, memo)

        with patch.object(Item, "__deepcopy__", counted):
            client.transact_write_items(
                TransactItems=[*(put(number, "w") for number in range(30)), *(add(number) for number in range(30, 60))]
            )
        return len(copies)


def test_copies_do_not_grow_with_the_table() -> None:
    """A transaction copies as many items in a table of 5,000 as in one of 100: it copies what it touches."""
    assert copies_of_a_push(5000) == copies_of_a_push(100) <= 60 + 30


def test_memory_stays_flat_over_5000_items() -> None:
    """Fifteen transactions on a table of 5,000 items leave no more memory taken than a few items' worth."""
    with Emulator() as emulator:
        client = emulator.client("dynamodb")
        make_table(client)
        fill(5000)

        def push() -> None:
            client.transact_write_items(TransactItems=[add(number) for number in range(20)])

        tracemalloc.start()
        try:
            for _ in range(3):
                push()
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(15):
                push()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # One copy of the table alone is over 5 MB; the tokens remembered for ten minutes are some 200 bytes each.
    assert after - before < 500_000


def seq(client: Any, number: int | str) -> str:
    """Return an item's seq."""
    return str(client.get_item(TableName=TABLE, Key=key(number))["Item"]["seq"]["N"])


def test_a_token_is_applied_once(bare_aws: AwsOnPort) -> None:
    """The same transaction with the same token succeeds again and changes nothing."""
    client = bare_aws.client("dynamodb")
    make_table(client)
    for _ in range(3):
        client.transact_write_items(TransactItems=[add(1)], ClientRequestToken="token")
    client.transact_write_items(TransactItems=[add(1)], ClientRequestToken="another")
    assert seq(client, 1) == "2"


def test_a_token_with_other_content_is_refused(bare_aws: AwsOnPort) -> None:
    """A token that was applied with other content gives IdempotentParameterMismatchException and changes nothing."""
    client = bare_aws.client("dynamodb")
    make_table(client)
    client.transact_write_items(TransactItems=[add(1)], ClientRequestToken="token")
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        client.transact_write_items(TransactItems=[add(1), add(2)], ClientRequestToken="token")
    assert seq(client, 1) == "1"


def test_a_cancelled_transaction_may_be_tried_again_with_its_token(bare_aws: AwsOnPort) -> None:
    """A token counts only once its transaction was applied."""
    client = bare_aws.client("dynamodb")
    make_table(client)
    actions = [add(1), check(2, "attribute_exists(pk)")]
    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=actions, ClientRequestToken="token")
    reasons: Any = caught.value.response
    assert [reason["Code"] for reason in reasons["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    client.put_item(TableName=TABLE, Item=key(2))
    client.transact_write_items(TransactItems=actions, ClientRequestToken="token")
    assert seq(client, 1) == "1"


def test_tokens_are_forgotten_after_ten_minutes() -> None:
    """A token holds for less than ten minutes, and its memory is given back."""
    tokens = AppliedTokens()
    body = json.dumps({"TransactItems": [], "ClientRequestToken": "token"}).encode()
    tokens.remember(body, 1000.0)
    assert tokens.answer(body, 1000.0 + TOKEN_LIFETIME_S - 1) is not None
    assert tokens.answer(body, 1000.0 + TOKEN_LIFETIME_S) is None
    tokens.remember(body.replace(b"token", b"later"), 1000.0 + TOKEN_LIFETIME_S)
    assert len(tokens._applied) == 1


def test_costs_are_no_part_of_what_a_token_stands_for() -> None:
    """The same transaction that only asks for its consumed capacity as well is the same transaction."""
    tokens = AppliedTokens()
    request = {"TransactItems": [put(1)], "ClientRequestToken": "token"}
    tokens.remember(json.dumps(request).encode(), 0.0)
    answer = tokens.answer(json.dumps({**request, "ReturnConsumedCapacity": "TOTAL"}).encode(), 1.0)
    assert answer is not None
    assert answer.status == 200
