"""The processing queue in SQS: S3 writes into it by itself, and so does whoever has work that no request may wait for.

Every message may come twice, late, and beside another of its kind: what handles it must bear that.
"""

import json
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import boto3
from botocore.config import Config

from chalicelib.settings import region, settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def announce(key: str) -> None:
    """Send the message that S3 sends of a new object; that it comes twice changes nothing."""
    _send({"Records": [{"s3": {"object": {"key": quote_plus(key)}}}]})


def announce_claim(serial: str, since: str) -> None:
    """Tell that a device was claimed, so that what waits for its holder is looked for.

    Args:
        serial: The device.
        since: When the claim begins, or the key from which on is to be looked.
    """
    _send({"claimed": {"serial": serial, "since": since}})


def announce_waiting(serial: str, key: str) -> None:
    """Tell that a capture may have to wait no longer.

    Args:
        serial: Its device.
        key: The sort key of its entry among those that wait for the device.
    """
    _send({"waiting": {"serial": serial, "key": key}})


def _send(body: dict[str, Any]) -> None:
    _client().send_message(QueueUrl=_queue_url(), MessageBody=json.dumps(body))


@cache
def _queue_url() -> str:
    return _client().get_queue_url(QueueName=settings().processing_queue)["QueueUrl"]


@cache
def _client() -> "SQSClient":
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("sqs", region_name=region(), config=config)
