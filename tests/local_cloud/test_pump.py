import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest
from chalice.app import Blueprint, Chalice

from local_cloud.cloud import LocalCloud
from local_cloud.pump import EventPump, PumpError

from .conftest import QUEUE, AwsOnPort, client_of

BUCKET = "revmetrix-local-raw"


class Listener:
    """A Chalice app that notes every event, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.app = Chalice("listener")
        self.events: list[dict[str, Any]] = []
        self.contexts: list[Any] = []
        self._failures = failures
        self.app.on_sqs_message(queue=QUEUE, name="process")(self._process)

    def _process(self, event: Any) -> None:
        self.events.append(event.to_dict())
        self.contexts.append(event.context)
        if "Records" in json.loads(self.record()["body"]) and self._failures:
            self._failures -= 1
            raise ValueError("cannot do it")

    def record(self) -> dict[str, Any]:
        """Return the one record of the last event."""
        (record,) = self.events[-1]["Records"]
        return dict(record)

    def bodies(self) -> list[dict[str, Any]]:
        """Return the bodies of all events."""
        return [json.loads(event["Records"][0]["body"]) for event in self.events]


def put(aws: AwsOnPort, key: str) -> None:
    """Put an object into the raw bucket."""
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"12345")


def in_queue(aws: AwsOnPort, queue: str) -> list[dict[str, Any]]:
    """Return the messages that can be received from a queue."""
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return messages


def test_an_object_reaches_the_handler_as_on_aws(made_aws: AwsOnPort) -> None:
    """The handler gets S3's test event and then the object's event, in the shape of AWS, and the queue is empty."""
    listener = Listener()
    with EventPump(listener.app, made_aws.emulator) as pump:
        put(made_aws, "captures/a b")
        pump.drain(20)
    test_event, event = listener.bodies()
    assert test_event["Event"] == "s3:TestEvent"
    record = event["Records"][0]
    assert record["eventName"] == "ObjectCreated:Put"
    # moto encodes the slash as well, which S3 leaves alone; decoded, both are the key.
    assert (record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])) == (BUCKET, "captures/a b")
    assert record["s3"]["object"]["size"] == 5
    message = listener.record()
    assert message["eventSource"] == "aws:sqs"
    assert message["eventSourceARN"] == f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}"
    assert message["awsRegion"] == "us-east-1"
    assert message["attributes"]["ApproximateReceiveCount"] == "1"
    fields = {"messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody"}
    assert message.keys() == fields | {"eventSource", "eventSourceARN", "awsRegion"}
    assert listener.contexts[-1].function_name == "process"
    assert listener.contexts[-1].get_remaining_time_in_millis() > 0
    assert in_queue(made_aws, QUEUE) == []


def test_a_failure_is_tried_again(made_aws: AwsOnPort, capsys: pytest.CaptureFixture[str]) -> None:
    """An event whose handling fails twice is handled at the third attempt, and stderr tells of both failures."""
    listener = Listener(failures=2)
    with EventPump(listener.app, made_aws.emulator, (0,)) as pump:
        put(made_aws, "key")
        pump.drain(20)
    counts = [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in listener.events]
    assert counts == ["1", "1", "2", "3"]
    printed = capsys.readouterr().err
    assert "process failed, attempt 1: ValueError: cannot do it" in printed
    assert printed.count("Traceback") == 2
    assert in_queue(made_aws, f"{QUEUE}-dead-letters") == []


def test_what_always_fails_becomes_a_dead_letter(made_aws: AwsOnPort) -> None:
    """After the queue's maxReceiveCount of five the event lies in the dead-letter queue; others are still handled."""
    listener = Listener(failures=5)
    with EventPump(listener.app, made_aws.emulator, (0,)) as pump:
        put(made_aws, "poison")
        pump.drain(20)
        put(made_aws, "good")
        pump.drain(20)
    keys = [record["s3"]["object"]["key"] for body in listener.bodies() for record in body.get("Records", [])]
    assert keys == ["poison"] * 5 + ["good"]
    (letter,) = in_queue(made_aws, f"{QUEUE}-dead-letters")
    assert json.loads(letter["Body"])["Records"][0]["s3"]["object"]["key"] == "poison"


def test_message_attributes_have_lambdas_names(made_aws: AwsOnPort) -> None:
    """A message's own attributes reach the handler under the names that Lambda gives them."""
    listener = Listener()
    sqs = made_aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    attributes = {"colour": {"DataType": "String", "StringValue": "blue"}}
    with EventPump(listener.app, made_aws.emulator) as pump:
        pump.drain(20)
        sqs.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=attributes)
        pump.drain(20)
    assert listener.record()["messageAttributes"] == {"colour": {"dataType": "String", "stringValue": "blue"}}


def test_handlers_of_blueprints_and_arns(made_aws: AwsOnPort) -> None:
    """A handler in a blueprint with a prefix, and one registered by its queue's ARN, are found as well."""
    app, seen = Chalice("parts"), []
    part = Blueprint("part")

    @part.on_sqs_message(queue_arn=f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}")
    def process(event: Any) -> None:
        seen.extend(event)

    app.register_blueprint(part, name_prefix="part_")
    with EventPump(app, made_aws.emulator) as pump:
        pump.drain(20)
    assert len(seen) == 1


def test_a_queue_that_is_not_there(made_aws: AwsOnPort) -> None:
    """A handler whose queue no resource makes is an error at the start that names both."""
    app = Chalice("lost")

    @app.on_sqs_message(queue="nowhere")
    def process(event: Any) -> None:
        """Never called."""

    with pytest.raises(PumpError, match="process listens to the queue nowhere"):
        EventPump(app, made_aws.emulator)


def test_draining_gives_up(made_aws: AwsOnPort) -> None:
    """Waiting for a handler that does not end gives TimeoutError, and leaving waits for the handler's end."""
    app, go_on, ended = Chalice("slow"), threading.Event(), []

    @app.on_sqs_message(queue=QUEUE)
    def process(event: Any) -> None:
        go_on.wait(20)
        ended.append(event)

    with EventPump(app, made_aws.emulator) as pump:
        with pytest.raises(TimeoutError, match="1 messages are still waiting"):
            pump.drain(0.1)
        go_on.set()
    assert len(ended) == 1


def test_a_handler_uses_the_cloud_while_it_is_used(serve_app: Callable[..., LocalCloud]) -> None:
    """A handler reads the object that its event tells of from the same emulated AWS, without a deadlock."""
    app = Chalice("reader")
    sizes: list[int] = []

    @app.on_sqs_message(queue=QUEUE)
    def process(event: Any) -> None:
        for record in event:
            for entry in json.loads(record.body).get("Records", []):
                found = clients[0].get_object(Bucket=BUCKET, Key=entry["s3"]["object"]["key"])
                sizes.append(len(found["Body"].read()))

    cloud = serve_app(app)
    clients = [client_of(cloud.aws_url, "s3")]
    for number in range(20):
        clients[0].put_object(Bucket=BUCKET, Key=f"{number}", Body=b"x" * number)
    cloud.pump.drain(20)
    clients[0].close()
    assert sizes == list(range(20))
