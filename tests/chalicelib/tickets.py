"""Uploads by ticket as tests make them: asking, putting, and the cloud held still meanwhile."""

import contextlib
import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import urllib3

from chalicelib.call import Caller
from chalicelib.captures import arrival, bucket, store, uploads
from chalicelib.captures.items import CaptureItem, TicketItem
from chalicelib.captures.model import Provenance, UploadRequest, UploadTicket
from chalicelib.settings import settings
from smartdot import FirstPage, MemoryImage, RecordHeader, RecordWriter, SampleType, Sensor, SensorKind, Version
from tests.api import Answer, Bowler
from tests.chalicelib.people import new_user_id
from tests.throws import Throw

CLAIM = Provenance(device="SD-7", record=41)
_FAST = Sensor(SensorKind.GYRO, 3, SampleType.INT16, 1_000_000, 16.4, 2000.0, -32768, 32767)
_SAMPLE_BYTES = 6
_PAYLOAD_OF_PAGE = 0.82


def sha256_of(data: bytes) -> str:
    """Return the id of a capture."""
    return hashlib.sha256(data).hexdigest()


def new_capture() -> bytes:
    """Return a capture that no other test has."""
    return Throw(duration_s=0.5, record=uuid.uuid4().int % (2**32 - 1) + 1).capture()


def large_capture(size_bytes: int) -> bytes:
    """Return a whole capture of at least so many bytes, of one fast gyroscope."""
    header = RecordHeader(uuid.uuid4().int % (2**32 - 1) + 1, 1_000, 1_000_000, (_FAST,))
    writer = RecordWriter(header)
    for index in range(round(size_bytes / _SAMPLE_BYTES / _PAYLOAD_OF_PAGE)):
        writer.add(0, 1_000 + index * 1_000, (1, 2, 3))
    pages = writer.finish()
    memory = MemoryImage.blank(FirstPage("SD-FAST", Version(1, 0, 0), Version(1, 0, 0), len(pages) + 8, 4))
    memory.store_record(pages)
    return memory.capture(header.record)


def ask(bowler: Bowler, data: bytes, **fields: Any) -> Answer:
    """Ask for leave to upload, over HTTP."""
    wanted = {"sha256": sha256_of(data), "size_bytes": len(data), **fields}
    return bowler("POST", "/v1/captures/uploads", json=wanted)


def put(ticket: Any, data: bytes) -> int:
    """Send the bytes as a ticket says, as a stranger's program does, and return S3's status."""
    with urllib3.PoolManager(retries=False) as http:
        return http.request(ticket["method"], ticket["url"], body=data, headers=ticket["headers"]).status


class Account:
    """An account whose user does nothing: the service as API and algorithm unit use it, with no event of its own."""

    def __init__(self) -> None:
        self.caller = Caller(user_id=new_user_id(), login_id="login")
        self.user_id = self.caller.user_id

    def ask(self, data: bytes, provenance: Provenance | None = CLAIM) -> Any:
        """Ask for a ticket."""
        return uploads.request(self.caller, UploadRequest(sha256_of(data), len(data), provenance))

    def put(self, data: bytes, *, named: bytes | None = None) -> str:
        """Write an object under the key of the bytes `named`, its own by default, and return its id."""
        capture_id = sha256_of(data if named is None else named)
        with objects() as client:
            key = bucket.object_key(self.user_id, capture_id)
            client.put_object(Bucket=settings().raw_bucket, Key=key, Body=data, ChecksumAlgorithm="SHA256")
        return capture_id

    def arrive(self, data: bytes, *, named: bytes | None = None) -> str:
        """Ask for a ticket and write the object."""
        assert isinstance(self.ask(data if named is None else named), UploadTicket)
        return self.put(data, named=named)

    def verify(self, capture_id: str) -> str | None:
        """Let the object be looked at and return the state."""
        found = arrival.verify(self.user_id, capture_id)
        return None if found is None else found.state

    def rows(self) -> list[CaptureItem]:
        """Return all rows."""
        return list(CaptureItem.query(store.partition(self.user_id), CaptureItem.sk.startswith("C#")))

    def has_object(self, capture_id: str) -> bool:
        """Return whether there is an object."""
        return bucket.is_there(bucket.object_key(self.user_id, capture_id))

    def remove_object(self, capture_id: str) -> None:
        """Remove the object, as an operator might."""
        with objects() as client:
            client.delete_object(Bucket=settings().raw_bucket, Key=bucket.object_key(self.user_id, capture_id))

    def expire(self, capture_id: str) -> None:
        """Let the ticket's time be over."""
        ticket = store.find_ticket(self.user_id, capture_id)
        assert ticket is not None
        ticket.update(actions=[TicketItem.open_until.set(1)])


@contextlib.contextmanager
def objects() -> Iterator[Any]:
    """A client of S3 as an operator has it."""
    with contextlib.closing(boto3.client("s3", region_name=settings().region)) as client:
        yield client


@contextlib.contextmanager
def without_events() -> Iterator[None]:
    """Let the bucket tell nobody of new objects, so that only the test looks at them."""
    with objects() as client:
        name = settings().raw_bucket
        configuration = client.get_bucket_notification_configuration(Bucket=name)
        configuration.pop("ResponseMetadata", None)
        client.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={})
        try:
            yield
        finally:
            client.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=configuration)
