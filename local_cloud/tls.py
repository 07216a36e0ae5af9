"""A connection's way into TLS, and what a client that speaks plain HTTP to a TLS port is told."""

import contextlib
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HANDSHAKE_TIMEOUT_S = 10
AUTHORITY_PATH = "/dev-ca.pem"
_HANDSHAKE_RECORD = b"\x16"
"""RFC 8446 section 5.1: the first byte of a connection that begins TLS."""
_LONGEST_HEAD_BYTES = 8192
_CERTIFICATE_TYPE = "application/x-x509-ca-cert"


class TlsRefusedError(Exception):
    """TLS cannot be served as it was asked for; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class TlsEnd:
    """The server's end of TLS.

    Attributes:
        context: With the server's certificate.
        names: The names and addresses that its certificate is for.
        authority: The file of the certificate that clients have to trust. A client that has not got it yet may fetch it
            over plain HTTP, on the same port; it is nothing secret, and is compared by its fingerprint.
        fingerprint: The SHA-256 of that certificate, as phones show it.
    """

    context: ssl.SSLContext
    names: tuple[str, ...]
    authority: Path
    fingerprint: str

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket | None:
        """Return a connection ready for its handshake; None when it began with something else, which is answered."""
        connection.settimeout(HANDSHAKE_TIMEOUT_S)
        first = connection.recv(1, socket.MSG_PEEK)
        if first != _HANDSHAKE_RECORD:
            if first:
                self._answer_plainly(connection)
            return None
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def shake_hands(self, connection: ssl.SSLSocket, address: Any) -> bool:
        """Return whether client and server now understand each other; when not, stderr tells why."""
        try:
            connection.do_handshake()
        except (ssl.SSLError, OSError) as error:
            advice = ": is the development authority installed there?" if "unknown ca" in str(error).lower() else ""
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            sys.stderr.write(f"local_cloud: no TLS with {address[0]}: {reason}{advice}\n")
            sys.stderr.flush()
            return False
        return True

    def _answer_plainly(self, connection: socket.socket) -> None:
        head = _read_head(connection)
        if head.startswith((b"GET " + AUTHORITY_PATH.encode() + b" ", b"HEAD " + AUTHORITY_PATH.encode() + b" ")):
            pem = self.authority.read_bytes()
            body = b"" if head.startswith(b"HEAD") else pem
            connection.sendall(_plain_reply("200 OK", _CERTIFICATE_TYPE, body, len(pem)))
            return
        text = b"This server speaks TLS: write https:// in place of http://.\n"
        connection.sendall(_plain_reply("400 Bad Request", "text/plain; charset=utf-8", text, len(text)))


def say_goodbye(connection: ssl.SSLSocket) -> None:
    """Send TLS's end of data (RFC 8446 section 6.1) and wait for no answer; a client that is gone misses nothing."""
    with contextlib.suppress(OSError, ValueError):
        connection.settimeout(0)
        connection.unwrap()


def _read_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD_BYTES:
        piece = connection.recv(_LONGEST_HEAD_BYTES)
        if not piece:
            break
        head += piece
    return head


def _plain_reply(status: str, media_type: str, body: bytes, length: int) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
