"""A real emulated AWS on a free port, tiny Chalice apps, and local clouds in and out of this process."""

import contextlib
import http.client
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from chalice.app import Chalice

from local_cloud.cloud import TEMPLATE, LocalCloud
from local_cloud.connections import listen, url_of
from local_cloud.emulator import Emulator
from local_cloud.endpoint import AwsServer
from local_cloud.journal import Journal
from local_cloud.resources import ResourceMaker
from local_cloud.template import Made, Template

PROJECT = Path(__file__).resolve().parents[2]
QUEUE = "revmetrix-local-processing"
SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
PARAMETERS = {"Stage": "local", "RawBucketName": "revmetrix-local-raw"}

TINY_APP = f"""
import sys
from chalice import Chalice
app = Chalice("tiny")

@app.route("/hello/{{name}}")
def hello(name):
    return {{"hello": name}}

@app.on_sqs_message(queue="{QUEUE}", batch_size=1)
def process(event):
    for record in event:
        # In one piece, or it could be torn by the cloud's own lines.
        sys.stdout.write("handled " + record.body + "\\n")
        sys.stdout.flush()
"""


@dataclass
class AwsOnPort:
    """An emulated AWS on a port, and clients that reach it over HTTP."""

    emulator: Emulator
    url: str
    made: Mapping[str, Made]
    exit: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that it listens on."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def client(self, service: str) -> Any:
        """Return a client that is closed at the test's end."""
        return self.exit.enter_context(contextlib.closing(client_of(self.url, service)))


def client_of(url: str, service: str) -> Any:
    """Return a boto3 client that reaches an emulated AWS at `url`, without retries that would hide a failure."""
    config = Config(retries={"max_attempts": 0}, max_pool_connections=40)
    return SESSION.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]


@contextlib.contextmanager
def aws_on_port(state: Path | None = None, *, resources: bool = True) -> Iterator[AwsOnPort]:
    """Run an emulated AWS with the project's resources, as LocalCloud does, but without an app."""
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(contextlib.closing(Journal.open(state))) if state else None
        emulator = stack.enter_context(Emulator(journal))
        made: Mapping[str, Made] = {}
        if resources:
            maker = ResourceMaker(emulator, journal.secret if journal else None)
            made = maker.make_all(Template(TEMPLATE, PARAMETERS))
        emulator.restore()
        listener = listen("127.0.0.1", 0)
        server = AwsServer(listener, emulator.handle)
        server.start()
        stack.callback(server.stop)
        aws = AwsOnPort(emulator, url_of(listener), made)
        stack.enter_context(aws.exit)
        yield aws


@pytest.fixture
def bare_aws() -> Iterator[AwsOnPort]:
    """An emulated AWS with nothing in it."""
    with aws_on_port(resources=False) as aws:
        yield aws


@pytest.fixture
def made_aws() -> Iterator[AwsOnPort]:
    """An emulated AWS with the project's resources."""
    with aws_on_port() as aws:
        yield aws


def connect(url: str) -> http.client.HTTPConnection:
    """Return a connection to the server at `url`, open at once."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.connect()
    return connection


@pytest.fixture
def serve_app() -> Iterator[Callable[..., LocalCloud]]:
    """Start a local cloud around a Chalice app; it is stopped at the test's end."""
    with contextlib.ExitStack() as stack:

        def start(app: Chalice, **options: Any) -> LocalCloud:
            return stack.enter_context(LocalCloud(app=app, **options))

        yield start


@dataclass
class CloudProcess:
    """A `python -m local_cloud ...` of its own, and what it said when it was ready."""

    process: "subprocess.Popen[str]"
    urls: dict[str, str]


@pytest.fixture
def run_cloud(tmp_path: Path) -> Iterator[Callable[..., CloudProcess]]:
    """Start `python -m local_cloud` around the app of `cwd`, by default a tiny one; it is killed at the test's end."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "app.py").write_text(textwrap.dedent(TINY_APP))
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, cwd: Path = folder, **variables: str) -> CloudProcess:
            process = stack.enter_context(_popen(cwd, arguments, variables))
            stack.callback(process.kill)
            return CloudProcess(process, _urls(process))

        yield start


@pytest.fixture
def command_result(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a `python -m local_cloud` that ends by itself."""

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "local_cloud", *arguments]
        environment = _environment(variables)
        return subprocess.run(
            command, capture_output=True, check=False, cwd=tmp_path, env=environment, text=True, timeout=60
        )

    return run


_OWN = {"HOST", "PORT", "AWS_PORT", "STATE", "SEED", "TLS"}


def _environment(variables: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OWN}
    return {**kept, "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "", **variables}


def _popen(folder: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "local_cloud", *arguments],
        cwd=folder,
        env=_environment(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _urls(process: "subprocess.Popen[str]") -> dict[str, str]:
    assert process.stdout is not None
    urls = {}
    for line in process.stdout:
        name, _, value = line.strip().partition(" ")
        urls[name] = value.strip()
        if name == "stop":
            return urls
    assert process.stderr is not None
    raise AssertionError(f"the cloud ended: {process.stderr.read()}")
