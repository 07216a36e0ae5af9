"""Delivering queue messages to the app's handlers, as Lambda's event source mapping does on AWS."""

import json
import math
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError
from chalice.app import Chalice, SQSEventConfig
from chalice.local import LambdaContext

from local_cloud.emulator import REGION, Emulator

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FUNCTION_TIMEOUT_S = 120
FUNCTION_MEMORY_MB = 2048
RETRY_DELAYS_S = (1, 2, 4, 8)
"""After the first, second ... failure; AWS would wait for the queue's visibility timeout, twelve minutes here."""
IDLE_S = 0.25
"""A retry falls due without a call that would wake the pump: it looks by itself so often."""
DRAIN_LOOK_S = 0.02
_DUE = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


class PumpError(Exception):
    """The app's event handlers and the resources do not fit together."""


@dataclass(frozen=True, slots=True)
class _Subscription:
    function: str
    handler: Callable[[Any, Any], Any]
    url: str
    arn: str
    most_attempts: float


class EventPump:
    """A thread that gives each message of the queues that `app` listens to, one at a time, to its handler.

    A handler that returns has its message deleted. One that raises gets it again after a growing delay, until the
    queue's maxReceiveCount is used up: then SQS (moto does it at the next receive) puts it into the dead-letter queue.

    Args:
        app: The Chalice app with `@app.on_sqs_message` handlers.
        emulator: Where the queues are.
        retry_delays_s: Whole seconds before each repetition; the last one holds for all further ones.

    Raises PumpError when a handler's queue is not there.
    """

    def __init__(self, app: Chalice, emulator: Emulator, retry_delays_s: Sequence[int] = RETRY_DELAYS_S) -> None:
        self._emulator = emulator
        self._sqs: SQSClient = emulator.client("sqs")
        self._retry_delays_s = retry_delays_s
        self._subscriptions = [self._subscription(app, source) for source in _sources(app)]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-pump")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._emulator.changed.set()
        self._thread.join()

    def drain(self, timeout_s: float) -> None:
        """Return when every message that is due has been handled or is a dead letter.

        Raises:
            TimeoutError: After `timeout_s` seconds some are still waiting, being handled, or due for a repetition.
        """
        deadline_s = time.monotonic() + timeout_s
        while waiting := sum(self._waiting(subscription) for subscription in self._subscriptions):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{waiting} messages are still waiting after {timeout_s} s")
            time.sleep(DRAIN_LOOK_S)

    def _subscription(self, app: Chalice, source: SQSEventConfig) -> _Subscription:
        queue = source.queue or str(source.queue_arn).rpartition(":")[2]
        try:
            url = self._sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        except ClientError as error:
            raise PumpError(f"{source.name} listens to the queue {queue}, which is not among the resources") from error
        attributes: Any = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        most_attempts = json.loads(attributes.get("RedrivePolicy", "{}")).get("maxReceiveCount", math.inf)
        return _Subscription(
            source.name, app.handler_map[source.name], url, attributes["QueueArn"], float(most_attempts)
        )

    def _waiting(self, subscription: _Subscription) -> int:
        """Return the number of messages in a queue: those to be had, being handled, or put off after a failure.

        Those that were sent for later are left out: that may be a quarter of an hour away.
        """
        attributes = self._sqs.get_queue_attributes(QueueUrl=subscription.url, AttributeNames=["All"])["Attributes"]
        return sum(int(count) for name, count in attributes.items() if name in _DUE)

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Cleared before looking: a message that comes meanwhile wakes the pump again.
            self._emulator.changed.clear()
            try:
                delivered = [self._deliver_next(subscription) for subscription in self._subscriptions]
            except Exception:  # noqa: BLE001 - the pump outlives an emulator that answers with an error
                traceback.print_exc(file=sys.stderr)
                delivered = []
            if not any(delivered):
                self._emulator.changed.wait(IDLE_S)

    def _deliver_next(self, subscription: _Subscription) -> bool:
        """Deliver the next message of a queue and return whether there was one."""
        received: Any = self._sqs.receive_message(
            QueueUrl=subscription.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=0,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        for message in received.get("Messages", []):
            self._deliver(subscription, message)
        return bool(received.get("Messages"))

    def _deliver(self, subscription: _Subscription, message: dict[str, Any]) -> None:
        context = LambdaContext(subscription.function, FUNCTION_MEMORY_MB, FUNCTION_TIMEOUT_S * 1000)
        try:
            subscription.handler(sqs_event(message, subscription.arn), context)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as on Lambda, any end but a return is a failure
            self._retry_later(subscription, message, error)
        else:
            self._sqs.delete_message(QueueUrl=subscription.url, ReceiptHandle=message["ReceiptHandle"])

    def _retry_later(self, subscription: _Subscription, message: dict[str, Any], error: BaseException) -> None:
        attempt = int(message["Attributes"]["ApproximateReceiveCount"])
        # After the last attempt nothing is waited for: the sooner the dead letter is seen, the better.
        last = attempt >= subscription.most_attempts
        delay_s = 0 if last else self._retry_delays_s[min(attempt, len(self._retry_delays_s)) - 1]
        sys.stderr.write(f"{subscription.function} failed, attempt {attempt}: {type(error).__name__}: {error}\n")
        traceback.print_exception(error, file=sys.stderr)
        self._sqs.change_message_visibility(
            QueueUrl=subscription.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=delay_s
        )


def sqs_event(message: dict[str, Any], queue_arn: str) -> dict[str, Any]:
    """Return the event in which Lambda gets one message, given as `ReceiveMessage` returns it.

    Source: "Using Lambda with Amazon SQS", AWS Lambda Developer Guide.
    """
    attributes = {
        name: {_lower_first(field): value for field, value in attribute.items()}
        for name, attribute in message.get("MessageAttributes", {}).items()
    }
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }
    return {"Records": [record]}


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


def _sources(app: Chalice) -> list[SQSEventConfig]:
    return [source for source in app.event_sources if isinstance(source, SQSEventConfig)]
