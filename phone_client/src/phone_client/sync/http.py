"""The sync's messages over the Web API."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from phone_client.answers import Answer, read_json
from phone_client.request import ALWAYS, Request, reading, sending
from phone_client.sync.messages import PullReply, PushBatch, PushReply


class HttpSync:
    """Carries the messages over the Web API; `ApiClient.sync` is one.

    Args:
        send: Sends a request with the user's credential.

    Attributes:
        server_time_s: What time the last answer said that it is (`Date`), seconds since 1970; None when it did not.
    """

    def __init__(self, send: Callable[[Request], Answer]) -> None:
        self._send = send
        self.server_time_s: float | None = None

    def push(self, batch: PushBatch) -> PushReply:
        """Send a batch and return what became of it. It may be sent again at will."""
        if_lost = "Nothing is lost: the same batch is sent again, and counts once."
        request = sending("POST", "/v1/sync/push", batch, if_lost=if_lost, repeat_for_s=ALWAYS)
        return read_json(self._exchange(request), PushReply)

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Return the entries that changed after a cursor, at most so many."""
        query = {"limit": str(limit), **({"cursor": cursor} if cursor is not None else {})}
        return read_json(self._exchange(reading("/v1/sync/pull", query)), PullReply)

    def _exchange(self, request: Request) -> Answer:
        answer = self._send(request)
        self.server_time_s = _time_of(answer)
        return answer


def _time_of(answer: Answer) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
