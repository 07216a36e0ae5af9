"""The raw bucket in S3: objects are written once, under a key that the server makes, and never changed.

Only one whose bytes are not what its key says is ever removed, and only by the function that found it out
(`object_versions` apart: what an erasure removes).
"""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.captures import rows
from chalicelib.jitter import JITTER
from chalicelib.settings import region, settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PREFIX = "raw"
_MEDIA_TYPE = "application/octet-stream"
_ANOTHER_TRY_MAY_DO = "ConditionalRequestConflict"
_IT_IS_THERE = "PreconditionFailed"
_TRIES = 5
_LONGEST_PAUSE_S = 0.5
LINK_LIFETIME_S = 600
"""A presigned request must have begun by then; S3 lets one that has begun run on."""
CHUNK_BYTES = 1024 * 1024

object_key = rows.object_key


class ObjectDiffersError(Exception):
    """Another object is there under this key: the raw bucket was written by someone else."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was found.

    Attributes:
        size_bytes: How many bytes it has.
        etag: S3's name of exactly these bytes.
        chunks: The bytes, to be read once.
    """

    size_bytes: int
    etag: str
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class PresignedPut:
    """A request that S3 carries out without another credential.

    Attributes:
        url: Where.
        headers: The headers that are signed, and so must be sent as they are.
        expires_at: It must have begun by then.
    """

    url: str
    headers: dict[str, str]
    expires_at: datetime


def parse_object_key(key: str) -> tuple[str, str] | None:
    """Return the place and the hash of a key, None for an object that is no capture."""
    prefix, _, rest = key.partition("/")
    place, _, sha256 = rest.rpartition("/")
    return (place, sha256) if prefix == _PREFIX and place and len(sha256) == 64 else None  # noqa: PLR2004 - SHA-256 in hex


def put_once(key: str, data: bytes, sha256: str) -> None:
    """Write an object, or find that it is there already.

    Args:
        key: From `object_key`.
        data: The bytes.
        sha256: Their SHA-256 in hex; S3 checks it against what arrives.

    Raises:
        ObjectDiffersError: There is another object under the key.
        ClientError: S3 refused or could not.
    """
    checksum = _checksum(sha256)
    for tries_left in reversed(range(_TRIES)):
        try:
            _client().put_object(
                Bucket=settings().raw_bucket,
                Key=key,
                Body=data,
                ContentType=_MEDIA_TYPE,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=checksum,
                IfNoneMatch="*",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == _IT_IS_THERE:
                _require_same(key, checksum)
                return
            if code != _ANOTHER_TRY_MAY_DO or not tries_left:
                raise
            time.sleep(JITTER.uniform(0, _LONGEST_PAUSE_S))
        else:
            return


def _require_same(key: str, checksum: str) -> None:
    there = _client().head_object(Bucket=settings().raw_bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumSHA256")
    if there != checksum:
        raise ObjectDiffersError(f"{key}: the object there has the SHA-256 {there}, not {checksum}")


def _checksum(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def open_object(key: str) -> StoredObject | None:
    """Return an object to be read piece by piece, None when there is no such object."""
    try:
        found = _client().get_object(Bucket=settings().raw_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    return StoredObject(found["ContentLength"], found["ETag"], found["Body"].iter_chunks(CHUNK_BYTES))


def get(key: str) -> bytes | None:
    """Return an object's bytes, None when there is no such object."""
    found = open_object(key)
    return None if found is None else b"".join(found.chunks)


def is_there(key: str) -> bool:
    """Return whether there is an object under a key."""
    return arrived_at(key) is not None


def arrived_at(key: str) -> datetime | None:
    """Return when S3 took the object under a key; None when there is none."""
    try:
        return _client().head_object(Bucket=settings().raw_bucket, Key=key)["LastModified"]
    except ClientError as error:
        # An answer to HEAD has no body, and so no better code than its status.
        if error.response["Error"]["Code"] == "404":
            return None
        raise


def remove(key: str, etag: str) -> None:
    """Remove an object, if it is still the one of this ETag; one that is gone or was replaced is left alone.

    The bucket keeps versions, so what is removed is out of the set and can still be looked into by its operator.
    """
    try:
        _client().delete_object(Bucket=settings().raw_bucket, Key=key, IfMatch=etag)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {_IT_IS_THERE, "NoSuchKey"}:
            raise


def presign_put(key: str, size_bytes: int, sha256: str) -> PresignedPut:
    """Return leave to write exactly these bytes under a key where nothing is yet (Signature Version 4)."""
    expires_at = datetime.now(UTC) + timedelta(seconds=LINK_LIFETIME_S)
    checksum = _checksum(sha256)
    url = _client().generate_presigned_url(
        "put_object",
        Params={
            "Bucket": settings().raw_bucket,
            "Key": key,
            "ContentType": _MEDIA_TYPE,
            "ContentLength": size_bytes,
            "ChecksumAlgorithm": "SHA256",
            "ChecksumSHA256": checksum,
            "IfNoneMatch": "*",
        },
        ExpiresIn=LINK_LIFETIME_S,
    )
    headers = {
        "Content-Type": _MEDIA_TYPE,
        "Content-Length": str(size_bytes),
        "If-None-Match": "*",
        "x-amz-checksum-sha256": checksum,
        "x-amz-sdk-checksum-algorithm": "SHA256",
    }
    return PresignedPut(url, headers, expires_at)


def presign_get(key: str) -> tuple[str, datetime]:
    """Return where an object can be read without another credential, and until when that may begin."""
    expires_at = datetime.now(UTC) + timedelta(seconds=LINK_LIFETIME_S)
    # The type and encoding are ours, whatever was sent with the object: its bytes are read as they are.
    params = {
        "Bucket": settings().raw_bucket,
        "Key": key,
        "ResponseContentType": _MEDIA_TYPE,
        "ResponseContentEncoding": "identity",
    }
    return _client().generate_presigned_url("get_object", Params=params, ExpiresIn=LINK_LIFETIME_S), expires_at


@cache
def _client() -> "S3Client":
    config = Config(
        # By itself boto3 presigns with Version 2, which leaves headers unsigned, and for the host of all regions, which
        # redirects to any region but its first: and whoever holds a ticket follows no redirect.
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return boto3.client("s3", region_name=region(), config=config)
