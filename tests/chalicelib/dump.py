"""Everything that the cloud holds, read by an operator with every right: tables, buckets with all versions, queues."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.settings import settings


def everything() -> Iterator[tuple[str, bytes]]:
    """Yield each item and each object of the cloud, with where it stands."""
    yield from _items()
    yield from _objects(settings().raw_bucket)
    yield from _objects(settings().export_bucket)


def holding(texts: list[str]) -> list[tuple[str, str]]:
    """Return where any of some texts stands, in whatever capitals, with the text."""
    wanted = [text.lower().encode() for text in texts]
    return [
        (place, text.decode())
        for place, content in everything()
        for text in wanted
        if text in content.lower() or text in place.lower().encode()
    ]


@contextlib.contextmanager
def client(service: Any, **settings_of_its_own: Any) -> Iterator[Any]:
    """A client as an operator has it."""
    with contextlib.closing(boto3.client(service, region_name=settings().region, **settings_of_its_own)) as made:
        yield made


def _items() -> Iterator[tuple[str, bytes]]:
    with client("dynamodb") as dynamodb:
        for table in dynamodb.list_tables()["TableNames"]:
            for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
                for item in page["Items"]:
                    key = f"{table} {item['pk']['S']} {item['sk']['S']}"
                    yield key, json.dumps(item, default=str, ensure_ascii=False).encode()


def _objects(bucket: str) -> Iterator[tuple[str, bytes]]:
    # Tests of rotten objects leave some behind, which are read here as they are.
    as_it_is = Config(response_checksum_validation="when_required")
    with client("s3", config=as_it_is) as s3:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for marker in page.get("DeleteMarkers", []):
                yield f"{bucket} {marker['Key']} marker", b""
            for version in page.get("Versions", []):
                where = {"Bucket": bucket, "Key": version["Key"]}
                if version["VersionId"] != "null":
                    where["VersionId"] = version["VersionId"]
                yield f"{bucket} {version['Key']} {version['VersionId']}", s3.get_object(**where)["Body"].read()
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in page.get("Uploads", []):
                yield f"{bucket} {upload['Key']} upload", b""
