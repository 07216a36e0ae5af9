import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cloud.cloud import TEMPLATE
from local_cloud.emulator import Emulator
from local_cloud.resources import ResourceMaker
from local_cloud.secret_strings import draw_secret
from local_cloud.template import Made, Template, TemplateError

from .conftest import PARAMETERS, AwsOnPort

Reader = Callable[[AwsOnPort, dict[str, Any]], dict[str, Any]]
"""Gives a resource's properties in the template's form, as the service tells them; gets the template's for names."""


def read_table(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read a table."""
    client, name = aws.client("dynamodb"), properties["TableName"]
    table: dict[str, Any] = client.describe_table(TableName=name)["Table"]
    recovery = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    found = {name: table.get(name) for name in ("TableName", "AttributeDefinitions", "KeySchema")}
    found["BillingMode"] = table["BillingModeSummary"]["BillingMode"]
    found["DeletionProtectionEnabled"] = table["DeletionProtectionEnabled"]
    found["SSESpecification"] = {"SSEEnabled": table["SSEDescription"]["Status"] == "ENABLED"}
    status = recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    found["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": status == "ENABLED"}
    time_to_live = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if time_to_live["TimeToLiveStatus"] == "ENABLED":
        found["TimeToLiveSpecification"] = {"AttributeName": time_to_live["AttributeName"], "Enabled": True}
    kept = ("IndexName", "KeySchema", "Projection")
    for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        if indexes := table.get(kind):
            found[kind] = [{name: index[name] for name in kept} for index in indexes]
    return found


def read_bucket(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read a bucket."""
    client, name = aws.client("s3"), {"Bucket": properties["BucketName"]}
    rules = client.get_bucket_encryption(**name)["ServerSideEncryptionConfiguration"]["Rules"]
    by_default = [{"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]} for rule in rules]
    names = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    found = {
        "BucketName": name["Bucket"] if name["Bucket"] in names else None,
        "PublicAccessBlockConfiguration": client.get_public_access_block(**name)["PublicAccessBlockConfiguration"],
        "BucketEncryption": {"ServerSideEncryptionConfiguration": by_default},
    }
    if versioning := client.get_bucket_versioning(**name).get("Status"):
        found["VersioningConfiguration"] = {"Status": versioning}
    if queues := client.get_bucket_notification_configuration(**name).get("QueueConfigurations"):
        notifications = [{"Event": event, "Queue": queue["QueueArn"]} for queue in queues for event in queue["Events"]]
        found["NotificationConfiguration"] = {"QueueConfigurations": notifications}
    if rules := _lifecycle_rules(client, name):
        found["LifecycleConfiguration"] = {"Rules": rules}
    return found


def _lifecycle_rules(client: Any, name: dict[str, str]) -> list[dict[str, Any]]:
    try:
        rules = client.get_bucket_lifecycle_configuration(**name)["Rules"]
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return []
    return [_lifecycle_rule(rule) for rule in rules]


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    found = {"Id": rule["ID"], "Status": rule["Status"], "Prefix": rule["Filter"].get("Prefix", "")}
    for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if name in rule:
            found[name] = rule[name]
    if "Days" in rule["Expiration"]:
        found["ExpirationInDays"] = rule["Expiration"]["Days"]
    if "ExpiredObjectDeleteMarker" in rule["Expiration"]:
        found["ExpiredObjectDeleteMarker"] = rule["Expiration"]["ExpiredObjectDeleteMarker"]
    return found


def read_bucket_policy(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read a bucket's policy."""
    policy = aws.client("s3").get_bucket_policy(Bucket=properties["Bucket"])["Policy"]
    return {"Bucket": properties["Bucket"], "PolicyDocument": json.loads(policy)}


def queue_attributes(aws: AwsOnPort, name: str) -> dict[str, Any]:
    """Read a queue's attributes, all texts."""
    client = aws.client("sqs")
    url = client.get_queue_url(QueueName=name)["QueueUrl"]
    attributes: dict[str, Any] = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def read_queue(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read a queue."""
    attributes = queue_attributes(aws, properties["QueueName"])
    texts: dict[str, Callable[[str], Any]] = {
        "VisibilityTimeout": int,
        "MessageRetentionPeriod": int,
        "SqsManagedSseEnabled": json.loads,
        "RedrivePolicy": json.loads,
    }
    found = {name: read(attributes[name]) for name, read in texts.items() if name in attributes}
    if "VisibilityTimeout" not in properties:
        assert found.pop("VisibilityTimeout") == 30  # what SQS gives a queue that asks for nothing
    return {"QueueName": attributes["QueueArn"].rpartition(":")[2], **found}


def read_queue_policy(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read a queue's policy."""
    policies = [queue_attributes(aws, url.rpartition("/")[2])["Policy"] for url in properties["Queues"]]
    return {"Queues": properties["Queues"], "PolicyDocument": json.loads(policies[0])}


def read_secret(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read a secret and tell the rules that its value keeps."""
    client = aws.client("secretsmanager")
    secret = client.describe_secret(SecretId=properties["Name"])
    value = json.loads(client.get_secret_value(SecretId=properties["Name"])["SecretString"])
    password = value.pop("k1")
    rules = {
        "SecretStringTemplate": json.dumps(value),
        "GenerateStringKey": "k1",
        "PasswordLength": len(password),
        "ExcludePunctuation": password.isalnum(),
    }
    return {"Name": secret["Name"], "Description": secret["Description"], "GenerateSecretString": rules}


def read_alarm(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read the alarm of a queue."""
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    (alarm,) = (alarm for alarm in alarms if alarm["Dimensions"] == properties["Dimensions"])
    return {name: alarm.get(name) for name in properties}


def read_email_identity(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read an address that mails may come from."""
    (identity,) = aws.client("sesv2").list_email_identities()["EmailIdentities"]
    return {"EmailIdentity": identity["IdentityName"]} if properties else {}


def read_log_group(aws: AwsOnPort, properties: dict[str, Any]) -> dict[str, Any]:
    """Read where a function writes its log."""
    found = aws.client("logs").describe_log_groups(logGroupNamePrefix=properties["LogGroupName"])["logGroups"]
    (group,) = (each for each in found if each["logGroupName"] == properties["LogGroupName"])
    return {"LogGroupName": group["logGroupName"], "RetentionInDays": group["retentionInDays"]}


READERS: dict[str, Reader] = {
    "AWS::DynamoDB::Table": read_table,
    "AWS::S3::Bucket": read_bucket,
    "AWS::S3::BucketPolicy": read_bucket_policy,
    "AWS::SQS::Queue": read_queue,
    "AWS::SQS::QueuePolicy": read_queue_policy,
    "AWS::SecretsManager::Secret": read_secret,
    "AWS::CloudWatch::Alarm": read_alarm,
    "AWS::SES::EmailIdentity": read_email_identity,
    "AWS::Logs::LogGroup": read_log_group,
}


def test_state_is_what_the_template_says(made_aws: AwsOnPort) -> None:
    """The services tell of each resource every property that the template gives it, and no other."""
    template = Template(TEMPLATE, PARAMETERS)
    made = made_aws.made
    described = yaml.safe_load(TEMPLATE.read_text())["Resources"].items()
    assert set(made) == {logical_id for logical_id, content in described if "Type" in content}
    for resource in template.in_order():
        properties = template.resolve(resource.properties, made)
        assert READERS[resource.type](made_aws, properties) == properties


def test_names_of_the_stage(made_aws: AwsOnPort) -> None:
    """The resources carry the names that the app's settings expect in the stage `local`."""
    tables = made_aws.client("dynamodb").list_tables()["TableNames"]
    assert tables == [
        "revmetrix-local-accounts",
        "revmetrix-local-audit",
        "revmetrix-local-captures",
        "revmetrix-local-scorebook",
    ]
    buckets = {bucket["Name"] for bucket in made_aws.client("s3").list_buckets()["Buckets"]}
    assert buckets == {"revmetrix-local-raw", "revmetrix-local-raw-exports"}
    queues = made_aws.client("sqs").list_queues()["QueueUrls"]
    assert {"revmetrix-local-processing", "revmetrix-local-jobs"} <= {url.rpartition("/")[2] for url in queues}


def make(folder: Path, resources: dict[str, Any], **sections: Any) -> dict[str, Made]:
    """Make the resources of a template with these sections."""
    path = folder / "template.yaml"
    path.write_text(yaml.safe_dump({**sections, "Resources": resources}))
    with Emulator() as emulator:
        return dict(ResourceMaker(emulator).make_all(Template(path, {})))


def queue(**properties: Any) -> dict[str, Any]:
    """Return a queue's description."""
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q", **properties}}


def bucket(**properties: Any) -> dict[str, Any]:
    """Return a bucket's description."""
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "bucket", **properties}}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"A": {"Type": "AWS::SNS::Topic"}}, "A: .* type AWS::SNS::Topic"),
        ({"A": queue(FifoQueue=True)}, "A: .* FifoQueue"),
        ({"A": {**queue(), "Condition": "Prod"}}, "A: .* Condition"),
        ({"A": {}}, "A has no Type"),
        ({"A": {"DependsOn": "B", "Properties": {}}, "B": queue()}, "A has no Type"),
        ({"A": {**queue(), "DeletionPolicy": "Snapshot"}}, "A: .*DeletionPolicy Snapshot"),
        ({"A": queue(QueueName={"Fn::If": ["Never", "a", "b"]})}, "Never is no condition"),
        ({"A": bucket(LifecycleConfiguration={"Rules": [{"Id": "a", "Colour": "blue"}]})}, "Lifecycle.*Colour"),
        ({"A": bucket(NotificationConfiguration={"TopicConfigurations": []})}, "TopicConfigurations"),
        ({"A": bucket(VersioningConfiguration={"Status": "Enabled", "Colour": "blue"})}, "A: .*Colour"),
        ({"A": queue(QueueName={"Ref": "Nothing"})}, "Ref: Nothing"),
        ({"A": queue(QueueName={"Fn::GetAtt": ["B", "Colour"]}), "B": queue()}, "Colour of B"),
        ({"A": queue(QueueName={"Fn::Select": [0, ["q"]]})}, "Fn::Select"),
        ({"A": queue(QueueName={"Ref": "B"}), "B": queue(QueueName={"Ref": "A"})}, "circle"),
        ({"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Colour": "blue"}}}, "A: .*Colour"),
        ({"A": {"Type": "AWS::SQS::Queue"}}, "A: KeyError: 'QueueName'"),
        ({"A": bucket(BucketName="X")}, "A: .*InvalidBucketName"),
    ],
)
def test_what_is_not_known_is_an_error(tmp_path: Path, resources: dict[str, Any], message: str) -> None:
    """A type, property, function, name or value that is not understood stops with its name, and is never left out."""
    with pytest.raises(TemplateError, match=message):
        make(tmp_path, resources)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"Mappings": {}}, "Mappings"),
        ({"Conditions": {"C": {"Fn::Or": [True, False]}}}, "condition C"),
        ({"Parameters": {"P": {"Type": "Number", "Default": 1}}}, "Number"),
        ({"Parameters": {"P": {"Type": "String"}}}, "neither a value nor a default"),
        ({"Parameters": {"P": {"Type": "String", "Default": "x", "AllowedPattern": "[0-9]"}}}, "does not match"),
        ({"Parameters": {"P": {"Type": "String", "Default": "x", "AllowedValues": ["y"]}}}, "is not one of"),
        ({"Parameters": {"P": {"Type": "String", "Default": "x", "NoEcho": True}}}, "NoEcho"),
    ],
)
def test_sections_and_parameters_that_are_not_known(tmp_path: Path, sections: dict[str, Any], message: str) -> None:
    """An unknown section and a parameter that cannot have its value are errors as well."""
    with pytest.raises(TemplateError, match=message):
        make(tmp_path, {}, **sections)


def test_functions_and_order(tmp_path: Path) -> None:
    """Ref, GetAtt, Sub and Join give what CloudFormation gives, whatever the order in the file."""
    made = make(
        tmp_path,
        {
            "Last": queue(QueueName={"Fn::Join": ["-", [{"Fn::GetAtt": "First.QueueName"}, "last"]]}),
            "Middle": bucket(BucketName={"Fn::Sub": "${P}-${First.QueueName}-${AWS::Region}"}),
            "First": queue(QueueName={"Fn::Sub": "a-${AWS::AccountId}"}),
        },
        Parameters={"P": {"Type": "String", "Default": "p"}},
    )
    assert list(made) != ["Last", "Middle", "First"]
    assert made["Last"].attributes["QueueName"] == "a-123456789012-last"
    assert made["Middle"].ref == "p-a-123456789012-us-east-1"
    assert made["First"].ref.endswith("/123456789012/a-123456789012")


def test_an_entry_for_what_is_chalices_is_no_resource(tmp_path: Path) -> None:
    """An entry that has DependsOn alone, and those of Chalice's own, are merged; nothing is made of them."""
    kept = {**queue(), "DeletionPolicy": "RetainExceptOnCreate"}
    chalices = {"Function": {"DependsOn": "A"}, "RestAPI": {"Properties": {"AlwaysDeploy": True}}}
    chalices["RunJob"] = {"DependsOn": "A", "Properties": {"LoggingConfig": {"LogGroup": "a"}}}
    assert list(make(tmp_path, {**chalices, "A": kept})) == ["A"]


@pytest.mark.parametrize(
    ("value", "actions"), [("", None), ("arn:aws:sns:us-east-1:1:t", ["arn:aws:sns:us-east-1:1:t"])]
)
def test_a_condition_chooses(tmp_path: Path, value: str, actions: list[str] | None) -> None:
    """Fn::If takes the branch of its condition, and AWS::NoValue leaves the property out."""
    path = tmp_path / "template.yaml"
    topic = {"Ref": "TopicArn"}
    content = {
        "Parameters": {"TopicArn": {"Type": "String", "Default": ""}},
        "Conditions": {"HasTopic": {"Fn::Not": [{"Fn::Equals": [topic, ""]}]}},
        "Resources": {},
    }
    path.write_text(yaml.safe_dump(content))
    chosen = {"AlarmActions": {"Fn::If": ["HasTopic", [topic], {"Ref": "AWS::NoValue"}]}, "Period": 300}
    resolved = Template(path, {"TopicArn": value}).resolve(chosen, {})
    assert resolved == {"Period": 300} | ({} if actions is None else {"AlarmActions": actions})


def test_the_alarm_can_reach_someone() -> None:
    """With a topic the alarm tells it when it begins and ends; without one it has no action, and is none the less."""
    topic = "arn:aws:sns:us-east-1:123456789012:operators"
    for arn, actions in ((topic, [topic]), ("", None)):
        template = Template(TEMPLATE, {**PARAMETERS, "AlarmTopicArn": arn})
        alarms = [one for one in template.in_order() if one.type == "AWS::CloudWatch::Alarm"]
        assert len(alarms) == 2
        for alarm in alarms:
            properties = {name: alarm.properties[name] for name in ("AlarmActions", "OKActions")}
            assert template.resolve(properties, {}) == ({} if actions is None else dict.fromkeys(properties, actions))


def test_a_drawn_secret_keeps_its_rules() -> None:
    """A drawn password has its length and every kind that is not excluded, and is never drawn twice."""
    rules = {"PasswordLength": 8, "ExcludePunctuation": True, "ExcludeCharacters": "abc0"}
    passwords = {draw_secret(rules, "A") for _ in range(200)}
    assert len(passwords) == 200
    for password in passwords:
        assert len(password) == 8
        assert password.isalnum()
        assert not set(password) & set("abc0")
        assert any(letter.isdigit() for letter in password)
        assert any(letter.isupper() for letter in password)
        assert any(letter.islower() for letter in password)


@pytest.mark.parametrize(
    "rules", [{"Colour": "blue"}, {"PasswordLength": 3}, {"PasswordLength": 0, "RequireEachIncludedType": True}]
)
def test_rules_for_secrets_that_cannot_be_kept(rules: dict[str, Any]) -> None:
    """An unknown rule, and a length that has no room for each kind, are errors."""
    with pytest.raises(TemplateError):
        draw_secret(rules, "A")
