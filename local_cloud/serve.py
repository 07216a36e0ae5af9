"""`python -m local_cloud serve`: the API, the emulated AWS and the event pump, until they are stopped."""

import argparse
import ipaddress
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from local_cloud.cloud import LocalCloud
from local_cloud.connections import LARGEST_PORT, PortTakenError, url
from local_cloud.journal import StateError
from local_cloud.mailbox import Mail
from local_cloud.pump import PumpError
from local_cloud.template import TemplateError
from local_cloud.tls import AUTHORITY_PATH, TlsEnd, TlsRefusedError

SUMMARY = "Serve the API, with an emulated AWS behind it, until Ctrl-C or SIGTERM."
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
STOPPING_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options; the variables HOST, PORT, AWS_PORT, STATE, TLS and SEED give their defaults."""
    host = os.environ.get("HOST") or DEFAULT_HOST
    parser.add_argument("--host", default=host, help="where the API listens")
    port = os.environ.get("PORT") or str(DEFAULT_PORT)
    parser.add_argument("--port", type=port_number, default=port, help="the API's port, 0 for any free one")
    add_cloud_arguments(parser, "the emulated AWS's port (default: the one after --port)")
    tls_help = "serve HTTPS, with a development certificate authority that phones can trust (TLS=1)"
    parser.add_argument("--tls", action="store_true", default=_switch(parser, "TLS"), help=tls_help)
    seed_help = "make an account with captures and metrics, to have something to show (SEED=1)"
    parser.add_argument("--seed", action="store_true", default=_switch(parser, "SEED"), help=seed_help)


def add_cloud_arguments(parser: argparse.ArgumentParser, aws_port_help: str, aws_port: str | None = None) -> None:
    """Add the options of the emulated AWS: `--aws-port` with the default `aws_port`, and `--state`."""
    aws_port = os.environ.get("AWS_PORT") or aws_port
    parser.add_argument("--aws-port", type=port_number, default=aws_port or argparse.SUPPRESS, help=aws_port_help)
    state = os.environ.get("STATE") or None
    parser.add_argument("--state", type=Path, default=state, help="a folder in which data survive a restart")


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes; return 0 then, or 1 when the cloud cannot start."""
    next_port = arguments.port + 1 if 0 < arguments.port < LARGEST_PORT else 0
    aws_port = getattr(arguments, "aws_port", next_port)
    try:
        tls = _open_tls(arguments.host) if arguments.tls else None
    except TlsRefusedError as error:
        _say(f"error: {error}")
        return 1
    if tls is None and not _is_loopback(arguments.host):
        _say(
            f"warning: other machines can reach {arguments.host}, and without TLS passwords travel openly; "
            "TLS=1 (--tls) encrypts"
        )
    cloud = LocalCloud(arguments.host, arguments.port, aws_port, arguments.state, tls=tls)

    def after_start() -> None:
        if tls is not None:
            _announce_tls(tls, str(cloud.api_url))
        if arguments.seed:
            _seed(str(cloud.api_url), tls)

    return serve_until_signal(cloud, arguments.state, after_start)


def _open_tls(host: str) -> TlsEnd:
    # Imported when asked for: what makes certificates takes a while to load.
    from local_cloud.authority import open_authority, served_names  # noqa: PLC0415 - as above

    names = served_names(host)
    authority = open_authority()
    return TlsEnd(authority.server_context(names), tuple(names), authority.path, authority.fingerprint)


def _announce_tls(tls: TlsEnd, api_url: str) -> None:
    """Say under which addresses other machines reach the API, and what they have to trust."""
    port = int(api_url.rpartition(":")[2])
    others = [name for name in tls.names if not _is_loopback(name)]
    _tell(
        [
            *(f"also   {url('https', name, port)}" for name in others),
            f"trust  {tls.authority}",
            *(f"phone  {url('http', name, port)}{AUTHORITY_PATH}, see docs/serve-for-phones.md" for name in others[:1]),
            f"SHA256 {tls.fingerprint}",
        ]
    )


def _seed(api_url: str, tls: TlsEnd | None) -> None:
    # Imported when asked for: it needs the emulated device and the client.
    from local_cloud.seed import SeedError, seed  # noqa: PLC0415 - as above

    ca_file = None if tls is None else str(tls.authority)
    try:
        _tell(seed(api_url, ca_file, is_stopping=lambda: bool(signal.sigpending() & STOPPING_SIGNALS)))
    except SeedError as error:
        _say(f"the seeded account is not complete: {error}. What was made is kept, and the next start goes on.")


def serve_until_signal(cloud: LocalCloud, state: Path | None, after_start: Callable[[], None] = lambda: None) -> int:
    """Keep `cloud` up until Ctrl-C or SIGTERM; return the exit code.

    Args:
        cloud: What is served.
        state: The folder in which its data are kept.
        after_start: What is done once it is up.
    """
    # Blocked rather than handled: a signal during the start or the stop waits, so that neither is left half done.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING_SIGNALS)
    try:
        with cloud:
            cloud.mails.show = _show_mail
            _announce(cloud, state)
            after_start()
            signal.sigwait(STOPPING_SIGNALS)
            _say("stopping")
    except (PortTakenError, StateError, TemplateError, PumpError) as error:
        _say(f"error: {error}")
        return 1
    return 0


def _switch(parser: argparse.ArgumentParser, variable: str) -> bool:
    """Return whether an environment variable switches something on: `1` does."""
    value = os.environ.get(variable, "")
    if value not in ("", "0", "1"):
        parser.error(f"{variable}={value} is neither 1 nor 0")
    return value == "1"


def port_number(text: str) -> int:
    """Return `text` as a port from 0 to 65535; raises argparse's error otherwise."""
    if not text.isascii() or not text.isdigit() or int(text) > LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to {LARGEST_PORT}")
    return int(text)


def _announce(cloud: LocalCloud, state: Path | None) -> None:
    lines = [
        f"API    {cloud.api_url}" if cloud.api_url else "",
        f"AWS    {cloud.aws_url}",
        f"state  {state.resolve()}" if state else "state  in memory; give --state or STATE a folder to keep it",
        "stop   Ctrl-C",
    ]
    _tell([line for line in lines if line])


def _tell(lines: list[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _show_mail(mail: Mail) -> None:
    text = "".join(f"  {line}\n" for line in mail.text.splitlines())
    sys.stderr.write(f"local_cloud: a mail to {', '.join(mail.recipients)}: {mail.subject}\n{text}")
    sys.stderr.flush()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say(text: str) -> None:
    sys.stderr.write(f"local_cloud: {text}\n")
    sys.stderr.flush()
