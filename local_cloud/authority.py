"""The certificate authority of a developer's machine: made once, installed on a phone once, of little use to a thief.

Decision: the authority's certificate has name constraints (RFC 5280 section 4.2.1.10): private addresses, `localhost`
and `*.local`, nothing else. A phone that trusts it trusts it for no site of the Internet, whoever gets hold of the key.
"""

import contextlib
import ipaddress
import os
import socket
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local_cloud.tls import TlsRefusedError

KEY_FILE = "dev-ca-with-key.pem"
PUBLIC_FILE = "dev-ca.pem"
AUTHORITY_LIFETIME = timedelta(days=5 * 365)
CERTIFICATE_LIFETIME = timedelta(days=90)
"""A server's certificate is made anew at every start; iOS takes none that is valid for more than 825 days."""
_CLOCKS_DIFFER_BY = timedelta(days=1)
_READABLE_BY_OTHERS = 0o077
_PRIVATE_NETWORKS = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
_PRIVATE_NAMES = ("localhost", "local")
# Addresses of documentation (RFC 5737, RFC 3849): nothing is sent there; the system only says by which of its own
# addresses it would.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


@dataclass(frozen=True, slots=True)
class Authority:
    """The development certificate authority.

    Attributes:
        path: The file of its certificate, which clients are told to trust.
        fingerprint: SHA-256 of the certificate, as phones show it.
    """

    path: Path
    fingerprint: str
    _ca: trustme.CA

    def server_context(self, names: list[str]) -> ssl.SSLContext:
        """Return a server's end of TLS, at least 1.2, with a new certificate for some names and addresses."""
        now = datetime.now(UTC)
        certificate = self._ca.issue_cert(
            *names,
            organization_name="RevMetrix development",
            organization_unit_name="local cloud",
            not_before=now - _CLOCKS_DIFFER_BY,
            not_after=now + CERTIFICATE_LIFETIME,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        certificate.configure_cert(context)
        return context


def default_folder() -> Path:
    """Return the user's own folder for it, so that every clone and every state is served under one authority.

    Source: XDG Base Directory Specification 0.8, XDG_DATA_HOME.
    """
    base = os.environ.get("XDG_DATA_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "revmetrix"


def open_authority(folder: Path | None = None) -> Authority:
    """Return the authority that a folder holds; it is made when there is none, or when it is about to expire.

    Args:
        folder: Where it is; None for the user's own folder.

    Raises:
        TlsRefusedError: The folder or its file cannot be used.
    """
    folder = default_folder() if folder is None else folder
    secret = folder / KEY_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not secret.exists():
            _keep_once(secret, _new_authority())
        authority = _read(secret)
        if _expires_at(authority) < datetime.now(UTC) + CERTIFICATE_LIFETIME:
            secret.unlink()
            _keep_once(secret, _new_authority())
            authority = _read(secret)
        pem = authority.cert_pem.bytes()
        _write(folder / PUBLIC_FILE, pem, 0o644)
    except OSError as error:
        raise TlsRefusedError(f"{error.filename or folder} cannot be used: {error.strerror}") from error
    return Authority(folder / PUBLIC_FILE, _fingerprint(pem), authority)


def served_names(host: str) -> list[str]:
    """Return the names and addresses under which a server that listens on `host` is reached, private ones alone.

    Raises:
        TlsRefusedError: The host is an address that the authority does not vouch for.
    """
    names = ["localhost", "127.0.0.1", "::1", f"{socket.gethostname().partition('.')[0].lower()}.local"]
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, never bound
        return list(dict.fromkeys([*names, *machine_addresses()]))
    if not is_private(host):
        raise TlsRefusedError(
            f"the development authority vouches for private addresses, localhost and names in .local, and {host} is "
            "none of them; nothing was started. Listen on one of those, or on 0.0.0.0"
        )
    return list(dict.fromkeys([*names, host]))


def machine_addresses() -> list[str]:
    """Return the private addresses under which other machines reach this one, the likeliest first."""
    found = [address for family, elsewhere in _ELSEWHERE if (address := _own_address(family, elsewhere))]
    with contextlib.suppress(OSError):
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)]
    addresses = dict.fromkeys(address for address in found if "%" not in address)
    return [each for each in addresses if is_private(each) and not ipaddress.ip_address(each).is_loopback]


def is_private(host: str) -> bool:
    """Return whether the authority may vouch for an address or a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return any(host.lower() == name or host.lower().endswith(f".{name}") for name in _PRIVATE_NAMES)
    return any(address in ipaddress.ip_network(network) for network in _PRIVATE_NETWORKS)


def _own_address(family: socket.AddressFamily, elsewhere: str) -> str | None:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _new_authority() -> bytes:
    """Return a new authority: its key and its certificate, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "RevMetrix development"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"RevMetrix development on {socket.gethostname()}"[:64]),
        ]
    )
    now = datetime.now(UTC)
    permitted: list[x509.GeneralName] = [x509.DNSName(each) for each in _PRIVATE_NAMES]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in _PRIVATE_NETWORKS]
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER_BY)
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.NameConstraints(permitted, excluded_subtrees=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + certificate.public_bytes(pem)


def _read(secret: Path) -> trustme.CA:
    if secret.stat().st_mode & _READABLE_BY_OTHERS:
        raise TlsRefusedError(
            f"{secret} is a private key that others on this machine can read. If only you had it, chmod 600 it; "
            "otherwise delete it, remove the authority from your phones, and start again"
        )
    content = secret.read_bytes()
    try:
        return trustme.CA.from_pem(content, content)
    except ValueError as error:
        raise TlsRefusedError(
            f"{secret} holds no key with its certificate; delete it, and a new one is made"
        ) from error


def _expires_at(authority: trustme.CA) -> datetime:
    return x509.load_pem_x509_certificate(authority.cert_pem.bytes()).not_valid_after_utc


def _fingerprint(pem: bytes) -> str:
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex(":").upper()


def _keep_once(path: Path, content: bytes) -> None:
    """Write a secret whole or not at all; one that another process wrote meanwhile stays."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft:
        draft.write(content)
        draft.flush()
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)


def _write(path: Path, content: bytes, mode: int) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
        draft.write(content)
    os.chmod(draft.name, mode)  # noqa: PTH101 - a name, not a Path
    os.replace(draft.name, path)  # noqa: PTH105 - the same
