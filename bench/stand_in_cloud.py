"""A server that stands for the Web API and its storage: it gives tickets, hashes what comes, and keeps nothing.

`python -m bench.stand_in_cloud` prints its address in a line and serves until it is killed.
"""

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CHUNK_BYTES = 65536
_arrived: dict[str, int] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = b"".join(self._chunks())
        if self.path == "/v1/captures":
            self._answer_view(201, hashlib.sha256(body).hexdigest())
            return
        wanted = json.loads(body)
        url = f"http://{self.headers['Host']}/storage/{wanted['sha256']}"
        headers = {"Content-Length": str(wanted["size_bytes"]), "If-None-Match": "*"}
        self._answer(201, {"sha256": wanted["sha256"], "method": "PUT", "url": url, "headers": headers})

    def do_PUT(self) -> None:
        digest = hashlib.sha256()
        size_bytes = 0
        for chunk in self._chunks():
            digest.update(chunk)
            size_bytes += len(chunk)
        is_right = self.path.endswith(digest.hexdigest())
        if is_right:
            _arrived[digest.hexdigest()] = size_bytes
        self._answer(200 if is_right else 400, {})

    def do_GET(self) -> None:
        key = self.path.rsplit("/", 1)[1]
        self._answer_view(200, key if key in _arrived else "")

    def _answer_view(self, status: int, key: str) -> None:
        self._answer(status, {"id": key, "state": "verified"})

    def _chunks(self) -> Iterator[bytes]:
        left = int(self.headers["Content-Length"])
        while left:
            chunk = self.rfile.read(min(left, _CHUNK_BYTES))
            left -= len(chunk)
            yield chunk

    def _answer(self, status: int, value: dict[str, object]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    """Serve."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
