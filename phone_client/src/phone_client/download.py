"""A capture's raw bytes, whichever way the API gives them: in its answer, or behind a link to the store."""

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from phone_client.answers import Answer, error_in, read_bytes, read_json
from phone_client.capture_id import capture_path, checked_capture_id
from phone_client.errors import CaptureChangedError, NetworkError
from phone_client.model import RawLink
from phone_client.request import JSON, Request, reading
from phone_client.timing import Timing
from phone_client.transport import LARGEST_ANSWER_BYTES, Transport

BINARY = "application/octet-stream"
LINKS_FOLLOWED = 4
_LONGEST_WAIT_S = 2.0
_PIECE_BYTES = 1024 * 1024


class Download:
    """Fetches captures.

    Args:
        send: Sends a request to the API with the login's credential.
        transport: Follows links, without it.
        timing: The waiting between attempts.
    """

    def __init__(self, send: Callable[[Request], Answer], transport: Transport, timing: Timing) -> None:
        self._send = send
        self._transport = transport
        self._timing = timing

    def save(self, capture_id: str, file: BinaryIO) -> int:
        """Write a capture's bytes into a file and return how many there are; see `ApiClient.save_raw`."""
        expected = checked_capture_id(capture_id)
        answer = self._ask(capture_id)
        if _is_link(answer):
            fetch_by_links(self._transport, self._timing, self._links(answer, capture_id), file, LARGEST_ANSWER_BYTES)
        else:
            file.write(answer.body)
        return _checked_size(file, expected)

    def _ask(self, capture_id: str) -> Answer:
        answer = self._send(reading(f"{capture_path(capture_id)}/raw", media_type=BINARY))
        read_bytes(answer)
        return answer

    def _links(self, answer: Answer, capture_id: str) -> Iterator[str]:
        while True:
            yield read_json(answer, RawLink).url
            answer = self._ask(capture_id)


def fetch_by_links(
    transport: Transport, timing: Timing, links: Iterator[str], file: BinaryIO, largest_bytes: int
) -> None:
    """Fetch what links lead to from the store; after a failure from the beginning, by a fresh link.

    Args:
        transport: Follows them.
        timing: The waiting between attempts.
        links: Gives a fresh link whenever it is asked.
        file: What is written to; it can be sought in.
        largest_bytes: A longer body is not what is looked for.

    Raises:
        NetworkError: No attempt brought all bytes.
        ProblemError: The store refused each link.
        WrongAnswerError: A link leads to something else.
    """
    for links_left in reversed(range(LINKS_FOLLOWED)):
        try:
            fetched = transport.fetch(next(links), file.write, largest_bytes)
        except NetworkError:
            if not links_left:
                raise
        else:
            if fetched.is_fine:
                return
            if not links_left:
                raise error_in(fetched)
        file.seek(0)
        file.truncate()
        timing.sleep(timing.jitter_s(_LONGEST_WAIT_S))


def _checked_size(file: BinaryIO, expected: str) -> int:
    file.seek(0)
    digest, size_bytes = hashlib.sha256(), 0
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
        size_bytes += len(piece)
    if digest.hexdigest() != expected:
        raise CaptureChangedError(
            f"The {size_bytes} bytes that arrived have the SHA-256 {digest.hexdigest()}, not that of the capture. They "
            "were thrown away; try again, and report it when it stays so."
        )
    return size_bytes


def _is_link(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").split(";")[0].strip().lower() == JSON
