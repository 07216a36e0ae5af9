"""How long what is in the buckets stays: raw data for ever, what was taken out of it and archives for a while."""

from typing import Any

import yaml

from local_cloud.cloud import TEMPLATE


def _rules(bucket: str) -> list[dict[str, Any]]:
    properties = yaml.safe_load(TEMPLATE.read_text())["Resources"][bucket]["Properties"]
    rules: list[dict[str, Any]] = properties["LifecycleConfiguration"]["Rules"]
    return [rule for rule in rules if rule["Status"] == "Enabled"]


def test_no_raw_object_expires() -> None:
    """A rule of the raw bucket removes versions that were taken out 30 days before, their marks, and nothing else."""
    (rule,) = _rules("RawBucket")
    assert rule.keys() == {"Id", "Status", "Prefix", "NoncurrentVersionExpiration", "ExpiredObjectDeleteMarker"}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def test_archives_expire() -> None:
    """An export is removed after 7 days, and what was half written before."""
    (rule,) = _rules("ExportBucket")
    assert (rule["Prefix"], rule["ExpirationInDays"]) == ("", 7)
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] < 7
