"""The jobs queue in SQS: work that outlives a request."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
import msgspec
from botocore.config import Config

from chalicelib.settings import region, settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

EXPORT = "export"
ERASURE = "erasure"
LATE_OBJECTS = "late-objects"
DESCENDANTS = "descendants"
DIGEST = "digest"
LONGEST_DELAY_S = 900
"""SQS holds a message back no longer (SendMessage, DelaySeconds)."""


class Job(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message of the queue.

    Attributes:
        kind: `export`, `erasure`, `late-objects`: look whether objects came for a user who was erased,
            `descendants`: remove what belongs to deleted sessions and games, or `digest`: compute the checksum of the
            scorebook.
        user_id: Whose.
        export_id: Which export.
    """

    kind: str
    user_id: str
    export_id: str = ""


def send(job: Job, delay_s: float = 0) -> None:
    """Give a job to the function that does it; one that comes twice changes nothing.

    Args:
        job: What to do.
        delay_s: Not before so many seconds, at most 15 minutes; what is due later is sent on by whoever gets it early.
    """
    delay = max(0, min(LONGEST_DELAY_S, round(delay_s)))
    _client().send_message(QueueUrl=_queue_url(), MessageBody=msgspec.json.encode(job).decode(), DelaySeconds=delay)


@cache
def _queue_url() -> str:
    return _client().get_queue_url(QueueName=settings().jobs_queue)["QueueUrl"]


@cache
def _client() -> "SQSClient":
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("sqs", region_name=region(), config=config)
