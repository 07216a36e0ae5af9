"""`python -m local_cloud serve`: the API, the emulated AWS and the event pump, until they are stopped."""

import argparse
import ipaddress
import os
import signal
import sys
from pathlib import Path

from local_cloud.cloud import LocalCloud
from local_cloud.connections import LARGEST_PORT, PortTakenError
from local_cloud.journal import StateError
from local_cloud.pump import PumpError
from local_cloud.template import TemplateError

SUMMARY = "Serve the API, with an emulated AWS behind it, until Ctrl-C or SIGTERM."
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
STOPPING_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options; the variables HOST, PORT, AWS_PORT and STATE give their defaults."""
    host = os.environ.get("HOST") or DEFAULT_HOST
    parser.add_argument("--host", default=host, help="where the API listens")
    port = os.environ.get("PORT") or str(DEFAULT_PORT)
    parser.add_argument("--port", type=port_number, default=port, help="the API's port, 0 for any free one")
    add_cloud_arguments(parser, "the emulated AWS's port (default: the one after --port)")


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
    cloud = LocalCloud(arguments.host, arguments.port, aws_port, arguments.state)
    if not _is_loopback(arguments.host):
        _say(f"warning: other machines can reach {arguments.host}, and without TLS passwords travel openly")
    return serve_until_signal(cloud, arguments.state)


def serve_until_signal(cloud: LocalCloud, state: Path | None) -> int:
    """Keep `cloud` up until Ctrl-C or SIGTERM; return the exit code."""
    # Blocked rather than handled: a signal during the start or the stop waits, so that neither is left half done.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING_SIGNALS)
    try:
        with cloud:
            _announce(cloud, state)
            signal.sigwait(STOPPING_SIGNALS)
            _say("stopping")
    except (PortTakenError, StateError, TemplateError, PumpError) as error:
        _say(f"error: {error}")
        return 1
    return 0


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
    sys.stdout.write("".join(f"{line}\n" for line in lines if line))
    sys.stdout.flush()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say(text: str) -> None:
    sys.stderr.write(f"local_cloud: {text}\n")
    sys.stderr.flush()
