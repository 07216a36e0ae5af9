import contextlib
import http.client
import ipaddress
import os
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from chalice.app import Chalice
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from local_cloud import authority as authorities
from local_cloud.authority import Authority, is_private, open_authority, served_names
from local_cloud.connections import listen, url_of
from local_cloud.gateway import ApiServer, serving
from local_cloud.tls import TlsEnd, TlsRefusedError
from phone_client import ApiClient, Connection, UntrustedServerError

from .conftest import CloudProcess

NAMES = ["localhost", "127.0.0.1"]
CLOCK_SLACK = timedelta(minutes=5)


def tiny_app() -> Chalice:
    """Return an app with one route, as the project's health is."""
    app = Chalice("tiny")

    @app.route("/v1/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "version": "1"}

    return app


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority in a folder of its own."""
    return open_authority(tmp_path_factory.mktemp("authority"))


def tls_end(authority: Authority, names: list[str]) -> TlsEnd:
    """Return the server's end of TLS with a certificate for some names."""
    return TlsEnd(authority.server_context(names), tuple(names), authority.path, authority.fingerprint)


@contextlib.contextmanager
def serve_tls(authority: Authority) -> Iterator[int]:
    """Serve the tiny app by TLS, and give the port."""
    listener = listen("127.0.0.1", 0)
    with serving(tiny_app()) as app:
        server = ApiServer(listener, app, access_log=False, tls=tls_end(authority, NAMES))
        server.start()
        try:
            yield int(url_of(listener, "https").rpartition(":")[2])
        finally:
            server.stop()


@pytest.fixture(scope="module")
def tls_port(authority: Authority) -> Iterator[int]:
    """The port of a tiny app behind TLS."""
    with serve_tls(authority) as port:
        yield port


def trusting(authority: Authority) -> ssl.SSLContext:
    """Return a client's context that trusts the authority, with all the strictness that Python 3.13 has by default."""
    context = ssl.create_default_context(cafile=str(authority.path))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_a_client_that_trusts_the_authority(tls_port: int, authority: Authority) -> None:
    """A strict client verifies names and addresses, speaks at least TLS 1.2, and its connection stays open."""
    for host in NAMES:
        with contextlib.closing(
            http.client.HTTPSConnection(host, tls_port, context=trusting(authority), timeout=10)
        ) as connection:
            for _ in range(3):
                connection.request("GET", "/v1/health")
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (200, b'{"status":"ok","version":"1"}')
                assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")


def test_the_projects_own_client_trusts_by_its_ca_file(tls_port: int, authority: Authority) -> None:
    """phone_client reaches the cloud with `ca_file`, and tells a server that it cannot trust without it."""
    url = f"https://127.0.0.1:{tls_port}"
    with ApiClient(url, connection=Connection(ca_file=str(authority.path))) as client:
        assert client.health().status == "ok"
    with ApiClient(url) as client, pytest.raises(UntrustedServerError):
        client.health()


def test_a_program_trusts_by_ssl_cert_file(tls_port: int, authority: Authority) -> None:
    """urllib3 as the bridge uses it trusts what SSL_CERT_FILE names, so the bridge needs no option for it."""
    program = "import sys, urllib3; print(urllib3.PoolManager(retries=False).request('GET', sys.argv[1]).status)"
    command = [sys.executable, "-c", program, f"https://127.0.0.1:{tls_port}/v1/health"]
    with_file = {**os.environ, "SSL_CERT_FILE": str(authority.path), "PYTHONWARNINGS": ""}
    done = subprocess.run(command, env=with_file, capture_output=True, check=False, text=True, timeout=30)
    assert (done.stdout, done.returncode) == ("200\n", 0)
    refused = subprocess.run(
        command, env={**os.environ, "PYTHONWARNINGS": ""}, capture_output=True, check=False, text=True, timeout=30
    )
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr


def test_plain_http_on_the_tls_port(tls_port: int, authority: Authority) -> None:
    """Plain HTTP gets the authority's certificate, which is public, and otherwise the advice to write https."""

    def ask(method: str, path: str) -> tuple[int, bytes, str]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", tls_port, timeout=10)) as plain:
            plain.request(method, path, headers={"Authorization": "Bearer sent-by-mistake"})
            answer = plain.getresponse()
            return answer.status, answer.read(), str(answer.headers["Content-Type"])

    assert ask("GET", "/dev-ca.pem") == (200, authority.path.read_bytes(), "application/x-x509-ca-cert")
    assert ask("HEAD", "/dev-ca.pem")[:2] == (200, b"")
    status, text, _ = ask("GET", "/v1/health")
    assert (status, text) == (400, b"This server speaks TLS: write https:// in place of http://.\n")


@pytest.mark.parametrize(
    "beginning", [b"", b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x80\x00", b"\x00" * 100, b"GET /"]
)
def test_strange_beginnings(tls_port: int, authority: Authority, beginning: bytes) -> None:
    """Whatever a connection begins with, it ends, and the next client is served meanwhile and afterwards."""
    with socket.create_connection(("127.0.0.1", tls_port), timeout=10) as strange:
        strange.sendall(beginning)
        test_a_client_that_trusts_the_authority(tls_port, authority)
        strange.shutdown(socket.SHUT_WR)
        while strange.recv(4096):
            pass
    test_a_client_that_trusts_the_authority(tls_port, authority)


def test_a_stop_with_clients_in_every_state(authority: Authority) -> None:
    """A server stops at once with connections that said nothing, began a handshake, and are open by TLS."""
    with contextlib.ExitStack() as clients:
        with serve_tls(authority) as port:
            for beginning in (b"", b"\x16", b"GET"):
                clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)).sendall(beginning)
            secured = http.client.HTTPSConnection("127.0.0.1", port, context=trusting(authority), timeout=10)
            clients.enter_context(contextlib.closing(secured))
            secured.request("GET", "/v1/health")
            assert secured.getresponse().read()
        # All threads have ended here, or the server's stop would not have returned.
        with contextlib.suppress(ssl.SSLError):
            assert secured.sock.recv(1) == b""


def test_a_connection_ends_as_tls_wants_it(tls_port: int, authority: Authority) -> None:
    """The server says goodbye (close_notify) before it closes, so that no client takes the end for an attack."""
    answer = b""
    # Without the leniency of this wrapping a missing goodbye is an error, as it is for OpenSSL's own programs.
    with (
        socket.create_connection(("127.0.0.1", tls_port), timeout=10) as connection,
        trusting(authority).wrap_socket(connection, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as secured,
    ):
        secured.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while piece := secured.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_authority_is_made_once_and_is_private(tmp_path: Path) -> None:
    """A second start finds the same authority; its key is readable by its owner alone."""
    folder = tmp_path / "deep" / "authority"
    first = open_authority(folder)
    assert open_authority(folder).fingerprint == first.fingerprint
    assert stat.S_IMODE((folder / authorities.KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert b"PRIVATE" not in first.path.read_bytes()
    assert sorted(each.name for each in folder.iterdir()) == [authorities.KEY_FILE, authorities.PUBLIC_FILE]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key with loose permissions may be in other hands: it is not used, and the message says what to do."""
    open_authority(tmp_path)
    (tmp_path / authorities.KEY_FILE).chmod(0o640)
    with pytest.raises(TlsRefusedError, match="chmod 600"):
        open_authority(tmp_path)


def test_a_damaged_key(tmp_path: Path) -> None:
    """A file that holds no key is named, never written over."""
    file = tmp_path / authorities.KEY_FILE
    file.write_text("no key")
    file.chmod(0o600)
    with pytest.raises(TlsRefusedError, match="delete it"):
        open_authority(tmp_path)
    assert file.read_text() == "no key"


def test_an_authority_that_expires_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority that would not outlive a server's certificate is made anew."""
    with monkeypatch.context() as patch:
        patch.setattr(authorities, "AUTHORITY_LIFETIME", timedelta(days=80))
        old = open_authority(tmp_path)
    new = open_authority(tmp_path)
    assert new.fingerprint != old.fingerprint
    assert open_authority(tmp_path).fingerprint == new.fingerprint


def test_the_authority_vouches_for_nothing_on_the_internet(authority: Authority) -> None:
    """A certificate that its key signed for a public name or address is refused by a client that trusts it."""
    content = (authority.path.parent / authorities.KEY_FILE).read_bytes()
    thief = trustme.CA.from_pem(content, content)
    for name, is_trusted in (
        ("localhost", True),
        ("lane.local", True),
        ("192.168.7.9", True),
        ("bank.example", False),
        ("8.8.8.8", False),
        ("local.example", False),
    ):
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        thief.issue_cert(name).configure_cert(server)
        assert handshake(server, trusting(authority), name) is is_trusted, name


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bool:
    """Return whether a client takes a server's certificate for a name, in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for end in (theirs, ours):
            with contextlib.suppress(ssl.SSLWantReadError):
                try:
                    end.do_handshake()
                except ssl.SSLCertVerificationError:
                    return False
    return theirs.cipher() is not None


def test_a_servers_certificate_is_one_that_phones_take(authority: Authority) -> None:
    """At most 825 days, names in its alternative names, for servers: what iOS asks of every certificate."""
    server = authority.server_context([*NAMES, "fd00::7"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = trusting(authority).wrap_bio(to_client, to_server, server_hostname="fd00::7")
    for _ in range(4):
        for end in (theirs, ours):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    certificate = x509.load_der_x509_certificate(theirs.getpeercert(binary_form=True) or b"")
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=825)
    assert certificate.not_valid_before_utc < datetime.now(UTC) - CLOCK_SLACK
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("fd00::7"),
    ]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in usage


def test_which_hosts_it_vouches_for() -> None:
    """A host is in the certificate when it is private; another one is refused before anything starts."""
    assert "192.168.1.20" in served_names("192.168.1.20")
    assert {"localhost", "127.0.0.1", "::1"} <= set(served_names("mine.local"))
    for host in ("8.8.8.8", "api.example.org", "2600::1", "nolocal"):
        assert not is_private(host)
        with pytest.raises(TlsRefusedError, match="nothing was started"):
            served_names(host)


def test_serve_by_tls(run_cloud: Callable[..., CloudProcess], tmp_path: Path) -> None:
    """`serve` with TLS=1 tells https addresses and the authority's file, by which a client verifies, and no warning."""
    everywhere = "0.0.0.0"  # noqa: S104 - that is what is tested
    cloud = run_cloud("serve", "--port", "0", TLS="1", HOST=everywhere, XDG_DATA_HOME=str(tmp_path / "home"))
    assert cloud.urls["API"].startswith("https://127.0.0.1:")
    stdout, stderr = cloud.process.stdout, cloud.process.stderr
    assert stdout is not None
    assert stderr is not None
    told = []
    for line in stdout:
        told.append(line)
        if line.startswith("SHA256"):
            break
    file = tmp_path / "home" / "revmetrix" / "dev-ca.pem"
    assert f"trust  {file}\n" in told
    context = ssl.create_default_context(cafile=str(file))
    port = int(cloud.urls["API"].rpartition(":")[2])
    hosts = ["127.0.0.1", *(line.split("//")[1].rpartition(":")[0] for line in told if line.startswith("also"))]
    for host in hosts:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            context.wrap_socket(connection, server_hostname=host.strip("[]")).close()
    cloud.process.terminate()
    assert cloud.process.wait(20) == 0
    assert "warning" not in stderr.read()


def test_a_host_that_cannot_be_certified(command_result: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    """TLS for a public name is refused in one line, with exit code 1."""
    done = command_result("serve", "--tls", "--host", "api.example.org")
    assert done.returncode == 1
    assert done.stderr.startswith("local_cloud: error: the development authority vouches for private addresses")


def test_a_switch_is_1_or_0(command_result: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    """A variable that switches something on is refused when it says anything else."""
    done = command_result("serve", TLS="yes")
    assert done.returncode == 2
    assert "TLS=yes is neither 1 nor 0" in done.stderr
