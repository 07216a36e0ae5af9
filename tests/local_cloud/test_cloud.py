import os
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import boto3
import pytest
from chalice.app import Chalice

from local_cloud.cloud import LocalCloud
from local_cloud.connections import PortTakenError, listen
from local_cloud.journal import StateError
from local_cloud.pump import PumpError

from .conftest import connect


def small_app() -> Chalice:
    """Return an app that tells an environment variable."""
    app = Chalice("small")

    @app.route("/environment/{name}")
    def environment(name: str) -> dict[str, str | None]:
        return {name: os.environ.get(name)}

    return app


def ask(cloud: LocalCloud, path: str) -> bytes:
    """Return what the API answers."""
    assert cloud.api_url is not None
    with closing(connect(cloud.api_url)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def port_of(url: str | None) -> int:
    """Return a URL's port."""
    return int(str(url).rpartition(":")[2])


def test_the_environment_leads_to_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside, a plain client reaches the emulator whatever the developer's own settings are; outside they are back."""
    foreign = {
        "AWS_PROFILE": "work",
        "AWS_REGION": "eu-west-1",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "STAGE": "mine",
    }
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    app = small_app()  # Chalice itself sets a variable when an app is made
    before = dict(os.environ)
    with LocalCloud(app=app) as cloud, closing(boto3.Session().client("s3")) as s3:
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        assert sorted(buckets) == ["revmetrix-local-raw", "revmetrix-local-raw-exports"]
        assert ask(cloud, "/environment/STAGE") == b'{"STAGE":"local"}'
        assert ask(cloud, "/environment/AWS_PROFILE") == b'{"AWS_PROFILE":null}'
        assert os.environ["AWS_ENDPOINT_URL"] == cloud.aws_url
    assert dict(os.environ) == before


def test_several_after_each_other_on_the_same_ports() -> None:
    """One process starts a cloud twice on the same ports; each begins empty and leaves no thread or port."""
    ports = (0, 0)
    threads = threading.active_count()
    app = small_app()
    for _ in range(2):
        with LocalCloud("127.0.0.1", *ports, app=app) as cloud:
            ports = (port_of(cloud.api_url), port_of(cloud.aws_url))
            with closing(boto3.Session().client("s3")) as s3:
                assert "Contents" not in s3.list_objects_v2(Bucket="revmetrix-local-raw")
                s3.put_object(Bucket="revmetrix-local-raw", Key="key", Body=b"1")
            assert ask(cloud, "/environment/STAGE") == b'{"STAGE":"local"}'
        assert threading.active_count() == threads
        for port in ports:
            with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                pass


def test_without_an_api(serve_app: Callable[..., LocalCloud]) -> None:
    """For `chalice local` the cloud serves the emulated AWS alone."""
    cloud = serve_app(small_app(), serve_api=False)
    assert cloud.api_url is None
    with closing(boto3.Session().client("sqs")) as sqs:
        assert len(sqs.list_queues()["QueueUrls"]) == 4


def lost_app() -> Chalice:
    """Return an app whose handler has no queue."""
    app = Chalice("lost")

    @app.on_sqs_message(queue="nowhere")
    def process(event: object) -> None:
        """Never called."""

    return app


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A taken port, a folder in use and a handler without a queue end the start, and all is as before."""
    small, lost = small_app(), lost_app()
    before, threads = dict(os.environ), threading.active_count()
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} on 127.0.0.1 is in use"), LocalCloud(port=port):
            pass
        with pytest.raises(PortTakenError), LocalCloud(aws_port=port, state=tmp_path):
            pass
    with LocalCloud(app=small, state=tmp_path), pytest.raises(StateError), LocalCloud(state=tmp_path):
        pass
    with pytest.raises(PumpError), LocalCloud(app=lost, state=tmp_path):
        pass
    with LocalCloud(app=small, state=tmp_path) as cloud:
        assert ask(cloud, "/environment/STAGE") == b'{"STAGE":"local"}'
    assert dict(os.environ) == before
    assert threading.active_count() == threads


@pytest.mark.parametrize(("host", "port"), [("256.1.1.1", 0), ("127.0.0.1", 70_000), ("192.0.2.1", 0)])
def test_addresses_that_cannot_be(host: str, port: int) -> None:
    """A host that is not this machine's and a port that is none give one clear error."""
    with pytest.raises(PortTakenError, match=f"cannot listen on {host}, port {port}"):
        listen(host, port)
