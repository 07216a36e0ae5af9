"""The processing queue in SQS: S3 writes into it by itself, and here is how an object is put before it once more."""

import json
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import boto3
from botocore.config import Config

from chalicelib.settings import region, settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def announce(key: str) -> None:
    """Send the message that S3 sends of a new object; that it comes twice changes nothing."""
    body = json.dumps({"Records": [{"s3": {"object": {"key": quote_plus(key)}}}]})
    _client().send_message(QueueUrl=_queue_url(), MessageBody=body)


@cache
def _queue_url() -> str:
    return _client().get_queue_url(QueueName=settings().processing_queue)["QueueUrl"]


@cache
def _client() -> "SQSClient":
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("sqs", region_name=region(), config=config)
