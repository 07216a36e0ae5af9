"""The stand-in for the API does as the API does where tests rest on it."""

import socket

from tests.device_bridge.bridge_api_server import BridgeApiServer


def test_a_request_that_breaks_off_leaves_nothing(bridge_api: BridgeApiServer) -> None:
    """A bridge that dies while it sends has sent nothing: no gateway passes on a body that is shorter than it says."""
    host, port = bridge_api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /v1/captures HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nSMART")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert (bridge_api.stored, bridge_api.requests) == ({}, [])
