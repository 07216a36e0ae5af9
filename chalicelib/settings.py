"""What the environment decides, read when it is first needed.

Chalice sets the stage's variables at different moments (before the import on Lambda and in `chalice local`, around
each call in `chalice.test`), so nothing here is read at import.
"""

import os
from dataclasses import dataclass
from functools import cache

LARGEST_INLINE_CAPTURE_BYTES = 4 * 1024 * 1024
"""A Lambda request may hold 6 MB with its base64, so about 4.5 MB raw: the inline limit stays below that."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of the stage's resources.

    Attributes:
        stage: The name that every resource carries: `revmetrix-<stage>-...`.
        region: The region of the resources.
        accounts_table: The User database's table.
        captures_table: The Raw database's index.
        raw_bucket: The Raw database's bucket.
        processing_queue: The queue that tells of new objects in the bucket.
        signing_keys_secret: The secret that holds the keys of the access tokens.
    """

    stage: str
    region: str
    accounts_table: str
    captures_table: str
    raw_bucket: str
    processing_queue: str
    signing_keys_secret: str


def region() -> str:
    """Return the region of the resources: AWS_REGION or AWS_DEFAULT_REGION, by default `us-east-1`."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


@cache
def settings() -> Settings:
    """Return the settings of this process, read once from the environment, as `read_settings` gives them."""
    return read_settings()


def read_settings() -> Settings:
    """Return what the environment says now.

    Variables: STAGE (default `local`), RAW_BUCKET (default `revmetrix-<stage>-raw`), and those of `region`.
    """
    stage = os.environ.get("STAGE", "local")
    return Settings(
        stage=stage,
        region=region(),
        accounts_table=f"revmetrix-{stage}-accounts",
        captures_table=f"revmetrix-{stage}-captures",
        raw_bucket=os.environ.get("RAW_BUCKET") or f"revmetrix-{stage}-raw",
        processing_queue=f"revmetrix-{stage}-processing",
        signing_keys_secret=f"revmetrix-{stage}-signing-keys",
    )
