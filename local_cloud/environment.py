"""The environment variables under which the app reaches the emulated cloud and nothing else."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
STAGE = "local"
LOOPBACK = "127.0.0.1,localhost,::1"

FOREIGN_PREFIXES = ("AWS_",)
"""A developer's own AWS settings (profile, session token, region, other endpoints) must not reach the app: they would
lead it past the emulator, to a real account."""


def local_environment(aws_url: str) -> dict[str, str]:
    """Return the variables of the stage `local` in .chalice/config.json, with `aws_url` as the endpoint of AWS."""
    config = json.loads((PROJECT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    stage = config["stages"][STAGE]
    return {
        **config.get("environment_variables", {}),
        **stage.get("environment_variables", {}),
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # A proxy of the developer's network cannot reach this machine's loopback.
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
    }


@contextlib.contextmanager
def applied(variables: Mapping[str, str]) -> Iterator[None]:
    """Set `variables` and remove every other AWS variable while the body runs; restore all of them afterwards."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(FOREIGN_PREFIXES):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
