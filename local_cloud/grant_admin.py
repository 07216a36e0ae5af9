"""`python -m local_cloud grant-admin`: make a user of a running local cloud an admin."""

import argparse
import importlib
import os
import sys

from local_cloud.connections import LARGEST_PORT
from local_cloud.environment import PROJECT, applied, local_environment
from local_cloud.serve import DEFAULT_PORT, port_number

SUMMARY = "Make a user of a running local cloud an admin."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments; the variables PORT and AWS_PORT give the defaults."""
    parser.add_argument("username", help="the user, who has registered")
    port = os.environ.get("PORT") or str(DEFAULT_PORT)
    parser.add_argument("--port", type=port_number, default=port, help="the port of the running API")
    aws_port = os.environ.get("AWS_PORT") or argparse.SUPPRESS
    parser.add_argument(
        "--aws-port", type=port_number, default=aws_port, help="the emulated AWS's port (default: the one after --port)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Grant it; return 0 when it was done, 1 when there is no such user or no running cloud."""
    aws_port = getattr(arguments, "aws_port", min(arguments.port + 1, LARGEST_PORT))
    with applied(local_environment(f"http://127.0.0.1:{aws_port}")):
        if str(PROJECT) not in sys.path:
            sys.path.insert(0, str(PROJECT))
        # Imported now that the environment is what it shall see.
        done = importlib.import_module("chalicelib.administration.grant_admin").main([arguments.username])
    if done:
        sys.stderr.write(f"local_cloud: asked was the emulated AWS on port {aws_port}; see --port and --aws-port\n")
    return int(done)
