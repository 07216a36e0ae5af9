"""The algorithm unit's trigger: SQS messages of new objects in the raw bucket, and of what may leave an inbox."""

import json
from urllib.parse import unquote_plus

from chalice.app import Blueprint, SQSEvent

from chalicelib.captures import inbox
from chalicelib.metrics import service
from chalicelib.observation import observe_event
from chalicelib.settings import read_settings

events = Blueprint(__name__)


# One message at a time: Chalice's handler has no partial-batch reply, so a poison message would repeat its whole batch.
@events.on_sqs_message(queue=read_settings().processing_queue, batch_size=1, name="process_capture")
def process_capture(event: SQSEvent) -> None:
    """Process every object that a message tells of; an error leaves the message to be delivered again."""
    for message in event:
        with observe_event("process_capture", str(message.to_dict().get("messageId", ""))):
            told = json.loads(message.body)
            inbox.handle(told)
            # S3's test event, sent once when the notification is set up, has no records.
            for record in told.get("Records", []):
                service.process_object(unquote_plus(record["s3"]["object"]["key"]))
