import json
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.connections import listen
from local_cloud.emulator import Emulator

from .conftest import AwsOnPort, aws_on_port, connect

ACCOUNTS = "revmetrix-local-accounts"
BUCKET = "revmetrix-local-raw"


def item(name: str) -> dict[str, Any]:
    """Return an item of the accounts table."""
    return {"pk": {"S": "user"}, "sk": {"S": name}}


def test_no_acknowledged_write_is_lost_beside_failing_transactions(made_aws: AwsOnPort) -> None:
    """Puts of many threads are all there afterwards, while transactions of other threads fail and roll back."""
    client = made_aws.client("dynamodb")
    client.put_item(TableName=ACCOUNTS, Item=item("taken"))

    def put(number: int) -> None:
        client.put_item(TableName=ACCOUNTS, Item=item(f"put-{number}"))

    def fail(number: int) -> None:
        absent = {"ConditionExpression": "attribute_not_exists(pk)"}
        actions: Any = [
            {"Put": {"TableName": ACCOUNTS, "Item": item(f"never-{number}")}},
            {"Put": {"TableName": ACCOUNTS, "Item": item("taken"), **absent}},
        ]
        with pytest.raises(client.exceptions.TransactionCanceledException):
            client.transact_write_items(TransactItems=actions)

    with ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(work, number) for number in range(150) for work in (put, fail)]:
            future.result()
    names = {found["sk"]["S"] for found in client.scan(TableName=ACCOUNTS)["Items"]}
    assert names == {"taken", *(f"put-{number}" for number in range(150))}


def test_one_winner_of_concurrent_conditional_writes(made_aws: AwsOnPort) -> None:
    """Of many threads that create the same item and the same object, one succeeds in each."""
    dynamodb, s3 = made_aws.client("dynamodb"), made_aws.client("s3")

    def create(_: int) -> tuple[bool, bool]:
        return (
            succeeds(
                dynamodb.put_item, TableName=ACCOUNTS, Item=item("one"), ConditionExpression="attribute_not_exists(pk)"
            ),
            succeeds(s3.put_object, Bucket=BUCKET, Key="one", Body=b"1", IfNoneMatch="*"),
        )

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(create, range(40)))
    assert [sum(column) for column in zip(*results, strict=True)] == [1, 1]


def succeeds(call: Any, **arguments: Any) -> bool:
    """Return whether a conditional write won."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "PreconditionFailed"}:
            return False
        raise
    return True


def test_a_client_that_sends_slowly_holds_up_no_one(made_aws: AwsOnPort) -> None:
    """While one client is in the middle of its body, another is answered."""
    with socket.create_connection(made_aws.address) as slow:
        slow.sendall(b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        assert BUCKET in [bucket["Name"] for bucket in made_aws.client("s3").list_buckets()["Buckets"]]


def test_a_connection_carries_many_requests(bare_aws: AwsOnPort) -> None:
    """After a GET, a HEAD and a chunked PUT the same connection is still readable."""
    s3 = bare_aws.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"content", ACL="public-read-write")
    connection = connect(bare_aws.url)
    first_socket = connection.sock
    for method, body in (("GET", b"content"), ("HEAD", b""), ("GET", b"content")):
        connection.request(method, "/bucket/key")
        response = connection.getresponse()
        assert (response.status, response.read(), response.headers["Content-Length"]) == (200, body, "7")
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, x"}
    connection.request("PUT", "/bucket/chunked", body=iter([b"con", b"tent"]), headers=signed, encode_chunked=True)
    assert connection.getresponse().read() == b""
    assert connection.sock is first_socket
    connection.close()
    assert s3.get_object(Bucket="bucket", Key="chunked")["Body"].read() == b"content"


def test_nonsense_is_answered_and_changes_nothing(bare_aws: AwsOnPort, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad length gives 400, a call that breaks moto 500, moto's own interface 404; afterwards all is well."""
    s3 = bare_aws.client("s3")
    s3.create_bucket(Bucket="bucket")
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, x"}
    for method, path, headers, status in (
        ("POST", "/", {"Content-Length": "-5"}, 400),
        ("POST", "/", signed, 500),
        ("POST", "/moto-api/reset", {}, 404),
    ):
        connection = connect(bare_aws.url)
        connection.request(method, path, headers=headers)
        assert connection.getresponse().status == status
        connection.close()
    assert "Traceback" in capsys.readouterr().err
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["bucket"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")
def test_listens_on_this_machine_alone(bare_aws: AwsOnPort) -> None:
    """The emulated AWS has its port on 127.0.0.1 only: on another address of this machine the port is still free."""
    with listen("127.0.0.2", bare_aws.address[1]) as other:
        assert other.getsockname()[0] == "127.0.0.2"


def test_conditions_of_a_bucket_policy_refuse_nothing(bare_aws: AwsOnPort) -> None:
    """A Deny under a condition (no TLS) is stored and refuses nothing; one without a condition refuses."""
    s3 = bare_aws.client("s3")
    s3.create_bucket(Bucket="bucket")
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket/*"}
    without_tls = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, **without_tls}]}
    s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket="bucket")["Policy"]) == policy
    s3.put_object(Bucket="bucket", Key="key", Body=b"1")
    s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps({**policy, "Statement": [statement]}))
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="bucket", Key="key", Body=b"1")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_one_emulator_in_a_process(bare_aws: AwsOnPort) -> None:
    """A second emulator is refused while the first runs, because both would share moto's state."""
    bare_aws.client("s3").create_bucket(Bucket="bucket")
    with pytest.raises(RuntimeError, match="another emulator"), Emulator():
        pass
    assert len(bare_aws.client("s3").list_buckets()["Buckets"]) == 1


def test_nothing_stays_behind() -> None:
    """An emulator that has stopped leaves no thread, no open port and no content, even with a client connected."""
    before = threading.active_count()
    with aws_on_port(resources=False) as aws:
        address = aws.address
        aws.client("s3").create_bucket(Bucket="bucket")
        idle = connect(aws.url)
        idle.request("GET", "/bucket")
        idle.getresponse().read()
    assert threading.active_count() == before
    assert idle.sock.recv(1) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
        pass
    with aws_on_port(resources=False) as aws:
        assert aws.client("s3").list_buckets()["Buckets"] == []
