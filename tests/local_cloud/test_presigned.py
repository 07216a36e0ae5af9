"""Presigned requests: what S3 refuses, the local cloud refuses as well, and then nothing is stored."""

import base64
import datetime as dt
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit
from xml.etree import ElementTree as ET

import boto3
import pytest
import urllib3
from botocore.config import Config

from local_cloud import presigned
from local_cloud.environment import PROJECT

from .conftest import QUEUE, AwsOnPort, aws_on_port, connect

BUCKET = "revmetrix-local-raw"
BODY = bytes(range(256)) * 2
MIB = 1024 * 1024


def checksum(body: bytes) -> str:
    """Return a body's SHA-256 as S3 has it in a header."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


@dataclass(frozen=True)
class Put:
    """A presigned PUT, to be sent as it is or tampered with."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = BODY
    method: str = "PUT"

    def with_header(self, name: str, value: str | None) -> "Put":
        """Change, add or (None) drop a header."""
        kept = {key: text for key, text in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers=kept if value is None else {**kept, name: value})

    def with_query(self, name: str, value: str | None) -> "Put":
        """Change, add or (None) drop a parameter of the query."""
        parts = urlsplit(self.url)
        query = [(key, text) for key, text in parse_qsl(parts.query) if key != name]
        changed = query if value is None else [*query, (name, value)]
        return replace(self, url=parts._replace(query=urlencode(changed)).geturl())

    def send(self) -> urllib3.BaseHTTPResponse:
        """Send it as a stranger's program does."""
        with urllib3.PoolManager(retries=False) as http:
            return http.request(self.method, self.url, body=self.body, headers=self.headers)


@dataclass
class Place:
    """A key in the raw bucket of an emulated AWS, where nothing is yet."""

    aws: AwsOnPort
    s3: Any
    key: str

    def ticket(self, body: bytes = BODY, signer: Any = None) -> Put:
        """Return leave to put `body` there, with everything signed that can be."""
        params = {
            "Bucket": BUCKET,
            "Key": self.key,
            "ContentType": "application/octet-stream",
            "ContentLength": len(body),
            "ChecksumAlgorithm": "SHA256",
            "ChecksumSHA256": checksum(body),
            "IfNoneMatch": "*",
        }
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(body)),
            "If-None-Match": "*",
            "x-amz-checksum-sha256": checksum(body),
            "x-amz-sdk-checksum-algorithm": "SHA256",
        }
        url = (signer or self.s3).generate_presigned_url("put_object", Params=params, ExpiresIn=600)
        return Put(url, headers, body)

    def versions(self) -> int:
        """Return how many versions there are of any object whose key begins like this one."""
        return len(self.s3.list_object_versions(Bucket=BUCKET, Prefix=self.key).get("Versions", []))

    def link(self, method: str = "get_object") -> str:
        """Return leave to read it."""
        return str(self.s3.generate_presigned_url(method, Params={"Bucket": BUCKET, "Key": self.key}))


def signer_of(aws: AwsOnPort, version: str, password: str) -> Any:
    """Return a client that signs in some way, closed when the emulated AWS ends."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key=password, region_name="us-east-1")
    made = session.client("s3", endpoint_url=aws.url, config=Config(signature_version=version))
    aws.exit.callback(made.close)
    return made


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[AwsOnPort, Any]]:
    """One emulated AWS for the whole module, and a client that signs as the app does."""
    with aws_on_port() as aws:
        yield aws, signer_of(aws, "s3v4", "local")


@pytest.fixture
def place(shared: tuple[AwsOnPort, Any]) -> Place:
    """A key of the test's own."""
    return Place(*shared, f"raw/{uuid.uuid4()}/shot")


def code_of(data: bytes) -> str:
    """Return the code of S3's error document."""
    return str(ET.fromstring(data).findtext("Code"))  # noqa: S314 - the emulator's own answer


def event_keys(aws: AwsOnPort) -> list[str]:
    """Return the keys that the processing queue's messages tell of."""
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    records = [record for one in messages for record in json.loads(one["Body"]).get("Records", [])]
    return [unquote_plus(record["s3"]["object"]["key"]) for record in records]


def test_an_untouched_ticket_is_taken_once(place: Place) -> None:
    """What was signed is stored, with its checksum and its event; a second time the object is there already."""
    put = place.ticket()
    assert put.send().status == 200
    stored = place.s3.get_object(Bucket=BUCKET, Key=place.key, ChecksumMode="ENABLED")
    assert (stored["Body"].read(), stored["ChecksumSHA256"]) == (BODY, checksum(BODY))
    assert event_keys(place.aws) == [place.key]
    again = put.send()
    assert (again.status, code_of(again.data)) == (412, "PreconditionFailed")
    assert place.versions() == 1


def _signed_for(put: Put, header: str) -> Put:
    """Leave a header out of the list of what is signed, and out of the request."""
    query = dict(parse_qsl(urlsplit(put.url).query))
    names = [name for name in query["X-Amz-SignedHeaders"].split(";") if name != header]
    return put.with_query("X-Amz-SignedHeaders", ";".join(names)).with_header(header, None)


OTHER = b"x" * len(BODY)
TAMPERED: dict[str, tuple[Callable[[Put], Put], int, str]] = {
    "another key": (lambda put: replace(put, url=put.url.replace("/shot?", "/shot2?")), 403, "SignatureDoesNotMatch"),
    "another bucket": (lambda put: replace(put, url=put.url.replace(BUCKET, "other")), 403, "SignatureDoesNotMatch"),
    "another length": (
        lambda put: replace(put, body=BODY + b"x").with_header("Content-Length", str(len(BODY) + 1)),
        403,
        "SignatureDoesNotMatch",
    ),
    "a shorter body": (
        lambda put: replace(put, body=BODY[:-1]).with_header("Content-Length", str(len(BODY) - 1)),
        403,
        "SignatureDoesNotMatch",
    ),
    "another body": (lambda put: replace(put, body=OTHER), 400, "BadDigest"),
    "another body with its own hash": (
        lambda put: replace(put, body=OTHER).with_header("x-amz-checksum-sha256", checksum(OTHER)),
        403,
        "SignatureDoesNotMatch",
    ),
    "no hash": (lambda put: put.with_header("x-amz-checksum-sha256", None), 403, "SignatureDoesNotMatch"),
    "no hash, and none in the list": (
        lambda put: _signed_for(put, "x-amz-checksum-sha256"),
        403,
        "SignatureDoesNotMatch",
    ),
    "a hash that is not in the list": (
        lambda put: _signed_for(put, "x-amz-checksum-sha256").with_header("x-amz-checksum-sha256", checksum(BODY)),
        403,
        "AccessDenied",
    ),
    "no If-None-Match": (lambda put: put.with_header("If-None-Match", None), 403, "SignatureDoesNotMatch"),
    "no If-None-Match, and none in the list": (
        lambda put: _signed_for(put, "if-none-match"),
        403,
        "SignatureDoesNotMatch",
    ),
    "another If-None-Match": (lambda put: put.with_header("If-None-Match", '"x"'), 403, "SignatureDoesNotMatch"),
    "another type": (lambda put: put.with_header("Content-Type", "text/html"), 403, "SignatureDoesNotMatch"),
    "an ACL beside": (lambda put: put.with_header("x-amz-acl", "public-read"), 403, "AccessDenied"),
    "another method": (lambda put: replace(put, method="POST"), 403, "SignatureDoesNotMatch"),
    "a longer life": (lambda put: put.with_query("X-Amz-Expires", "6000"), 403, "SignatureDoesNotMatch"),
    "a life without end": (
        lambda put: put.with_query("X-Amz-Expires", "604801"),
        400,
        "AuthorizationQueryParametersError",
    ),
    "a life that is no number": (
        lambda put: put.with_query("X-Amz-Expires", "-1"),
        400,
        "AuthorizationQueryParametersError",
    ),
    "another moment": (
        lambda put: put.with_query("X-Amz-Date", "x"),
        400,
        "AuthorizationQueryParametersError",
    ),
    "another algorithm": (
        lambda put: put.with_query("X-Amz-Algorithm", "none"),
        400,
        "AuthorizationQueryParametersError",
    ),
    "another's key id": (
        lambda put: put.with_query("X-Amz-Credential", "someone/20261124/us-east-1/s3/aws4_request"),
        403,
        "InvalidAccessKeyId",
    ),
    "another region": (
        lambda put: put.with_query("X-Amz-Credential", "local/20261124/eu-west-1/s3/aws4_request"),
        400,
        "AuthorizationQueryParametersError",
    ),
    "one more parameter": (lambda put: put.with_query("acl", ""), 403, "SignatureDoesNotMatch"),
    "another signature": (lambda put: put.with_query("X-Amz-Signature", "0" * 64), 403, "SignatureDoesNotMatch"),
    "no signature": (
        lambda put: put.with_query("X-Amz-Signature", None),
        400,
        "AuthorizationQueryParametersError",
    ),
    "two signatures": (
        lambda put: replace(put, url=put.url + "&X-Amz-Signature=0"),
        400,
        "AuthorizationQueryParametersError",
    ),
    "no authorization at all": (lambda put: replace(put, url=put.url.partition("?")[0]), 403, "AccessDenied"),
    "a second authorization": (lambda put: put.with_header("Authorization", "AWS x:y"), 400, "InvalidArgument"),
}


@pytest.mark.parametrize(("change", "status", "code"), TAMPERED.values(), ids=TAMPERED.keys())
def test_a_ticket_that_was_tampered_with_stores_nothing(
    place: Place, change: Callable[[Put], Put], status: int, code: str
) -> None:
    """Whatever is changed about a ticket, the request is refused as S3 refuses it, and no object is there."""
    refused = change(place.ticket()).send()
    assert (refused.status, code_of(refused.data)) == (status, code), refused.data
    assert place.versions() == 0
    assert place.ticket().send().status == 200


@pytest.mark.parametrize("hash_sent", ["", "AAAA", "%%%", hashlib.sha256(BODY).hexdigest()])
def test_a_hash_that_is_none_is_refused(place: Place, hash_sent: str) -> None:
    """A checksum header that holds no SHA-256 in base64 proves nothing, also when it is signed."""
    params = {"Bucket": BUCKET, "Key": place.key, "ChecksumSHA256": hash_sent, "ChecksumAlgorithm": "SHA256"}
    url = place.s3.generate_presigned_url("put_object", Params=params)
    headers = {"x-amz-checksum-sha256": hash_sent, "x-amz-sdk-checksum-algorithm": "SHA256"}
    refused = Put(url, headers).send()
    assert (refused.status, code_of(refused.data)) == (400, "InvalidRequest")
    assert place.versions() == 0


@pytest.mark.parametrize(("shift_s", "status"), [(-540, 200), (-602, 403), (840, 200), (960, 403)])
def test_a_ticket_has_its_time(place: Place, shift_s: int, status: int) -> None:
    """Ten minutes after it was signed a ticket is void; one from the future, clocks' differences aside, as well."""
    now = dt.datetime.now(dt.UTC)
    with patch("botocore.auth.get_current_datetime", lambda: now + dt.timedelta(seconds=shift_s)):
        put = place.ticket()
    answer = put.send()
    assert answer.status == status
    assert status == 200 or code_of(answer.data) == "AccessDenied"
    assert place.versions() == (status == 200)


def test_another_secret_and_an_older_signature_are_refused(place: Place) -> None:
    """Who does not know the secret cannot sign, and Signature Version 2 is not taken."""
    other = place.ticket(signer=signer_of(place.aws, "s3v4", "guessed")).send()
    assert (other.status, code_of(other.data)) == (403, "SignatureDoesNotMatch")
    older = place.ticket(signer=signer_of(place.aws, "s3", "local")).send()
    assert (older.status, code_of(older.data)) == (400, "InvalidRequest")
    assert place.versions() == 0


def test_a_body_without_a_length_is_refused(place: Place) -> None:
    """A ticket is signed for a length, and a chunked body tells none."""
    put = place.ticket().with_header("Content-Length", None)
    connection = connect(place.aws.url)
    path = put.url.removeprefix(place.aws.url)
    connection.request("PUT", path, body=iter([BODY]), headers=put.headers, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()
    assert place.versions() == 0


def test_reading_by_a_presigned_url(place: Place) -> None:
    """A presigned GET gives the object to anybody, and neither another object nor another method."""
    place.s3.put_object(Bucket=BUCKET, Key=place.key, Body=BODY)
    get = Put(place.link(), {}, b"", "GET")
    assert get.send().data == BODY
    assert replace(get, url=get.url.replace("shot", "other")).send().status == 403
    assert replace(get, method="DELETE").send().status == 403
    assert place.versions() == 1


def test_keys_of_any_letters_are_signed_alike(place: Place) -> None:
    """Whatever stands in a key is encoded as the signer encodes it, for keys that hold more than hexadecimal digits."""
    for key in ("a b", "a+b", "\u00e4\u20ac", "a%20b", "~-._'()*"):
        url = place.s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key})
        assert Put(url, {}, key.encode()).send().status == 200, key
        assert place.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode()


def test_the_credentials_are_those_of_the_stage() -> None:
    """What the app signs with in the stage `local` is what the local cloud checks with."""
    stage = json.loads((PROJECT / ".chalice" / "config.json").read_text())["stages"]["local"]
    variables = stage["environment_variables"]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    expected = (presigned.ACCESS_KEY, presigned.SECRET_KEY, presigned.REGION)
    assert tuple(variables[name] for name in names) == expected


def test_the_largest_capture_passes(place: Place) -> None:
    """64 MiB are taken and given back bit for bit by the same endpoint."""
    body = os.urandom(64 * MIB)
    assert place.ticket(body).send().status == 200
    given = Put(place.link(), {}, b"", "GET").send()
    assert (given.status, hashlib.sha256(given.data).digest()) == (200, hashlib.sha256(body).digest())
