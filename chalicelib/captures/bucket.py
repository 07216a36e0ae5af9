"""The raw bucket in S3: objects are written once, under a key that the server makes, and never changed."""

import base64
import random
import time
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.settings import region, settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PREFIX = "raw"
_ANOTHER_TRY_MAY_DO = "ConditionalRequestConflict"
_IT_IS_THERE = "PreconditionFailed"
_TRIES = 5
_LONGEST_PAUSE_S = 0.5


class ObjectDiffersError(Exception):
    """Another object is there under this key: the raw bucket was written by someone else."""


def object_key(user_id: str, sha256: str) -> str:
    """Return the key of a user's capture: `raw/<user>/<sha256>`."""
    return f"{_PREFIX}/{user_id}/{sha256}"


def parse_object_key(key: str) -> tuple[str, str] | None:
    """Return the user and the hash of a key, None for an object that is no capture."""
    prefix, _, rest = key.partition("/")
    user_id, _, sha256 = rest.partition("/")
    return (user_id, sha256) if prefix == _PREFIX and user_id and len(sha256) == 64 else None  # noqa: PLR2004 - SHA-256 in hex


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
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    for tries_left in reversed(range(_TRIES)):
        try:
            _client().put_object(
                Bucket=settings().raw_bucket,
                Key=key,
                Body=data,
                ContentType="application/octet-stream",
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
            time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - jitter is no secret
        else:
            return


def _require_same(key: str, checksum: str) -> None:
    there = _client().head_object(Bucket=settings().raw_bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumSHA256")
    if there != checksum:
        raise ObjectDiffersError(f"{key}: the object there has the SHA-256 {there}, not {checksum}")


def get(key: str) -> bytes | None:
    """Return an object's bytes, None when there is no such object."""
    try:
        return _client().get_object(Bucket=settings().raw_bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise


@cache
def _client() -> "S3Client":
    config = Config(
        signature_version="s3v4",
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return boto3.client("s3", region_name=region(), config=config)
