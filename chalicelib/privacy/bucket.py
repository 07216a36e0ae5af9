"""The bucket of exports in S3: archives, and how far each of them is. Everything in it expires after 7 days."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.settings import region, settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

LINK_LIFETIME_S = 600
FILE_NAME = "revmetrix-export.zip"


def archive_key(user_id: str, export_id: str) -> str:
    """Return the key of an archive."""
    return f"{user_id}/{export_id}/{FILE_NAME}"


def progress_key(user_id: str, export_id: str) -> str:
    """Return the key of what is kept while an archive is being written."""
    return f"{user_id}/{export_id}/progress.json"


def begin(key: str) -> str:
    """Begin an object in parts and return S3's name of the upload."""
    begun = _client().create_multipart_upload(Bucket=_bucket(), Key=key, ContentType="application/zip")
    return begun["UploadId"]


def put_part(key: str, upload_id: str, number: int, data: bytes) -> str:
    """Write a part, in the place of one of the same number, and return S3's name of these bytes."""
    part = _client().upload_part(Bucket=_bucket(), Key=key, UploadId=upload_id, PartNumber=number, Body=data)
    return part["ETag"]


def complete(key: str, upload_id: str, etags: list[str]) -> None:
    """Make the object of its parts; what was completed before stays so.

    Raises:
        ClientError: S3 refused, and the object is not there.
    """
    parts: list[CompletedPartTypeDef] = [
        {"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)
    ]
    try:
        _client().complete_multipart_upload(
            Bucket=_bucket(), Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload" or not is_there(key):
            raise


def is_there(key: str) -> bool:
    """Return whether there is an object under a key."""
    try:
        _client().head_object(Bucket=_bucket(), Key=key)
    except ClientError as error:
        # An answer to HEAD has no body, and so no better code than its status.
        if error.response["Error"]["Code"] == "404":
            return False
        raise
    return True


def put(key: str, data: bytes) -> None:
    """Write a small object, in the place of the last one."""
    _client().put_object(Bucket=_bucket(), Key=key, Body=data)


def get(key: str) -> bytes | None:
    """Return a small object, None when there is none."""
    try:
        return _client().get_object(Bucket=_bucket(), Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise


def remove(key: str) -> None:
    """Remove an object."""
    _client().delete_object(Bucket=_bucket(), Key=key)


def remove_all(user_id: str) -> None:
    """Remove everything of a user, what is still being written too."""
    client, prefix = _client(), f"{user_id}/"
    for uploads in client.get_paginator("list_multipart_uploads").paginate(Bucket=_bucket(), Prefix=prefix):
        for upload in uploads.get("Uploads", []):
            _abort(upload["Key"], upload["UploadId"])
    for listed in client.get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=prefix):
        for found in listed.get("Contents", []):
            remove(found["Key"])


def _abort(key: str, upload_id: str) -> None:
    try:
        _client().abort_multipart_upload(Bucket=_bucket(), Key=key, UploadId=upload_id)
    except ClientError as error:
        # Aborted before, perhaps by this very call, whose reply was lost.
        if error.response["Error"]["Code"] != "NoSuchUpload":
            raise


def presign_get(key: str) -> tuple[str, datetime]:
    """Return where an object can be read without another credential, and until when that may begin."""
    expires_at = datetime.now(UTC) + timedelta(seconds=LINK_LIFETIME_S)
    params = {
        "Bucket": _bucket(),
        "Key": key,
        "ResponseContentDisposition": f'attachment; filename="{FILE_NAME}"',
    }
    return _client().generate_presigned_url("get_object", Params=params, ExpiresIn=LINK_LIFETIME_S), expires_at


def _bucket() -> str:
    return settings().export_bucket


@cache
def _client() -> "S3Client":
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        connect_timeout=2,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return boto3.client("s3", region_name=region(), config=config)
