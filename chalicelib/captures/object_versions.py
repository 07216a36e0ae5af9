"""The raw bucket with its versions, for the one function that exports them and removes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.settings import region, settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef, ObjectIdentifierTypeDef

CHUNK_BYTES = 1024 * 1024


class NotRemovedError(Exception):
    """S3 did not remove every version that it was told to; the job is repeated."""


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """A version of an object; the one that is not the latest was removed, and only an operator sees it.

    Attributes:
        key: The object's key.
        version_id: S3's name of the version.
        size_bytes: How many bytes it has.
        is_latest: Whether it is the object.
    """

    key: str
    version_id: str
    size_bytes: int
    is_latest: bool


def versions(prefix: str, after: tuple[str, str] | None = None) -> Iterator[ObjectVersion]:
    """Yield every version of the objects whose keys begin so, behind the key and version given; no delete markers."""
    for listed in _version_pages(prefix, after):
        for each in listed.get("Versions", []):
            yield ObjectVersion(each["Key"], each["VersionId"], each["Size"], each["IsLatest"])


def _version_pages(prefix: str, after: tuple[str, str] | None = None) -> Iterator["ListObjectVersionsOutputTypeDef"]:
    while True:
        if after is None:
            listed = _client().list_object_versions(Bucket=settings().raw_bucket, Prefix=prefix)
        else:
            listed = _client().list_object_versions(
                Bucket=settings().raw_bucket, Prefix=prefix, KeyMarker=after[0], VersionIdMarker=after[1]
            )
        yield listed
        if not listed.get("IsTruncated"):
            return
        after = (listed["NextKeyMarker"], listed["NextVersionIdMarker"])


def open_version(version: ObjectVersion) -> Iterator[bytes] | None:
    """Return the bytes of a version, to be read once; None when it is gone."""
    try:
        found = _client().get_object(Bucket=settings().raw_bucket, Key=version.key, VersionId=version.version_id)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchVersion"}:
            return None
        raise
    return found["Body"].iter_chunks(CHUNK_BYTES)


def remove_for_good(prefix: str) -> None:
    """Remove every version of the objects whose keys begin so, and their delete markers.

    Raises:
        NotRemovedError: S3 refused some of it.
    """
    for listed in _version_pages(prefix):
        found = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        going: list[ObjectIdentifierTypeDef] = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        if not going:
            continue
        done = _client().delete_objects(Bucket=settings().raw_bucket, Delete={"Objects": going, "Quiet": True})
        if errors := done.get("Errors"):
            raise NotRemovedError(f"{len(errors)} versions under {prefix} are left, the first because {errors[0]}")


@cache
def _client() -> "S3Client":
    config = Config(connect_timeout=2, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("s3", region_name=region(), config=config)
