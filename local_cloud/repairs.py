"""What is exchanged inside moto while an emulator runs, and put back afterwards."""

import contextlib
import datetime as dt
import json
import os
import types
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import moto.backends
import moto.dynamodb.models
import moto.s3.models
import moto.sqs.models
from moto.core.model_instances import model_data
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.models import moto_api_backend
from moto.s3.models import FakeBucket

from local_cloud.transactions import transact_write_items

UNTRACKED_SERVICES = ("dynamodb", "sqs")


class Clock:
    """S3's time, held still during a call so that a replay gives an object the modification time it had.

    Attributes:
        moment_s: The time in seconds since 1970, or None for the computer's own.
    """

    def __init__(self) -> None:
        self.moment_s: float | None = None

    def utcnow(self) -> dt.datetime:
        """Return the time in UTC without a zone, as moto keeps it."""
        now = dt.datetime.now(dt.UTC) if self.moment_s is None else dt.datetime.fromtimestamp(self.moment_s, dt.UTC)
        return now.replace(tzinfo=None)


class _Untracked(list[Any]):
    """A list that keeps nothing: moto puts every model object ever made, copies too, into a list and frees none."""

    def append(self, _: Any) -> None:
        """Keep nothing."""


def _permission(bucket: FakeBucket, action: str, resource: str) -> Any:
    """Judge by the statements of a bucket's policy that have no Condition.

    moto ignores conditions, so "deny whatever comes without TLS" denies everything; and without TLS is how one talks to
    this emulator. Such statements are stored and shown, but nothing is refused by them.
    """
    policy = json.loads(bucket.policy or b"{}")
    statements = [statement for statement in policy.get("Statement", []) if "Condition" not in statement]
    if not statements:
        return PermissionResult.NEUTRAL
    return IAMPolicy(json.dumps({**policy, "Statement": statements})).is_action_permitted(action, resource)


def reset_moto() -> None:
    """Forget all that moto holds, in this whole process."""
    moto_api_backend.reset()


@contextlib.contextmanager
def repaired_moto(clock: Clock) -> Iterator[None]:
    """Run the body with an empty moto whose gaps are closed, and leave an empty, unchanged moto.

    Closed are: transactions that copy whole tables; the memory of every DynamoDB item and queue message ever made; the
    upload ids of S3, which alone do not come from moto's seeded source, so that no replay could find the upload again;
    and conditions of bucket policies, which moto ignores.
    """
    reset_moto()
    seeded = types.SimpleNamespace(urandom=mock_random.randbytes, environ=os.environ)
    services = frozenset(moto.backends.list_of_moto_modules())
    with contextlib.ExitStack() as stack:
        stack.callback(reset_moto)
        backend = moto.dynamodb.models.DynamoDBBackend
        stack.enter_context(patch.object(backend, "transact_write_items", transact_write_items))
        stack.enter_context(patch.object(moto.s3.models, "os", seeded))
        # moto looks into its own folder for the services' names twice a call.
        stack.enter_context(patch.object(moto.backends, "list_of_moto_modules", lambda: services))
        stack.enter_context(patch.object(FakeBucket, "get_permission", _permission))
        stack.enter_context(patch.object(moto.s3.models, "utcnow", clock.utcnow))
        for service in UNTRACKED_SERVICES:
            for model in model_data[service].values():
                stack.enter_context(patch.object(model, "instances_tracked", _Untracked()))
        yield
