"""The algorithm unit's trigger: SQS messages that tell of new objects in the raw bucket."""

import json
from urllib.parse import unquote_plus

from chalice.app import Blueprint, SQSEvent

from chalicelib.metrics import service
from chalicelib.settings import read_settings

events = Blueprint(__name__)


# One message at a time: Chalice's handler has no partial-batch reply, so a poison message would repeat its whole batch.
@events.on_sqs_message(queue=read_settings().processing_queue, batch_size=1, name="process_capture")
def process_capture(event: SQSEvent) -> None:
    """Process every object that a message tells of; an error leaves the message to be delivered again."""
    for message in event:
        # S3's test event, sent once when the notification is set up, has no records.
        for record in json.loads(message.body).get("Records", []):
            service.process_object(unquote_plus(record["s3"]["object"]["key"]))
