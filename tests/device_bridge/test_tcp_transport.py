import socket
from collections.abc import Iterator

import pytest

from device_bridge.errors import DisconnectedError, PortError
from device_bridge.transport import TcpTransport, open_transport


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a listening socket on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def place_of(server: socket.socket) -> str:
    """Return a listener's place."""
    return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def joined(server: socket.socket) -> tuple[TcpTransport, socket.socket]:
    """Return both ends of a connection."""
    transport = open_transport(place_of(server))
    assert isinstance(transport, TcpTransport)
    peer, _ = server.accept()
    return transport, peer


def test_bytes_pass_unchanged(listener: socket.socket) -> None:
    """All 256 bytes pass in both directions, and nothing to read is an empty answer after a moment."""
    transport, peer = joined(listener)
    everything = bytes(range(256))
    transport.write(everything)
    assert peer.recv(1000) == everything
    assert transport.read() == b""
    peer.sendall(everything)
    found = b""
    while len(found) < 256:
        found += transport.read()
    assert found == everything
    transport.close()
    peer.close()


def test_small_requests_are_not_held_back_and_dead_peers_are_noticed(listener: socket.socket) -> None:
    """TCP_NODELAY and keepalive are on, and a peer that vanished is noticed within half a minute."""
    transport, peer = joined(listener)
    ours = transport._socket
    assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    idle, pause, probes = (
        ours.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert idle + pause * probes <= 30
    transport.close()
    peer.close()


def test_peer_that_closes(listener: socket.socket) -> None:
    """What was sent before the end is read, then the end is told once, and afterwards the stream is closed."""
    transport, peer = joined(listener)
    peer.sendall(b"last words")
    peer.close()
    assert transport.read() == b"last words"
    with pytest.raises(DisconnectedError, match="the other end closed the connection"):
        transport.read()
    for call in (transport.read, lambda: transport.write(b"x")):
        with pytest.raises(DisconnectedError, match="is closed"):
            call()
    transport.close()


def test_half_closed_peer_is_gone(listener: socket.socket) -> None:
    """A peer that only stopped sending can give no reply, so it counts as gone."""
    transport, peer = joined(listener)
    peer.shutdown(socket.SHUT_WR)
    with pytest.raises(DisconnectedError, match="the other end closed the connection"):
        transport.read()
    peer.close()


def test_peer_that_resets(listener: socket.socket) -> None:
    """A connection that is reset is told as gone, by a read and by a write."""
    for _ in range(2):
        transport, peer = joined(listener)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        with pytest.raises(DisconnectedError, match=r"is gone: .*reset"):
            transport.read()


def test_peer_that_takes_nothing(listener: socket.socket) -> None:
    """A peer that reads nothing is given up after the write timeout, with what to do."""
    server = listener
    transport = TcpTransport("127.0.0.1", server.getsockname()[1], write_timeout_s=0.05)
    peer, _ = server.accept()
    with pytest.raises(DisconnectedError, match=r"took nothing for 0.05 s; switch the device off and on"):
        transport.write(bytes(100_000_000))
    with pytest.raises(DisconnectedError, match="is closed"):
        transport.read()
    peer.close()


def test_nobody_listens(listener: socket.socket) -> None:
    """A refused connection says where, and what to look at."""
    place = place_of(listener)
    listener.close()
    with pytest.raises(PortError, match=f"{place} refuses the connection: start the device"):
        open_transport(place)


def test_host_of_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows is told as such; so is one that is no name."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(PortError, match="no host of the name"):
        open_transport(f"tcp://{'x' * 70}.example:4000")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(PortError, match=r"tcp://lane7.example:4000: no host of the name lane7.example is known"):
        open_transport("tcp://lane7.example:4000")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TimeoutError("timed out"), r"does not answer within 5 s: check that it is switched on"),
        (OSError(113, "No route to host"), r"cannot be reached: No route to host. Check the network"),
    ],
)
def test_unreachable_host(monkeypatch: pytest.MonkeyPatch, error: OSError, message: str) -> None:
    """A host that does not answer, or to which no way leads, is told with what to check."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(socket, "create_connection", fail)
    with pytest.raises(PortError, match=message):
        open_transport("tcp://192.0.2.1:4000")


def test_address_of_version_6(monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv6 address stands in brackets, also in what is said of it."""
    asked = []

    def refuse(address: tuple[str, int], _: float) -> None:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(PortError, match=r"tcp://\[2001:db8::7\]:4000 refuses"):
        open_transport("tcp://[2001:db8::7]:4000")
    assert asked == [("2001:db8::7", 4000)]
