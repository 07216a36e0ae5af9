"""What the gateway refuses by itself, as a page of another origin sees it."""

import contextlib
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPMessage
from urllib.parse import urlsplit

import pytest
from chalice.app import Chalice, CORSConfig

from chalicelib.preflight import cors
from local_cloud.connections import listen, url_of
from local_cloud.environment import applied, local_environment
from local_cloud.gateway import LARGEST_BODY_BYTES, ApiServer, serving

from .conftest import connect

ORIGIN = "https://app.example"
READABLE = "Access-Control-Allow-Origin"
REFUSED = [("GET", "/nowhere", 403), ("PUT", "/size", 403), ("POST", "/size", 413), ("GET", "/raise", 500)]


def app_with(allowed: CORSConfig | None) -> Chalice:
    """Return an app whose routes may be used as `allowed` says."""
    app = Chalice("cors")

    @app.route("/size", methods=["POST"], cors=allowed)
    def size() -> dict[str, int]:
        return {"bytes": 0}

    @app.route("/raise", cors=allowed)
    def fail() -> None:
        raise SystemExit(3)

    return app


@contextlib.contextmanager
def served(allowed: CORSConfig | None) -> Iterator[str]:
    """Serve the app; the value is its URL."""
    listener = listen("127.0.0.1", 0)
    with serving(app_with(allowed)) as app:
        server = ApiServer(listener, app, access_log=False)
        server.start()
        try:
            yield url_of(listener)
        finally:
            server.stop()


def refusals_of(url: str) -> list[HTTPMessage]:
    """Return the headers of each refusal that a served app's gateway has."""
    seen = []
    with closing(connect(url)) as connection:
        for method, path, status in REFUSED:
            body = b"x" * (LARGEST_BODY_BYTES + 1) if status == 413 else None
            connection.request(method, path, body, {"Origin": ORIGIN, "Content-Type": "application/json"})
            response = connection.getresponse()
            assert json.loads(response.read())["status"] == response.status == status
            seen.append(response.headers)
    return seen


@pytest.mark.parametrize("origin", ["*", ORIGIN])
def test_a_page_of_the_stages_origin_reads_each_refusal(origin: str) -> None:
    """An unknown route or method, a body too large and a function's end name the stage's origin once."""
    with served(CORSConfig(allow_origin=origin)) as url:
        assert [headers.get_all(READABLE) for headers in refusals_of(url)] == [[origin]] * len(REFUSED)


def test_without_an_origin_no_page_reads_a_refusal() -> None:
    """A stage that no other origin may use names none in its refusals either."""
    with served(None) as url:
        assert [headers.get_all(READABLE) for headers in refusals_of(url)] == [None] * len(REFUSED)


def test_what_is_no_request_names_the_origin_too() -> None:
    """A request that http.server itself cannot read is refused in a form that a page can read."""
    with served(CORSConfig(allow_origin=ORIGIN)) as url:
        place = urlsplit(url)
        assert place.hostname
        assert place.port
        with socket.create_connection((place.hostname, place.port), timeout=20) as client:
            client.sendall(b"BREW /size HTTP/1.1\r\n\r\n")
            head = client.makefile("rb").read().partition(b"\r\n\r\n")[0]
    assert f"\r\n{READABLE}: {ORIGIN}".encode() in head


def test_the_local_stage_lets_every_page_read_its_refusals() -> None:
    """The stage `local` gives the gateway's refusals the origin that .chalice/config.json names for its answers."""
    with applied(local_environment("http://127.0.0.1:9")):
        stage = cors([])
    with served(stage) as url:
        assert [headers.get_all(READABLE) for headers in refusals_of(url)] == [["*"]] * len(REFUSED)
