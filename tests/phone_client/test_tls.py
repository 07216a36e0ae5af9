"""TLS as it is: a real handshake with certificates made for the test."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from phone_client import ApiClient, Connection, UntrustedServerError
from tests.phone_client.scripted_api import PASSWORD, ScriptedApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.phone_client.scripted_api import HandClock


def _write_certificate(folder: Path, address: str) -> Path:
    """Write a self-signed certificate for an address, with its key, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / f"{address}.pem"
    file.write_bytes(certificate.public_bytes(pem) + secret)
    return file


def _serve(certificate: Path, clock: HandClock) -> Iterator[ScriptedApi]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    api = ScriptedApi(clock, context)
    try:
        yield api
    finally:
        api.stop()


@pytest.fixture
def phone_tls_certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1."""
    return _write_certificate(tmp_path, "127.0.0.1")


@pytest.fixture
def phone_tls_api(phone_tls_certificate: Path, hand_clock: HandClock) -> Iterator[ScriptedApi]:
    """The scripted API behind TLS."""
    yield from _serve(phone_tls_certificate, hand_clock)


@pytest.fixture
def phone_misnamed_api(tmp_path: Path, hand_clock: HandClock) -> Iterator[ScriptedApi]:
    """The scripted API with a certificate for another address."""
    yield from _serve(_write_certificate(tmp_path, "127.0.0.2"), hand_clock)


def test_a_development_servers_certificate_can_be_trusted(
    phone_tls_api: ScriptedApi, phone_tls_certificate: Path
) -> None:
    """With its file named, the whole conversation goes over TLS."""
    with ApiClient(phone_tls_api.url, connection=Connection(ca_file=str(phone_tls_certificate))) as client:
        client.log_in("ada", PASSWORD)
        assert list(client.captures()) == []


def test_an_unknown_certificate_gets_no_password(phone_tls_api: ScriptedApi, hand_clock: HandClock) -> None:
    """Nothing is sent, nothing is tried again, and the message says why."""
    with (
        ApiClient(phone_tls_api.url, timing=hand_clock.timing) as client,
        pytest.raises(UntrustedServerError, match=r"could not prove who it is \(self-signed"),
    ):
        client.log_in("ada", PASSWORD)
    assert phone_tls_api.seen == []
    assert hand_clock.sleeps == []


def test_a_certificate_of_another_address_gets_no_password(
    phone_misnamed_api: ScriptedApi, hand_clock: HandClock, tmp_path: Path
) -> None:
    """A trusted signature is not enough: the certificate must be this server's."""
    trusting = Connection(ca_file=str(tmp_path / "127.0.0.2.pem"))
    with (
        ApiClient(phone_misnamed_api.url, connection=trusting, timing=hand_clock.timing) as client,
        pytest.raises(UntrustedServerError, match=r"127\.0\.0\.1"),
    ):
        client.log_in("ada", PASSWORD)
    assert phone_misnamed_api.seen == []
