"""ministack, the emulator of AWS that keeps what moto lets through, in a process of its own on a free port."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import urllib3
from botocore.config import Config

from local_cloud.cloud import TEMPLATE
from local_cloud.environment import applied, local_environment
from local_cloud.resources import ResourceMaker
from local_cloud.template import PSEUDO_PARAMETERS, Template

if TYPE_CHECKING:
    from local_cloud.emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".venv-ministack" / "bin" / "ministack"
_START_TIMEOUT_S = 30
_LOOK_S = 0.05


class Clients:
    """boto3 clients of an emulated AWS, in the place of the emulator that the local cloud makes its resources in."""

    def __init__(self, url: str, variables: dict[str, str]) -> None:
        self._url = url
        self._session = boto3.Session(
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name=variables["AWS_DEFAULT_REGION"],
        )

    def client(self, service: str) -> Any:
        """Return a client of a service; what it says is final, nothing is tried again."""
        config = Config(retries={"max_attempts": 0}, signature_version="s3v4" if service == "s3" else None)
        return self._session.client(service, endpoint_url=self._url, config=config)  # type: ignore[call-overload] # by name


@contextlib.contextmanager
def ministack() -> Iterator[str]:
    """Run ministack with the project's resources in it, and give its URL; at the end nothing of it is left."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    variables = local_environment(url)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))},
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "ERROR",
        # With these, and only with these, a request's signature is looked at.
        "AUTH": "true",
        # The account that the local cloud's templates name: the queue's policy lets this one's bucket send.
        "MINISTACK_ACCOUNT_ID": PSEUDO_PARAMETERS["AWS::AccountId"],
        "AWS_ACCESS_KEY_ID": variables["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": variables["AWS_SECRET_ACCESS_KEY"],
    }
    with subprocess.Popen([str(PROGRAM)], env=environment, stdout=subprocess.DEVNULL, cwd=ROOT / "tests") as process:
        try:
            _wait_until_up(url, process)
            make_resources(url)
            yield url
        finally:
            # It keeps nothing, so there is nothing to take leave of.
            process.kill()


def make_resources(url: str) -> None:
    """Make the tables, buckets, queues and secrets of infra/resources.yaml, as the local cloud does."""
    variables = local_environment(url)
    with applied(variables):
        template = Template(TEMPLATE, {"Stage": variables["STAGE"], "RawBucketName": variables["RAW_BUCKET"]})
        # It asks its emulator for clients and for nothing else.
        ResourceMaker(cast("Emulator", Clients(url, variables))).make_all(template)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_up(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    with urllib3.PoolManager(retries=False) as pool:
        while True:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"ministack did not start: exit code {process.poll()}")
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                if pool.request("GET", f"{url}/_ministack/health").status == 200:
                    return
            time.sleep(_LOOK_S)
