import base64
import contextlib
import hashlib
import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from chalice.app import Chalice

from local_cloud import presigned
from local_cloud.cloud import LocalCloud
from local_cloud.journal import Journal, StateError
from local_cloud.transactions import TOKEN_LIFETIME_S

from .conftest import QUEUE, AwsOnPort, CloudProcess, aws_on_port, client_of, connect

ACCOUNTS = "revmetrix-local-accounts"
BUCKET = "revmetrix-local-raw"
KEYS = "revmetrix-local-signing-keys"


def key(name: str) -> dict[str, Any]:
    """Return the key of an item of the accounts table."""
    return {"pk": {"S": "user"}, "sk": {"S": name}}


def add_one(client: Any, token: str) -> None:
    """Count up by a transaction with a token."""
    update = {"UpdateExpression": "ADD seq :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    client.transact_write_items(
        TransactItems=[{"Update": {"TableName": ACCOUNTS, "Key": key("counter"), **update}}], ClientRequestToken=token
    )


def everything(aws: AwsOnPort) -> dict[str, Any]:
    """Return all that the services tell of items, object versions, secrets and waiting messages."""
    dynamodb, s3, secrets = (aws.client(name) for name in ("dynamodb", "s3", "secretsmanager"))
    listed = s3.list_object_versions(Bucket=BUCKET)
    kept = ("Key", "VersionId", "ETag", "LastModified", "IsLatest", "Size")
    versions = [{name: version.get(name) for name in kept} for version in listed.get("Versions", [])]
    markers = [{name: marker.get(name) for name in kept} for marker in listed.get("DeleteMarkers", [])]
    secret = secrets.get_secret_value(SecretId=KEYS)
    return {
        "items": dynamodb.scan(TableName=ACCOUNTS)["Items"],
        "versions": [*versions, *markers],
        "bodies": [
            s3.get_object(Bucket=BUCKET, Key=one["Key"], VersionId=one["VersionId"])["Body"].read() for one in versions
        ],
        "secret": {name: secret[name] for name in ("ARN", "SecretString", "VersionStages")},
        "messages": waiting(aws),
    }


def waiting(aws: AwsOnPort) -> int:
    """Return the number of messages in the processing queue."""
    sqs = aws.client("sqs")
    attributes = sqs.get_queue_attributes(
        QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"], AttributeNames=["All"]
    )
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


def write_of_every_kind(aws: AwsOnPort) -> None:
    """Write, change and delete by each operation that the app may use."""
    dynamodb, s3, secrets = (aws.client(name) for name in ("dynamodb", "s3", "secretsmanager"))
    dynamodb.put_item(TableName=ACCOUNTS, Item={**key("put"), "raw": {"B": bytes(range(256))}})
    dynamodb.batch_write_item(RequestItems={ACCOUNTS: [{"PutRequest": {"Item": key(name)}} for name in "abc"]})
    dynamodb.delete_item(TableName=ACCOUNTS, Key=key("b"))
    dynamodb.update_item(
        TableName=ACCOUNTS,
        Key=key("a"),
        UpdateExpression="SET seq = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    for token in ("first", "second"):
        add_one(dynamodb, token)
    for body in (b"one", b"two"):
        s3.put_object(Bucket=BUCKET, Key="ways/ä+ %2F", Body=body, Metadata={"a_b": "c"})
    removed = s3.put_object(Bucket=BUCKET, Key="erased", Body=b"personal")
    s3.delete_object(Bucket=BUCKET, Key="erased", VersionId=removed["VersionId"])
    s3.put_object(Bucket=BUCKET, Key="hidden", Body=b"hidden")
    s3.delete_object(Bucket=BUCKET, Key="hidden")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="large")["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="large", UploadId=upload, PartNumber=1, Body=b"part" * 1000)
    s3.complete_multipart_upload(
        Bucket=BUCKET,
        Key="large",
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
    )
    secrets.put_secret_value(SecretId=KEYS, SecretString='{"active": "k2"}')


def test_all_is_there_after_a_restart(tmp_path: Path) -> None:
    """Items, object versions with their ids and times, deletions, secrets and waiting events survive two restarts."""
    with aws_on_port(tmp_path) as aws:
        write_of_every_kind(aws)
        before = everything(aws)
    assert before["versions"]
    assert "personal" not in str(before["bodies"])
    for _ in range(2):
        with aws_on_port(tmp_path) as aws:
            assert everything(aws) == before


def test_a_large_presigned_object_survives(tmp_path: Path) -> None:
    """64 MiB that came by a presigned PUT are in the journal whole, with their event, long after the leave expired."""
    body = os.urandom(64 * 1024 * 1024)
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    with aws_on_port(tmp_path) as aws:
        session = boto3.Session(presigned.ACCESS_KEY, presigned.SECRET_KEY, region_name=presigned.REGION)
        s3 = session.client("s3", endpoint_url=aws.url, config=Config(signature_version="s3v4"))
        params = {"Bucket": BUCKET, "Key": "raw/u/large", "ChecksumAlgorithm": "SHA256", "ChecksumSHA256": checksum}
        url = s3.generate_presigned_url("put_object", Params=params, ExpiresIn=600)
        s3.close()
        headers = {"x-amz-checksum-sha256": checksum, "x-amz-sdk-checksum-algorithm": "SHA256"}
        with urllib3.PoolManager(retries=False) as http:
            assert http.request("PUT", url, body=body, headers=headers).status == 200
        events = waiting(aws)
    with (
        patch("local_cloud.presigned.check_presigned", side_effect=presigned.RefusedError(403, "AccessDenied", "late")),
        aws_on_port(tmp_path) as aws,
    ):
        kept = aws.client("s3").get_object(Bucket=BUCKET, Key="raw/u/large", ChecksumMode="ENABLED")
        assert (kept["ChecksumSHA256"], kept["Body"].read() == body) == (checksum, True)
        assert waiting(aws) == events


def test_drawn_keys_stay(tmp_path: Path) -> None:
    """The signing keys, drawn at the first start, are the same after a restart; another folder has others."""
    drawn = []
    for folder in ("one", "one", "two"):
        with aws_on_port(tmp_path / folder) as aws:
            drawn.append(aws.client("secretsmanager").get_secret_value(SecretId=KEYS)["SecretString"])
    assert drawn[0] == drawn[1] != drawn[2]


def recorded(folder: Path) -> list[str]:
    """Return the operations in the journal, in order."""
    with contextlib.closing(Journal.open(folder)) as journal:
        return [write.call.operation or write.call.variables["REQUEST_METHOD"] for write in journal.writes()]


def test_only_accepted_writes_are_recorded(tmp_path: Path) -> None:
    """Reads, refused writes, repeated tokens and the making of resources leave nothing in the journal."""
    with aws_on_port(tmp_path) as aws:
        dynamodb, s3 = aws.client("dynamodb"), aws.client("s3")
        everything(aws)
        with pytest.raises(ClientError):
            dynamodb.put_item(TableName=ACCOUNTS, Item={"pk": {"S": "half a key"}})
        with pytest.raises(ClientError):
            s3.put_object(Bucket="elsewhere", Key="key", Body=b"1")
        for _ in range(3):
            add_one(dynamodb, "token")
        s3.put_object(Bucket=BUCKET, Key="key", Body=b"1")
    assert recorded(tmp_path) == ["TransactWriteItems", "PUT"]


def test_a_token_holds_over_a_restart(tmp_path: Path) -> None:
    """A client that repeats a transaction whose reply a restart swallowed does not have it applied twice."""
    with aws_on_port(tmp_path) as aws:
        add_one(aws.client("dynamodb"), "token")
    with aws_on_port(tmp_path) as aws:
        client = aws.client("dynamodb")
        add_one(client, "token")
        assert client.get_item(TableName=ACCOUNTS, Key=key("counter"))["Item"]["seq"] == {"N": "1"}


def test_a_replay_does_not_ask_what_time_it_is(tmp_path: Path) -> None:
    """A token used twice, rightly, with more than its lifetime between, is replayed twice within a moment."""
    with aws_on_port(tmp_path) as aws:
        client = aws.client("dynamodb")
        add_one(client, "token")
        # The clock of the tokens alone is moved: eleven minutes pass between the two uses.
        with patch("local_cloud.transactions.TOKEN_LIFETIME_S", -1):
            add_one(client, "token")
        assert TOKEN_LIFETIME_S == 600
    with aws_on_port(tmp_path) as aws:
        item = aws.client("dynamodb").get_item(TableName=ACCOUNTS, Key=key("counter"))["Item"]
        assert item["seq"] == {"N": "2"}


def test_a_write_that_is_refused_now_is_named(tmp_path: Path) -> None:
    """A folder whose writes no longer fit the resources gives an error that names the write, and stays as it is."""
    with aws_on_port(tmp_path) as aws:
        aws.client("dynamodb").put_item(TableName=ACCOUNTS, Item=key("a"))
    with pytest.raises(StateError, match=r"write 1 .*dynamodb PutItem"), aws_on_port(tmp_path, resources=False):
        pass
    assert recorded(tmp_path) == ["PutItem"]


def test_what_cannot_be_stored_is_not_acknowledged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When the journal fails (a full disk), that write and all later calls fail; a restart has what was promised."""
    with aws_on_port(tmp_path) as aws:
        client = aws.client("dynamodb")
        client.put_item(TableName=ACCOUNTS, Item=key("kept"))
        with (
            patch.object(Journal, "record", side_effect=OSError("no space left on device")),
            pytest.raises(client.exceptions.InternalServerError),
        ):
            client.put_item(TableName=ACCOUNTS, Item=key("lost"))
        with pytest.raises(client.exceptions.InternalServerError):
            client.put_item(TableName=ACCOUNTS, Item=key("after"))
    assert "no space left on device" in capsys.readouterr().err
    with aws_on_port(tmp_path) as aws:
        items = aws.client("dynamodb").scan(TableName=ACCOUNTS)["Items"]
    assert [item["sk"]["S"] for item in items] == ["kept"]


def listening_app(fail: bool) -> tuple[Chalice, list[str]]:  # noqa: FBT001 - two apps, told apart at the call
    """Return an app that notes the keys whose events it gets, and the list of them."""
    app = Chalice("listening")
    seen: list[str] = []

    @app.on_sqs_message(queue=QUEUE)
    def process(event: Any) -> None:
        for record in event:
            body = json.loads(record.body)
            seen.extend(entry["s3"]["object"]["key"] for entry in body.get("Records", []))
            if fail and "Records" in body:
                raise ValueError("poison")

    return app, seen


def run(folder: Path, *puts: str, fail: bool = False) -> list[str]:
    """Run a cloud until its events are handled or dead, and return the keys whose events its app saw."""
    app, seen = listening_app(fail)
    with LocalCloud(state=folder, app=app, retry_delays_s=(0,)) as cloud:
        s3 = client_of(cloud.aws_url, "s3")
        for name in puts:
            s3.put_object(Bucket=BUCKET, Key=name, Body=b"1")
        s3.close()
        cloud.pump.drain(20)
    return seen


def test_handled_events_are_not_delivered_again(tmp_path: Path) -> None:
    """After a restart the app hears of no object that it had handled, and of new ones as before."""
    assert run(tmp_path, "one", "two") == ["one", "two"]
    assert run(tmp_path, "three") == ["three"]
    assert run(tmp_path) == []


def test_waiting_events_are_delivered_after_a_restart(tmp_path: Path) -> None:
    """Events that no handler has had are delivered after the restart, in their order."""
    with aws_on_port(tmp_path) as aws:
        for name in ("one", "two"):
            aws.client("s3").put_object(Bucket=BUCKET, Key=name, Body=b"1")
    assert run(tmp_path) == ["one", "two"]


def test_dead_letters_stay_dead(tmp_path: Path) -> None:
    """An event that used up its attempts is in the dead-letter queue after a restart, and is not tried again."""
    assert run(tmp_path, "poison", fail=True) == ["poison"] * 5
    assert run(tmp_path) == []
    with aws_on_port(tmp_path) as aws:
        sqs = aws.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{QUEUE}-dead-letters")["QueueUrl"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert ["poison" in message["Body"] for message in messages] == [True]


def test_attempts_are_counted_over_a_restart(tmp_path: Path) -> None:
    """An event whose handling ends the process is not tried for ever: its attempts are kept."""
    with aws_on_port(tmp_path) as aws:
        aws.client("s3").put_object(Bucket=BUCKET, Key="fatal", Body=b"1")
    counts = []
    for _ in range(3):
        with aws_on_port(tmp_path) as aws:
            sqs = aws.client("sqs")
            url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
            received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
            counts += [
                int(message["Attributes"]["ApproximateReceiveCount"])
                for message in received.get("Messages", [])
                if "fatal" in message["Body"]
            ]
    assert counts == [1, 2, 3]


def test_a_killed_cloud_has_every_acknowledged_write(tmp_path: Path, run_cloud: Callable[..., CloudProcess]) -> None:
    """`serve --state`, killed with SIGKILL amid writes, has after its restart each one that it had acknowledged."""
    state = str(tmp_path / "state")
    first = run_cloud("serve", "--port", "0", "--state", state)
    acknowledged: list[str] = []

    def write(worker: int) -> None:
        dynamodb, s3 = (client_of(first.urls["AWS"], name) for name in ("dynamodb", "s3"))
        with contextlib.closing(dynamodb), contextlib.closing(s3), contextlib.suppress(Exception):
            for number in range(10_000):
                name = f"{worker}-{number}"
                s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode() * 100)
                dynamodb.put_item(TableName=ACCOUNTS, Item=key(name))
                acknowledged.append(name)
                if len(acknowledged) >= 60:
                    first.process.send_signal(signal.SIGKILL)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert first.process.wait(20) == -signal.SIGKILL
    second = run_cloud("serve", "--port", "0", "--state", state)
    connection = connect(second.urls["API"])
    connection.request("GET", "/hello/again")
    assert connection.getresponse().read() == b'{"hello":"again"}'
    connection.close()
    dynamodb, s3 = (client_of(second.urls["AWS"], name) for name in ("dynamodb", "s3"))
    with contextlib.closing(dynamodb), contextlib.closing(s3):
        stored = {item["sk"]["S"] for item in dynamodb.scan(TableName=ACCOUNTS)["Items"]}
        assert len(acknowledged) >= 60
        assert set(acknowledged) <= stored
        for name in acknowledged:
            assert s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() == name.encode() * 100
