"""What the template says of the protection of data, and what each function's policy names, line by line."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cloud.cloud import TEMPLATE

CHALICE = Path(__file__).parents[2] / ".chalice"
FUNCTIONS = {"api": "policy-prod", "process-capture": "policy-prod-process-capture", "run-job": "policy-prod-run-job"}
ENTRIES = {"APIHandler": "api", "ProcessCapture": "process-capture", "RunJob": "run-job"}
NAMED = {
    "dynamodb": r"table/revmetrix-prod-(accounts(/index/by_username)?|audit|captures(/index/by_received)?"
    r"|scorebook(/index/by_(seq|tree))?)",
    "s3": r"revmetrix-prod-raw(/raw/\*)?|revmetrix-prod-raw-exports(/\*)?",
    "sqs": r"revmetrix-prod-(processing|jobs)",
    "secretsmanager": r"secret:revmetrix-prod-signing-keys-\*",
    # Any identity, for a condition names the sender (test_mails_come_from_one_address).
    "ses": r"identity/\*",
    "logs": r"log-group:/revmetrix/prod/(api|process-capture|run-job):\*",
}
"""What each service's resources may be called in a policy: all that belongs to the stage, and nothing beside it."""


def _resources(kind: str) -> dict[str, dict[str, Any]]:
    found = yaml.safe_load(TEMPLATE.read_text())["Resources"]
    return {name: each["Properties"] for name, each in found.items() if each.get("Type") == f"AWS::{kind}"}


def _statements(policy: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads((CHALICE / f"{policy}.json").read_text())["Statement"]
    return statements


def _named(statement: dict[str, Any]) -> list[str]:
    resources = statement["Resource"]
    return [resources] if isinstance(resources, str) else resources


@pytest.mark.parametrize("bucket", ["RawBucket", "ExportBucket"])
def test_a_bucket_is_nobodys_but_ours_and_encrypted(bucket: str) -> None:
    """All four blocks of public access are on, and what is put is encrypted."""
    assert _resources("S3::Bucket").keys() == {"RawBucket", "ExportBucket"}
    properties = _resources("S3::Bucket")[bucket]
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert properties["PublicAccessBlockConfiguration"] == dict.fromkeys(blocks, True)
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_raw_objects_have_versions() -> None:
    """What is removed or replaced in the raw bucket leaves its version behind."""
    assert _resources("S3::Bucket")["RawBucket"]["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("bucket", ["RawBucket", "ExportBucket"])
def test_a_bucket_is_reached_by_tls_alone(bucket: str) -> None:
    """Whoever asks for whatever of it without TLS is refused, whatever else is allowed."""
    policies = [each for each in _resources("S3::BucketPolicy").values() if each["Bucket"] == {"Ref": bucket}]
    (rule,) = [rule for each in policies for rule in each["PolicyDocument"]["Statement"] if rule["Sid"] == "TlsOnly"]
    assert (rule["Effect"], rule["Principal"], rule["Action"]) == ("Deny", "*", "s3:*")
    assert rule["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    name = "${RawBucketName}" if bucket == "RawBucket" else "${RawBucketName}-exports"
    assert rule["Resource"] == [{"Fn::Sub": f"arn:aws:s3:::{name}"}, {"Fn::Sub": f"arn:aws:s3:::{name}/*"}]


def test_raw_objects_are_made_once() -> None:
    """The bucket itself refuses a PUT of a raw object that does not say that nothing may be there."""
    policies = _resources("S3::BucketPolicy")["RawBucketPolicy"]["PolicyDocument"]["Statement"]
    (rule,) = [rule for rule in policies if rule["Sid"] == "CreateOnly"]
    assert (rule["Effect"], rule["Principal"], rule["Action"]) == ("Deny", "*", "s3:PutObject")
    assert rule["Resource"] == {"Fn::Sub": "arn:aws:s3:::${RawBucketName}/raw/*"}
    assert rule["Condition"] == {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}


@pytest.mark.parametrize("table", ["AccountsTable", "AuditTable", "CapturesTable", "ScorebookTable"])
def test_a_table_can_be_restored_and_is_encrypted(table: str) -> None:
    """Every table can be brought back to any moment of 35 days, is encrypted, and is not deleted by mistake."""
    assert _resources("DynamoDB::Table").keys() == {"AccountsTable", "AuditTable", "CapturesTable", "ScorebookTable"}
    properties = _resources("DynamoDB::Table")[table]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["DeletionProtectionEnabled"] is True


def test_what_cannot_be_made_again_is_kept_when_the_stack_goes() -> None:
    """Tables, the raw bucket and the signing keys stay when the stack is deleted or replaces them."""
    resources = yaml.safe_load(TEMPLATE.read_text())["Resources"]
    for name in ("AccountsTable", "AuditTable", "CapturesTable", "ScorebookTable", "RawBucket", "SigningKeys"):
        policies = (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"])
        assert policies == ("RetainExceptOnCreate", "Retain"), name


def test_queues_are_encrypted() -> None:
    """Messages, which name users and captures, are encrypted in every queue, dead letters too."""
    queues = _resources("SQS::Queue")
    assert len(queues) == 4
    assert [name for name, properties in queues.items() if properties.get("SqsManagedSseEnabled") is not True] == []


@pytest.mark.parametrize("entry", sorted(ENTRIES))
def test_a_functions_log_is_its_own_and_forgets(entry: str) -> None:
    """Each function writes into a group of its own, which keeps lines for 30 days, and may write into no other."""
    name, groups = ENTRIES[entry], _resources("Logs::LogGroup")
    config = yaml.safe_load(TEMPLATE.read_text())["Resources"][entry]["Properties"]["LoggingConfig"]
    group = groups[config["LogGroup"]["Ref"]]
    assert group == {"LogGroupName": {"Fn::Sub": f"/revmetrix/${{Stage}}/{name}"}, "RetentionInDays": 30}
    (logs,) = [each for each in _statements(FUNCTIONS[name]) if "logs:PutLogEvents" in each["Action"]]
    assert _named(logs) == [f"arn:*:logs:*:*:log-group:/revmetrix/prod/{name}:*"]
    assert logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


@pytest.mark.parametrize("policy", sorted(FUNCTIONS.values()))
def test_a_policy_names_what_it_is_about(policy: str) -> None:
    """No statement reaches beyond the stage's own tables, buckets, queues, secret and logs by a star in their place."""
    for statement in _statements(policy):
        assert statement["Effect"] == "Allow"
        for resource in _named(statement):
            _, _, service, _, _, name = resource.split(":", 5)
            assert re.fullmatch(NAMED[service], name), resource
            assert {action.partition(":")[0] for action in statement["Action"]} == {service}


def test_mails_come_from_one_address() -> None:
    """The one function that sends mails may send them from the stage's address alone, as the template has it too."""
    mailing = [
        each for policy in FUNCTIONS.values() for each in _statements(policy) if "ses:SendEmail" in each["Action"]
    ]
    (statement,) = mailing
    stage = json.loads((CHALICE / "config.json").read_text())["stages"]["prod"]
    sender = stage["environment_variables"]["MAIL_SENDER"]
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": sender}}
    assert yaml.safe_load(TEMPLATE.read_text())["Parameters"]["MailSender"]["Default"] == sender
