"""The messages inside moto's queues: which changed since last time, and how to put stored ones back."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from moto.sqs.models import Message, Queue, sqs_backends

KEPT_FIELDS = (
    "sender_id",
    "sent_timestamp",
    "approximate_first_receive_timestamp",
    "approximate_receive_count",
    "deduplication_id",
    "group_id",
    "sequence_number",
    "delayed_until",
    "message_attributes",
    "system_attributes",
)
"""What a message keeps over a restart; a receipt handle and the time of invisibility end with the process."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it is stored: its id, its queue's ARN, and the rest as JSON text."""

    id: str
    queue: str
    content: str


@dataclass(frozen=True, slots=True)
class MessageChanges:
    """Messages that are new or changed, and the ids of those that are gone from every queue."""

    stored: list[StoredMessage]
    gone: list[str]

    def __bool__(self) -> bool:
        return bool(self.stored or self.gone)


NO_CHANGES = MessageChanges([], [])


class QueueWatch:
    """Compares all queues with what they held at the last call.

    A message counts as changed when it moves to another queue (its dead-letter queue) or is received once more, so that
    an event that kills the process still runs out of attempts.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, int]] = {}

    def changes(self) -> MessageChanges:
        """Return what changed since the last call."""
        present = {
            message.id: (queue, message)
            for queue_object, queue in _queues()
            for message in queue_object._messages  # noqa: SLF001
        }
        seen = {id_: (queue, message.approximate_receive_count) for id_, (queue, message) in present.items()}
        stored = [
            StoredMessage(id_, queue, _content(message))
            for id_, (queue, message) in present.items()
            if self._known.get(id_) != seen[id_]
        ]
        gone = [id_ for id_ in self._known if id_ not in seen]
        self._known = seen
        return MessageChanges(stored, gone)


def replace_messages(messages: list[StoredMessage]) -> list[StoredMessage]:
    """Empty all queues, put `messages` into theirs, visible at once, and return those whose queue is not there."""
    queues = {}
    for queue, arn in _queues():
        queue._messages = []  # noqa: SLF001 - moto has no way to put a message back under its id
        queue.pending_messages.clear()
        queues[arn] = queue
    for stored in messages:
        if stored.queue in queues:
            queues[stored.queue].add_message(_message(stored))
    return [stored for stored in messages if stored.queue not in queues]


def _queues() -> list[tuple[Queue, str]]:
    return [
        (queue, queue.queue_arn)
        for account in sqs_backends.values()
        for backend in account.values()
        for queue in backend.queues.values()
    ]


def _content(message: Message) -> str:
    kept: dict[str, Any] = {name: getattr(message, name) for name in KEPT_FIELDS}
    return json.dumps({"body": message.body, **kept}, default=_bytes_as_json)


def _message(stored: StoredMessage) -> Message:
    content = json.loads(stored.content, object_hook=_bytes_from_json)
    message = Message(stored.id, content["body"])
    for name in KEPT_FIELDS:
        setattr(message, name, content[name])
    return message


def _bytes_as_json(value: Any) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"a queue message holds {type(value).__name__}")
    return {"base64": base64.b64encode(value).decode()}


def _bytes_from_json(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value
