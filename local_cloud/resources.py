"""Making the resources of infra/resources.yaml in the emulated AWS, by the ordinary API calls of each service.

moto's CloudFormation is not used: it answers CREATE_COMPLETE and leaves out time to live, point-in-time recovery,
versioning, notifications, policies and alarms. One maker for each type, driven by the file alone; a type or a property
without a maker is a TemplateError.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from local_cloud.emulator import Emulator
from local_cloud.secret_strings import draw_secret
from local_cloud.template import Made, Resource, Template, TemplateError, known_only

Properties = dict[str, Any]
Secrets = Callable[[str, Callable[[], str]], str]
"""Gives the stored value of the secret of that name, or else draws one and stores it."""

PLAIN_TABLE_PROPERTIES = (
    "TableName",
    "BillingMode",
    "DeletionProtectionEnabled",
    "AttributeDefinitions",
    "KeySchema",
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "ProvisionedThroughput",
    "TableClass",
    "Tags",
)
QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


class ResourceMaker:
    """Makes resources in one emulator.

    Args:
        emulator: Where; its `restore` comes after all resources are made.
        stored_secret: See `Secrets`; without it secrets are drawn anew.
    """

    def __init__(self, emulator: Emulator, stored_secret: Secrets | None = None) -> None:
        self._client = emulator.client
        self._stored_secret = stored_secret or (lambda _name, draw: draw())
        self._makers: dict[str, Callable[[Resource, Properties], Made]] = {
            "AWS::DynamoDB::Table": self._table,
            "AWS::S3::Bucket": self._bucket,
            "AWS::S3::BucketPolicy": self._bucket_policy,
            "AWS::SQS::Queue": self._queue,
            "AWS::SQS::QueuePolicy": self._queue_policy,
            "AWS::SecretsManager::Secret": self._secret,
            "AWS::CloudWatch::Alarm": self._alarm,
            "AWS::SES::EmailIdentity": self._email_identity,
            "AWS::Logs::LogGroup": self._log_group,
        }

    def make_all(self, template: Template) -> Mapping[str, Made]:
        """Make every resource of `template` and return them by logical id.

        Raises TemplateError, naming the resource, for whatever is not known and for what the service refuses.
        """
        made: dict[str, Made] = {}
        for resource in template.in_order():
            if resource.type not in self._makers:
                raise TemplateError(f"{resource.logical_id}: the local cloud does not know the type {resource.type}")
            try:
                made[resource.logical_id] = self._makers[resource.type](
                    resource, template.resolve(resource.properties, made)
                )
            except (ClientError, ParamValidationError, KeyError) as error:
                text = " ".join(str(error).split())
                raise TemplateError(f"{resource.logical_id}: {type(error).__name__}: {text}") from error
        return made

    def _table(self, resource: Resource, properties: Properties) -> Made:
        special = ("SSESpecification", "TimeToLiveSpecification", "PointInTimeRecoverySpecification")
        known_only(properties, (*PLAIN_TABLE_PROPERTIES, *special), resource.logical_id)
        plain = {name: properties[name] for name in PLAIN_TABLE_PROPERTIES if name in properties}
        if encryption := properties.get("SSESpecification"):
            known_only(
                encryption, ("SSEEnabled", "SSEType", "KMSMasterKeyId"), f"{resource.logical_id} SSESpecification"
            )
            renamed = {"Enabled" if name == "SSEEnabled" else name: value for name, value in encryption.items()}
            plain["SSESpecification"] = renamed
        dynamodb = self._client("dynamodb")
        table = dynamodb.create_table(**plain)["TableDescription"]
        name = table["TableName"]
        if time_to_live := properties.get("TimeToLiveSpecification"):
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=time_to_live)
        if recovery := properties.get("PointInTimeRecoverySpecification"):
            dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
        return Made(name, {"Arn": table["TableArn"]})

    def _bucket(self, resource: Resource, properties: Properties) -> Made:
        settings: dict[str, Callable[[Any, str, Any], None]] = {
            "VersioningConfiguration": _set_versioning,
            "PublicAccessBlockConfiguration": _set_public_access_block,
            "BucketEncryption": _set_encryption,
            "NotificationConfiguration": _set_notifications,
            "LifecycleConfiguration": _set_lifecycle,
        }
        known_only(properties, ("BucketName", *settings), resource.logical_id)
        s3 = self._client("s3")
        name = properties["BucketName"]
        s3.create_bucket(Bucket=name)
        for setting, make in settings.items():
            if setting in properties:
                make(s3, name, properties[setting])
        return Made(name, {"Arn": f"arn:aws:s3:::{name}"})

    def _bucket_policy(self, resource: Resource, properties: Properties) -> Made:
        known_only(properties, ("Bucket", "PolicyDocument"), resource.logical_id)
        policy = json.dumps(properties["PolicyDocument"])
        self._client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=policy)
        return Made(properties["Bucket"])

    def _queue(self, resource: Resource, properties: Properties) -> Made:
        known_only(properties, ("QueueName", *QUEUE_ATTRIBUTES), resource.logical_id)
        sqs = self._client("sqs")
        name = properties["QueueName"]
        attributes = {key: _attribute(value) for key, value in properties.items() if key != "QueueName"}
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})

    def _queue_policy(self, resource: Resource, properties: Properties) -> Made:
        known_only(properties, ("Queues", "PolicyDocument"), resource.logical_id)
        policy = {"Policy": json.dumps(properties["PolicyDocument"])}
        for url in properties["Queues"]:
            self._client("sqs").set_queue_attributes(QueueUrl=url, Attributes=policy)
        return Made(resource.logical_id)

    def _secret(self, resource: Resource, properties: Properties) -> Made:
        known_only(
            properties,
            ("Name", "Description", "SecretString", "GenerateSecretString", "KmsKeyId", "Tags"),
            resource.logical_id,
        )
        plain = {name: value for name, value in properties.items() if name != "GenerateSecretString"}
        if (rules := properties.get("GenerateSecretString")) is not None:
            plain["SecretString"] = self._stored_secret(
                properties["Name"], lambda: draw_secret(rules, resource.logical_id)
            )
        arn = self._client("secretsmanager").create_secret(**plain)["ARN"]
        return Made(arn, {"Id": arn})

    def _alarm(self, resource: Resource, properties: Properties) -> Made:
        name = properties.get("AlarmName", resource.logical_id)
        cloudwatch = self._client("cloudwatch")
        # The properties are the call's own arguments, so botocore refuses the ones that there are not.
        cloudwatch.put_metric_alarm(**{**properties, "AlarmName": name})
        arn = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["AlarmArn"]
        return Made(name, {"Arn": arn})

    def _email_identity(self, resource: Resource, properties: Properties) -> Made:
        known_only(properties, ("EmailIdentity",), resource.logical_id)
        self._client("sesv2").create_email_identity(EmailIdentity=properties["EmailIdentity"])
        return Made(properties["EmailIdentity"])

    def _log_group(self, resource: Resource, properties: Properties) -> Made:
        known_only(properties, ("LogGroupName", "RetentionInDays"), resource.logical_id)
        logs, name = self._client("logs"), properties["LogGroupName"]
        logs.create_log_group(logGroupName=name)
        if "RetentionInDays" in properties:
            logs.put_retention_policy(logGroupName=name, retentionInDays=properties["RetentionInDays"])
        return Made(name)


def _attribute(value: Any) -> str:
    """Return a queue's property as the text that SQS takes."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _set_versioning(s3: Any, bucket: str, value: Any) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=value)


def _set_public_access_block(s3: Any, bucket: str, value: Any) -> None:
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=value)


def _set_encryption(s3: Any, bucket: str, value: Any) -> None:
    known_only(value, ("ServerSideEncryptionConfiguration",), "BucketEncryption")
    rules = [
        {
            "ApplyServerSideEncryptionByDefault" if name == "ServerSideEncryptionByDefault" else name: rule[name]
            for name in rule
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _set_lifecycle(s3: Any, bucket: str, value: Any) -> None:
    known_only(value, ("Rules",), "LifecycleConfiguration")
    rules = [_lifecycle_rule(rule) for rule in value["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _lifecycle_rule(rule: Any) -> dict[str, Any]:
    as_they_are = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    known = ("Id", "Status", "Prefix", "ExpirationInDays", "ExpiredObjectDeleteMarker", *as_they_are)
    known_only(rule, known, "LifecycleConfiguration")
    made = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    made |= {name: rule[name] for name in as_they_are if name in rule}
    if days := rule.get("ExpirationInDays"):
        made["Expiration"] = {"Days": days}
    if "ExpiredObjectDeleteMarker" in rule:
        made["Expiration"] = {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
    return made


def _set_notifications(s3: Any, bucket: str, value: Any) -> None:
    known_only(value, ("QueueConfigurations",), "NotificationConfiguration")
    configurations = []
    for configuration in value["QueueConfigurations"]:
        known_only(configuration, ("Event", "Queue"), "QueueConfigurations")
        configurations.append({"QueueArn": configuration["Queue"], "Events": [configuration["Event"]]})
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": configurations}
    )
