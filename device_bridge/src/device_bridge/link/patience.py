"""How long to wait for a reply: by what the line carries, never by its supposed speed (docs/protocol.md 5)."""

from typing import Final

REPLY_TIMEOUT_S: Final = 0.5
LONGEST_TIMEOUT_S: Final = 4.0
# A reply that trickles in keeps the host waiting, but not for ever.
LONGEST_WAIT_S: Final = 10.0
# Two pages' replies: whoever sends more than that without a reply among it is not about to give one.
_MOST_BYTES_WITHOUT_REPLY: Final = 552
# A device may answer in another order than it was asked, but not by more than twice what it can hold.
_MOST_WINDOWS_OVERTAKEN: Final = 2


class Patience:
    """Tells when a reply is overdue.

    A slow line is never silent while a reply is on its way, so the time runs from the last byte heard. A reply that
    was lost among others is told by how many overtook it.

    Args:
        timeout_s: The silence that is taken for a loss.

    Attributes:
        timeout_s: The same; it doubles, up to 4 s, when a device turns out to answer later than that.
        replies: Replies that were awaited, counted.
    """

    def __init__(self, timeout_s: float = REPLY_TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self.replies = 0
        self._replied_at_s = 0.0
        self._heard_at_s = 0.0
        self._bytes_without_reply = 0

    def note_start(self) -> None:
        """Note that a request is sent while no other is in flight: what was heard before was no reply's."""
        self._bytes_without_reply = 0

    def note_bytes(self, count: int, now_s: float) -> None:
        """Note that bytes arrived, whatever they are."""
        if count and self._bytes_without_reply <= _MOST_BYTES_WITHOUT_REPLY:
            self._bytes_without_reply += count
            self._heard_at_s = now_s

    def note_reply(self, now_s: float) -> None:
        """Note that a reply arrived that was awaited."""
        self.replies += 1
        self._replied_at_s = now_s
        self._bytes_without_reply = 0

    def note_too_early(self) -> None:
        """Note that a request was sent again though its reply was on its way."""
        self.timeout_s = min(2 * self.timeout_s, LONGEST_TIMEOUT_S)

    def is_overdue(self, sent_at_s: float, replies_when_sent: int, window: int, now_s: float) -> bool:
        """Tell whether a request's reply is overdue.

        Args:
            sent_at_s: When the request was sent last.
            replies_when_sent: `replies` at that time.
            window: Requests that may be in flight.
            now_s: What time it is.
        """
        if now_s < sent_at_s + self.timeout_s:
            return False
        if self.replies - replies_when_sent >= _MOST_WINDOWS_OVERTAKEN * window:
            return True
        began_at_s = max(sent_at_s, self._replied_at_s)
        silent_since_s = max(began_at_s, self._heard_at_s)
        return now_s >= min(silent_since_s + self.timeout_s, began_at_s + max(LONGEST_WAIT_S, self.timeout_s))
