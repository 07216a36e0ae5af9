"""Requests made from the API's own description, sent by several identities: whatever comes back is held to it."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api import Api
from tests.contract.identities import ENTRY_IDS, People
from tests.declared import check_answer, find_operation
from tests.throws import Throw

if TYPE_CHECKING:
    from schemathesis.core.result import Ok

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# These hash a password or end who sends them, so that it has to be made anew: a few requests say as much as many.
COSTLY = {
    "register": 0.2,
    "log_in": 0.2,
    "change_password": 0.2,
    "confirm_password_reset": 0.2,
    "delete_account": 0.1,
    "log_out": 0.1,
    "log_out_everywhere": 0.1,
    "end_login": 0.3,
}
_ENDING = {"delete_account", "log_out", "log_out_everywhere", "end_login", "change_password", "set_role", "lock_user"}
_DELETING = {f"delete_{parameter.removesuffix('_id')}" for parameter in ENTRY_IDS}
_TIMEOUT_S = 30
_MOST_ROUNDS = 10


@dataclass
class Campaign:
    """What a campaign did.

    Attributes:
        statuses: How often each operation answered each status.
        by_identity: How many requests each identity sent.
        violations: What was found, by operation, each with the smallest request that shows it.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    by_identity: Counter[str] = field(default_factory=Counter)
    violations: dict[str, str] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(self.statuses.values())


def run(api: Api, count: int, seed_number: int, tell: Callable[[str], None] = lambda _: None) -> Campaign:
    """Send about `count` requests over every operation of the API.

    Args:
        api: The API; its throttling must allow as many.
        count: How many requests.
        seed_number: The same requests come again with the same number, as far as ids allow.
        tell: Is told how it goes.
    """
    people, campaign = People(api), Campaign()
    with requests.Session() as session:
        session.trust_env = False
        schema = schemathesis.openapi.from_dict(session.get(f"{api.url}/openapi.json", timeout=_TIMEOUT_S).json())
        # Whose credential is sent is decided here.
        schema.config.generation.update(with_security_parameters=False)
        operations: list[Any] = [cast("Ok[Any]", result).ok() for result in schema.get_all_operations()]
        for repetition in range(_MOST_ROUNDS):
            missing = count - campaign.requests
            if missing <= 0 or not operations:
                break
            tell(f"round {repetition + 1}: {missing} requests")
            operations = _try_all(operations, missing, seed_number + repetition, Sender(api, session, people, campaign))
    return campaign


def _try_all(operations: list[Any], count: int, seed_number: int, sender: "Sender") -> list[Any]:
    """Share requests out among some operations, and return those that had as many different ones to send."""
    plentiful = []
    shares = {each.label: COSTLY.get(_name_of(each), 1.0) for each in operations}
    for operation in operations:
        share = max(2, round(count * shares[operation.label] / sum(shares.values())))
        sender.name = _name_of(operation)
        before = sender.campaign.requests
        for mode, part in ((GenerationMode.POSITIVE, share - share // 2), (GenerationMode.NEGATIVE, share // 2)):
            if violation := _try(operation, mode, part, seed_number, sender):
                sender.campaign.violations[f"{operation.label}, {mode.value} requests"] = violation
        if sender.campaign.requests - before >= share:
            plentiful.append(operation)
    return plentiful


def _name_of(operation: Any) -> str:
    found = find_operation(operation.method.upper(), operation.path)
    assert found is not None, operation.label
    return found.name


def _try(operation: Any, mode: GenerationMode, count: int, seed_number: int, sender: "Sender") -> str | None:
    """Send some requests, and return what is wrong with an answer; None for nothing."""

    @seed(seed_number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def send(case: Any, data: st.DataObject) -> None:
        sender.send(case, data, is_right=mode is GenerationMode.POSITIVE)

    try:
        send()
    except Unsatisfiable:
        # An operation without anything that could be wrong about its request.
        return None
    except (AssertionError, FailureGroup, Failure) as error:
        return "\n".join([str(error), *getattr(error, "__notes__", ())])
    return None


class Sender:
    """Sends requests of one operation after another, and checks what comes back.

    Attributes:
        name: The operation's name.
        campaign: Where it is noted.
    """

    def __init__(self, api: Api, session: requests.Session, people: People, campaign: Campaign) -> None:
        self._api = api
        self._session = session
        self._people = people
        self.campaign = campaign
        self.name = ""

    def send(self, case: Any, data: st.DataObject, *, is_right: bool) -> None:
        """Send a request as someone; a right one gets ids of objects that there are."""
        who = data.draw(st.sampled_from(self._people.names), label="identity")
        if is_right:
            self._use_what_is_there(case, data)
        headers = {**(case.headers or {})}
        headers.pop("Authorization", None)
        case.headers = headers
        sent_as: dict[str, str] = {}
        credential = self._people.credential_of(who)
        if credential is not None:
            sent_as["Authorization"] = f"Bearer {credential}"
        if is_right and self.name == "get_raw":
            sent_as["Accept"] = "application/octet-stream"
        foreign = self._people.foreign_to(who)
        response = case.call(base_url=self._api.url, session=self._session, headers=sent_as, timeout=_TIMEOUT_S)
        self.campaign.statuses[self.name, response.status_code] += 1
        self.campaign.by_identity[who] += 1
        self._check(case, response, foreign, is_right=is_right)
        if response.status_code < requests.codes.bad_request:
            if self.name in _ENDING:
                self._people.renew(who)
            elif self.name in _DELETING and who in self._people.bowlers:
                self._people.fill_scorebook(who)

    def _use_what_is_there(self, case: Any, data: st.DataObject) -> None:
        body = case.body if isinstance(case.body, dict) else {}
        for named in (case.path_parameters, case.query, body, *self._changes(body, data)):
            for parameter in named or {}:
                is_id = named is case.path_parameters or parameter in ENTRY_IDS
                if is_id and data.draw(st.integers(0, 3), label="as it is"):
                    named[parameter] = data.draw(st.sampled_from(self._people.choices(parameter)))
        headers = {**(case.headers or {})}
        if self.name == "keep_capture" and data.draw(st.booleans(), label="a capture"):
            case.body = Throw(duration_s=0.1, record=data.draw(st.integers(1, 2**32 - 1))).capture()
        if "If-Match" in headers and data.draw(st.booleans(), label="any version"):
            headers["If-Match"] = "*"
        if "Content-Digest" in headers and isinstance(case.body, bytes):
            digest = base64.b64encode(hashlib.sha256(case.body).digest()).decode()
            headers["Content-Digest"] = f"sha-256=:{digest}:"
        case.headers = headers

    def _changes(self, body: dict[str, Any], data: st.DataObject) -> list[dict[str, Any]]:
        """Let the changes of a push name entries that there are, and return their fields."""
        # A change may be anything, for each is judged by itself.
        changes = [each for each in body.get("changes", []) if isinstance(each, dict)] if self.name == "push" else []
        for change in changes:
            if data.draw(st.booleans(), label="an entry that is there"):
                parameter = data.draw(st.sampled_from(ENTRY_IDS))
                change["type"] = parameter.removesuffix("_id")
                change["id"] = data.draw(st.sampled_from(self._people.choices(parameter)))
        return [change["fields"] for change in changes if isinstance(change.get("fields"), dict)]

    def _check(self, case: Any, response: Any, foreign: frozenset[str], *, is_right: bool) -> None:
        prepared = response.request
        sent = f"{prepared.url} {prepared.headers} {prepared.body!r}"
        told = f"{response.headers} {response.content.decode('utf-8', 'replace')}"
        seen = [marker for marker in foreign if marker in told and marker not in sent]
        assert seen == [], f"{self.name} shows {seen}, which are another's"
        if response.status_code == requests.codes.header_fields_too_large:
            # The gateway's own limit, which an operation does not declare.
            return
        is_refused = response.status_code >= requests.codes.bad_request
        case.validate_response(
            response, checks=CHECKS if is_right or is_refused else [*CHECKS, negative_data_rejection]
        )
        headers = {name.lower(): ", ".join(values) for name, values in response.headers.items()}
        path = prepared.url.removeprefix(self._api.url)
        if find_operation(case.method.upper(), path) is not None:
            check_answer(case.method.upper(), path, response.status_code, headers, response.content)


def as_json(campaign: Campaign, raw: Counter[int]) -> str:
    """Return what was done, as a line of JSON; the raw requests' status 0 is a connection cut off."""
    by_operation: dict[str, dict[str, int]] = {}
    for (name, status), number in sorted(campaign.statuses.items()):
        by_operation.setdefault(name, {})[str(status)] = number
    told = {
        "requests": campaign.requests,
        "violations": len(campaign.violations),
        "identities": dict(campaign.by_identity),
        "operations": by_operation,
        "raw": {str(status): number for status, number in sorted(raw.items())},
    }
    return json.dumps(told)
