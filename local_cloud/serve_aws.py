"""`python -m local_cloud aws`: the emulated AWS and the event pump, for an API that `chalice local` serves."""

import argparse

from local_cloud.cloud import LocalCloud
from local_cloud.serve import add_cloud_arguments, serve_until_signal

SUMMARY = "Serve the emulated AWS and the event pump, until Ctrl-C or SIGTERM."
DEFAULT_AWS_PORT = "8001"
"""The port that the stage `local` of .chalice/config.json names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options; the variables AWS_PORT and STATE give their defaults."""
    add_cloud_arguments(parser, "the emulated AWS's port, 0 for any free one", DEFAULT_AWS_PORT)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes; return 0 then, or 1 when the cloud cannot start."""
    cloud = LocalCloud(aws_port=arguments.aws_port, state=arguments.state, serve_api=False)
    return serve_until_signal(cloud, arguments.state)
