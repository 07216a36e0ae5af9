"""That the cloud which tests share is left as it was found."""

import uuid

from chalicelib.accounts.items import UserItem
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from tests.chalicelib import dump
from tests.chalicelib.people import new_user_id
from tests.chalicelib.tickets import without_events
from tests.tidying import tidied


def test_what_came_is_taken_out_and_what_was_there_stays(cloud: LocalCloud) -> None:
    """Items, objects with their versions and delete markers, and open uploads go; those of before are untouched."""
    bucket, name = settings().raw_bucket, uuid.uuid4().hex
    before, kept = new_user_id(), f"raw/{name}/kept"
    with without_events(), dump.client("s3") as s3:
        s3.put_object(Bucket=bucket, Key=kept, Body=b"1")
        whole = sorted(dump.everything())
        with tidied(cloud):
            UserItem(f"U#{before}", "BESIDE", username=name, email="", password_hash="", created_at="").save()
            new_user_id()
            for key in ("put", "put", "removed"):
                s3.put_object(Bucket=bucket, Key=f"raw/{name}/{key}", Body=b"2")
            s3.delete_object(Bucket=bucket, Key=f"raw/{name}/removed")
            s3.create_multipart_upload(Bucket=settings().export_bucket, Key=name)
            assert len(sorted(dump.everything())) == len(whole) + 8
    assert sorted(dump.everything()) == whole
