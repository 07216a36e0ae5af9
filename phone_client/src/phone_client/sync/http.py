"""The sync's messages over the Web API."""

from collections.abc import Callable

from phone_client.answers import Answer, read_json
from phone_client.request import ALWAYS, Request, reading, sending
from phone_client.sync.messages import PullReply, PushBatch, PushReply


class HttpSync:
    """Carries the messages over the Web API; `ApiClient.sync` is one.

    Args:
        send: Sends a request with the user's credential.
    """

    def __init__(self, send: Callable[[Request], Answer]) -> None:
        self._send = send

    def push(self, batch: PushBatch) -> PushReply:
        """Send a batch and return what became of it. It may be sent again at will."""
        if_lost = "Nothing is lost: the same batch is sent again, and counts once."
        request = sending("POST", "/v1/sync/push", batch, if_lost=if_lost, repeat_for_s=ALWAYS)
        return read_json(self._send(request), PushReply)

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Return the entries that changed after a cursor, at most so many."""
        query = {"limit": str(limit), **({"cursor": cursor} if cursor is not None else {})}
        return read_json(self._send(reading("/v1/sync/pull", query)), PullReply)
