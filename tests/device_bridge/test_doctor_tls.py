import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from device_bridge.api_replies import parse_date
from device_bridge.doctor import cloud
from device_bridge.doctor.findings import Finding, Level
from device_bridge.settings import resolve

from .bridge_api_server import BridgeApiServer, BridgeReply

pytestmark = pytest.mark.usefixtures("clean_environment")


def write_certificate(path: Path, days: float) -> datetime:
    """Write a certificate of 127.0.0.1 that signs itself, and its key, into a file; return when it ends."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    # Half a day more, so that the days that are left do not change while the test runs.
    ends_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days, hours=12)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends_at - timedelta(days=400))
        .not_valid_after(ends_at)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(pem))
    return ends_at


@pytest.fixture
def serve_tls(
    bridge_api: BridgeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[float], datetime]:
    """Give a function that lets the API speak TLS with a certificate that ends in so many days, and is trusted here."""

    def serve(days: float) -> datetime:
        ends_at = write_certificate(tmp_path / "tls.pem", days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "tls.pem")
        server = bridge_api._server
        server.socket = context.wrap_socket(server.socket, server_side=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.pem"))
        bridge_api.url = bridge_api.url.replace("http:", "https:")
        return ends_at

    return serve


def findings_of(bridge_api: BridgeApiServer) -> dict[str, Finding]:
    """Return what is found of the cloud, by check."""
    settings = resolve({"api": bridge_api.url}, {"DEVICE_BRIDGE_CREDENTIAL": "s3cret"})
    return {finding.check: finding for finding in cloud.check_cloud(settings)}


@pytest.mark.parametrize(("days", "level"), [(40, Level.OK), (14, Level.OK), (13, Level.WARN), (1, Level.WARN)])
def test_a_certificate_that_ends_soon_is_told(
    bridge_api: BridgeApiServer, serve_tls: Callable[[float], datetime], days: int, level: Level
) -> None:
    """Over https the version of TLS and the certificate's end are named; below 14 days that is a warning."""
    ends_at = serve_tls(days)
    api = findings_of(bridge_api)["api"]
    assert api.level is level
    assert f"answers over TLSv1.3, its certificate is trusted until {ends_at:%Y-%m-%d} ({days} days left)" in api.text
    assert "knows this bridge as Lane 1" in api.text
    assert bool(api.advice) is (level is Level.WARN)


@pytest.mark.parametrize(("ahead_s", "level"), [(0, Level.OK), (60, Level.WARN), (-60, Level.WARN)])
def test_without_a_credential_the_clock_is_known_by_the_date(
    bridge_api: BridgeApiServer, monkeypatch: pytest.MonkeyPatch, ahead_s: float, level: Level
) -> None:
    """An API that does not know this bridge still tells the time with its refusal, to half a second."""
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=ahead_s), usegmt=True)
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda _: date)
    bridge_api.ask_script = [BridgeReply(401)]
    found = findings_of(bridge_api)
    assert found["credential"].level is Level.FAIL
    assert found["clock"].level is level
    assert ("ahead of" in found["clock"].text) is (ahead_s > 0) or ahead_s == 0


def test_what_is_not_the_api_tells_no_time(bridge_api: BridgeApiServer) -> None:
    """A proxy's error carries a date as well, which is not the API's."""
    bridge_api.ask_script = [BridgeReply(502, b"bad gateway", {"Content-Type": "text/html"})]
    found = findings_of(bridge_api)
    assert (found["api"].level, found["clock"].level) == (Level.FAIL, Level.SKIPPED)


def test_dates_that_make_no_sense_are_none() -> None:
    """A Date is UTC whatever zone it is written in; nonsense is no date."""
    noon = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert parse_date("Tue, 24 Nov 2026 12:00:00 GMT") == noon
    assert parse_date("Tue, 24 Nov 2026 13:00:00 +0100") == noon
    assert parse_date("Tue, 24 Nov 2026 12:00:00 -0000") == noon
    assert [parse_date(text) for text in (None, "", "tomorrow", "Tue, 99 Nov 2026 12:00:00 GMT")] == [None] * 4
