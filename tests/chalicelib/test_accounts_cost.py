"""What operations of accounts cost in DynamoDB, counted by items, as docs/decisions/0018-accounts.md says."""

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import logins, profile, recovery, refreshing, registration, store, throttling
from chalicelib.accounts.model import PasswordGrant
from chalicelib.accounts.user_model import ProfileChange, Registration, ResetConfirmation
from chalicelib.call import Caller
from chalicelib.errors import Problem
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD
from tests.chalicelib.wire import Call, Wire
from tests.mails import code_sent_to


@pytest.fixture
def wire(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire to the shared local cloud, with the limits of a real stage."""
    assert cloud.aws_url
    most = replace(settings().most, registrations_per_address=60, resets_per_address=20, login_failures_per_address=100)
    usual = replace(settings(), most=most)
    monkeypatch.setattr(throttling, "settings", lambda: usual)
    monkeypatch.setattr(recovery, "ANSWER_EVERY_S", 0)
    return Wire(monkeypatch)


def _written(call: Call) -> float:
    """Return the write units of a call, by AWS's rules for items below 1 KB: a transaction's count twice."""
    if call.operation == "TransactWriteItems":
        actions = [content for item in call.json["TransactItems"] for content in item.values()]
        return sum(2 + _is_listed(content) for content in actions)
    return float(call.operation in {"PutItem", "UpdateItem", "DeleteItem"})


def _is_listed(action: dict[str, Any]) -> bool:
    """Tell whether an action writes or removes the claim on a username, which stands in the index as well."""
    key = action.get("Item") or action["Key"]
    return str(key["pk"]["S"]).startswith("N#") and ("Item" in action or "UpdateExpression" not in action)


def _read(call: Call) -> float:
    """Return the strong read units of a call, for items below 4 KB: a read that may be old counts half."""
    if call.operation == "GetItem":
        return 1 if call.json.get("ConsistentRead") else 0.5
    return float(call.operation == "Query")


def _cost(wire: Wire, do: Callable[[], Any]) -> tuple[float, float]:
    wire.heal()
    with contextlib.suppress(Problem):
        do()
    calls = [call for call in wire.own if call.operation not in {"SendEmail", "GetSecretValue"}]
    return sum(map(_written, calls)), sum(map(_read, calls))


def test_operations_cost_what_the_table_says(cloud: LocalCloud, wire: Wire) -> None:
    """Registering costs 8 write units and no read; a login 6 and 2; a refresh 6 and 1.5; and so on."""
    name = f"cost-{uuid.uuid4().hex}"
    address = f"192.0.2.{uuid.uuid4().int % 250}-{name}"
    body = Registration(name, f"{name}@example.org", PASSWORD)
    assert _cost(wire, lambda: registration.register(body, address)) == (8, 0)
    assert _cost(wire, lambda: logins.log_in(PasswordGrant(name, PASSWORD), "app", address)) == (6, 2)
    assert _cost(wire, lambda: logins.log_in(PasswordGrant(name, "wrong"), "app", address)) == (2, 3)
    token = logins.log_in(PasswordGrant(name, PASSWORD), "app", address)
    assert _cost(wire, lambda: refreshing.refresh(token.refresh_token)) == (6, 1.5)
    user_id = store.find_user_id(name) or ""
    assert _cost(wire, lambda: profile.find(user_id)) == (0, 1)
    assert _cost(wire, lambda: profile.change(Caller(user_id), ProfileChange(first_name="Ada"), None)) == (2, 1)
    assert _cost(wire, lambda: profile.change(Caller(user_id), ProfileChange(username=f"{name}-2"), None)) == (8, 1)
    assert _cost(wire, lambda: profile.send_code(user_id)) == (3, 1)
    profile.confirm_email(user_id, code_sent_to(cloud, body.email))
    assert _cost(wire, lambda: recovery.request(body.email, address)) == (3, 2)
    before = logins.log_in(PasswordGrant(f"{name}-2", PASSWORD), "app", address).refresh_token
    assert _cost(wire, lambda: logins.log_in(PasswordGrant(f"{name}-2", PASSWORD, before), "app", address)) == (4, 3)
    open_logins = len(logins.overview(user_id, None, 100, None).items)
    reset = ResetConfirmation(body.email, code_sent_to(cloud, body.email), "another horse battery")
    assert _cost(wire, lambda: recovery.confirm(reset, address)) == (9 + open_logins, 5)
    assert _cost(wire, lambda: recovery.request(f"nobody-{name}@example.org", address)) == (3, 2)
