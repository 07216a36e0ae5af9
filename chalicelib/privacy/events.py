"""The jobs' trigger: SQS messages of work that outlives a request."""

import msgspec
from chalice.app import Blueprint, SQSEvent

from chalicelib import jobs
from chalicelib.observation import observe_event
from chalicelib.privacy import erasing, exporting
from chalicelib.scorebook import descendants, digest
from chalicelib.settings import read_settings

events = Blueprint(__name__)


# One message at a time: Chalice's handler has no partial-batch reply, so a failed job would repeat its whole batch.
@events.on_sqs_message(queue=read_settings().jobs_queue, batch_size=1, name="run_job")
def run_job(event: SQSEvent) -> None:
    """Do what a message asks for; an error leaves the message to be delivered again."""
    for message in event:
        message_id = str(message.to_dict().get("messageId", ""))
        with observe_event("run_job", message_id):
            run(msgspec.json.decode(message.body, type=jobs.Job), message_id)


def run(job: jobs.Job, message_id: str) -> None:
    """Do a job."""
    match job.kind:
        case jobs.EXPORT:
            exporting.run(job.user_id, job.export_id, message_id)
        case jobs.ERASURE:
            erasing.run(job.user_id)
        case jobs.LATE_OBJECTS:
            erasing.sweep_late(job.user_id)
        case jobs.DESCENDANTS:
            descendants.sweep(job.user_id)
        case jobs.DIGEST:
            digest.refresh(job.user_id)
        case _:
            raise ValueError(f"{job.kind!r} is no kind of job")
