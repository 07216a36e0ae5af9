"""One-time codes: for an address, and for a forgotten password."""

import contextlib
import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.accounts import codes, logins, mail, names, recovery, store, throttling
from chalicelib.accounts.items import CodeItem, EmailItem, UserItem, user_key
from chalicelib.accounts.user_model import ResetConfirmation
from chalicelib.settings import settings
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Answer, Api, Bowler
from tests.chalicelib import dump
from tests.chalicelib.moved_time import move
from tests.chalicelib.wire import Wire
from tests.mails import code_sent_to
from tests.same_time import OwnClock, assert_same_time

NEW_PASSWORD = "another horse battery"
EVERY_S = recovery.ANSWER_EVERY_S
VERIFICATION = "/v1/email-verifications"
RESET = "/v1/password-resets"


def _address(bowler: Bowler) -> str:
    return f"{bowler.username}@example.org"


def _confirm(bowler: Bowler, code: str) -> Answer:
    return bowler("POST", f"{VERIFICATION}/confirmation", json={"code": code})


def _reset(api: Api, email: str, code: str, password: str = NEW_PASSWORD) -> Answer:
    return api("POST", f"{RESET}/confirmation", json={"email": email, "code": code, "password": password})


def _ask(api: Api, email: str) -> Answer:
    return api("POST", RESET, json={"email": email})


def _give(bowler: Bowler, **changed: str) -> Answer:
    return bowler("PATCH", "/v1/users/me", json=changed, headers={"If-Match": "*"})


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


def _user_id(bowler: Bowler) -> str:
    found = store.find_user_id(names.fold_username(bowler.username))
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no answer wait; the test of the time puts the wait back."""
    monkeypatch.setattr(recovery, "ANSWER_EVERY_S", 0)


@pytest.fixture
def confirmed(cloud: LocalCloud, bowler: Bowler) -> Bowler:
    """A user with a confirmed address."""
    assert _confirm(bowler, code_sent_to(cloud, _address(bowler))).status == 204
    return bowler


@pytest.fixture
def claimant(cloud: LocalCloud, api: Api, new_bowler: Callable[[], Bowler]) -> Callable[[str], tuple[Bowler, str]]:
    """Make users who give one address, each with the code that was sent to it."""

    def make(address: str) -> tuple[Bowler, str]:
        user = new_bowler()
        assert user("PATCH", "/v1/users/me", json={"email": address}, headers={"If-Match": "*"}).status == 200
        assert user("POST", VERIFICATION).status == 204
        assert api.url
        return user, code_sent_to(cloud, address)

    return make


def test_the_code_of_the_registration_confirms_the_address(cloud: LocalCloud, bowler: Bowler) -> None:
    """A new user has a code in the mail, which confirms the address once."""
    code = code_sent_to(cloud, _address(bowler))
    assert _confirm(bowler, code).status == 204
    assert bowler("GET", "/v1/users/me").json["email_verified_at"] is not None
    assert _confirm(bowler, code).problem == "code-invalid"
    assert bowler("POST", VERIFICATION).problem == "email-confirmed"


def test_a_code_is_read_with_spaces(cloud: LocalCloud, bowler: Bowler) -> None:
    """A code that was typed in two halves is the code."""
    code = code_sent_to(cloud, _address(bowler))
    assert _confirm(bowler, f" {code[:4]} {code[4:]} ").status == 204


def test_a_code_has_five_tries(cloud: LocalCloud, bowler: Bowler) -> None:
    """After five wrong codes the right one does nothing; a new one does."""
    code = code_sent_to(cloud, _address(bowler))
    for _ in range(5):
        refused = _confirm(bowler, _wrong(code))
        assert (refused.status, refused.problem) == (403, "code-invalid")
    assert _confirm(bowler, code).problem == "code-invalid"
    assert bowler("POST", VERIFICATION).status == 204
    assert _confirm(bowler, code_sent_to(cloud, _address(bowler))).status == 204


def test_racing_guesses_are_counted_each(cloud: LocalCloud, bowler: Bowler) -> None:
    """Twenty guesses at the same moment take no more than five tries: the right code is dead afterwards."""
    code = code_sent_to(cloud, _address(bowler))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _confirm(bowler, _wrong(code)).status, range(20)))
    assert answers == [403] * 20
    item = CodeItem.get(user_key(_user_id(bowler)), "CODE#email", consistent_read=True)
    assert int(item.tries_left) == 0
    assert _confirm(bowler, code).status == 403


def test_a_code_works_for_fifteen_minutes(cloud: LocalCloud, bowler: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code is refused once its time is over, whether or not the database has removed it."""
    code = code_sent_to(cloud, _address(bowler))
    move(monkeypatch, codes.LIFETIME_S + 1, codes)
    with pytest.raises(codes.CodeInvalid):
        codes.check(_user_id(bowler), codes.EMAIL, code)
    move(monkeypatch, codes.LIFETIME_S - 60, codes)
    assert codes.check(_user_id(bowler), codes.EMAIL, code).email == _address(bowler)


def test_a_newer_code_replaces_the_one_before(cloud: LocalCloud, bowler: Bowler) -> None:
    """Only the last code that was sent works."""
    first = code_sent_to(cloud, _address(bowler))
    assert bowler("POST", VERIFICATION).status == 204
    assert _confirm(bowler, first).status == 403
    assert _confirm(bowler, code_sent_to(cloud, _address(bowler))).status == 204


def test_codes_are_kept_as_hashes_only(cloud: LocalCloud, confirmed: Bowler) -> None:
    """No code stands in any item of the table."""
    _ask(confirmed.api, _address(confirmed))
    code = code_sent_to(cloud, _address(confirmed))
    client = boto3.client("dynamodb", region_name=settings().region)
    pages = client.get_paginator("scan").paginate(TableName=settings().accounts_table)
    text = "".join(repr(page["Items"]) for page in pages)
    client.close()
    assert confirmed.username in text
    assert code not in text


def test_a_code_for_one_purpose_does_nothing_for_another(cloud: LocalCloud, confirmed: Bowler) -> None:
    """The code of a forgotten password confirms no address, and one for an address sets no password."""
    moved = f"moved-{_address(confirmed)}"
    assert confirmed("PATCH", "/v1/users/me", json={"email": moved}, headers={"If-Match": "*"}).status == 200
    assert confirmed("POST", VERIFICATION).status == 204
    assert _ask(confirmed.api, _address(confirmed)).status == 204
    assert _confirm(confirmed, code_sent_to(cloud, _address(confirmed))).status == 403
    assert _reset(confirmed.api, _address(confirmed), code_sent_to(cloud, moved)).status == 403


def test_an_address_that_is_anothers_answers_like_a_fresh_one(cloud: LocalCloud, api: Api, confirmed: Bowler) -> None:
    """Registering with a confirmed address of another user: the same answer, a mail to its owner, nothing of theirs."""
    mails = len(cloud.mails.sent_to(_address(confirmed)))
    names_ = [f"claims-{uuid.uuid4().hex}" for _ in range(2)]
    bodies = [
        {"username": names_[0], "email": _address(confirmed), "password": PASSWORD},
        {"username": names_[1], "email": f"{names_[1]}@example.org", "password": PASSWORD},
    ]
    foreign, fresh = (api("POST", "/v1/users", json=body) for body in bodies)
    assert (foreign.status, foreign.json.keys()) == (fresh.status, fresh.json.keys()) == (201, fresh.json.keys())
    same = {name for name in fresh.json if foreign.json[name] == fresh.json[name]}
    assert fresh.json.keys() - same == {"id", "username", "email", "created_at", "updated_at"}
    assert len(cloud.mails.sent_to(_address(confirmed))) == mails + 1
    assert store.find_email_owner(_address(confirmed)) == _user_id(confirmed)


def test_a_confirmed_address_belongs_to_one(claimant: Callable[[str], tuple[Bowler, str]]) -> None:
    """Whoever confirms an address after another user is told that it is taken."""
    address = f"shared-{uuid.uuid4().hex}@example.org"
    first, code = claimant(address)
    assert _confirm(first, code).status == 204
    second, code = claimant(address.upper())
    refused = _confirm(second, code)
    assert (refused.status, refused.problem) == (409, "email-taken")
    assert second("GET", "/v1/users/me").json["email_verified_at"] is None


def test_racing_confirmations_of_one_address_have_one_winner(claimant: Callable[[str], tuple[Bowler, str]]) -> None:
    """Of four users who confirm one address at the same moment one has it."""
    address = f"raced-{uuid.uuid4().hex}@example.org"
    claims = [claimant(address) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda claim: _confirm(*claim).status, claims))
    assert sorted(statuses) == [204, 409, 409, 409]
    winner = claims[statuses.index(204)][0]
    assert store.find_email_owner(address) == _user_id(winner)


def test_a_new_address_waits_for_its_code(cloud: LocalCloud, confirmed: Bowler, api: Api) -> None:
    """Until another address is confirmed the one before gets the codes; then it is free and gets none."""
    before, after = _address(confirmed), f"new-{_address(confirmed)}"
    changed = confirmed("PATCH", "/v1/users/me", json={"email": after}, headers={"If-Match": "*"})
    assert changed.json["email_verified_at"] is None
    assert _ask(api, after).status == 204
    assert cloud.mails.sent_to(after) == []
    count = len(cloud.mails.sent_to(before))
    assert _ask(api, before).status == 204
    assert len(cloud.mails.sent_to(before)) == count + 1
    assert confirmed("POST", VERIFICATION).status == 204
    assert _confirm(confirmed, code_sent_to(cloud, after)).status == 204
    assert store.find_email_owner(before) is None
    assert store.find_email_owner(after) == _user_id(confirmed)


def test_another_address_needs_the_password(
    cloud: LocalCloud, confirmed: Bowler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login older than 10 minutes gives no other address and says why; other changes and the same address pass."""
    before, after = _address(confirmed), f"new-{_address(confirmed)}"
    monkeypatch.setattr(logins, "LONGEST_SINCE_PASSWORD", timedelta(seconds=-1))
    refused = _give(confirmed, email=after, first_name="Eve")
    assert (refused.status, refused.problem) == (403, "login-too-old")
    told = [each for each in cloud.mails.sent_to(before) if "changes" in each.subject]
    assert (told, confirmed("GET", "/v1/users/me").json["first_name"]) == ([], None)
    assert _give(confirmed, email=before, first_name="Ada").json["first_name"] == "Ada"


def test_the_confirmed_address_is_told_of_another_one(cloud: LocalCloud, confirmed: Bowler) -> None:
    """Before the address changes the confirmed one gets a mail, without the other one in it; going back sends none."""
    before, after = _address(confirmed), f"other-{uuid.uuid4().hex}@example.org"
    changed = [_give(confirmed, email=each).status for each in (after, before)]
    told = [each for each in cloud.mails.sent_to(before) if "changes" in each.subject]
    assert (changed, len(told)) == ([200, 200], 1)
    assert confirmed.username in told[0].text
    assert after not in told[0].text


def test_an_address_changes_not_when_nobody_is_told(confirmed: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mail, and after 5 mails within the hour, the address stays; only mails that were sent count."""
    emails = [f"{number}-{_address(confirmed)}" for number in range(6)]

    def refuse(address: str, letter: object) -> None:
        raise mail.MailUnavailable(f"no mail of {letter} to {address}")

    with monkeypatch.context() as patched:
        patched.setattr(mail, "send", refuse)
        assert [_give(confirmed, email=email).problem for email in emails] == ["mail-unavailable"] * 6
    # One went there with the code.
    assert [_give(confirmed, email=email).status for email in emails] == [200] * 4 + [429] * 2
    assert confirmed("GET", "/v1/users/me").json["email"] == emails[3]


def test_another_spelling_is_another_address(confirmed: Bowler) -> None:
    """An address that folds to the confirmed one may be another's mailbox: it is not taken for confirmed."""
    before = _address(confirmed)
    given = _give(confirmed, email=before.upper())
    assert (given.status, given.json["email"], given.json["email_verified_at"]) == (200, before.upper(), None)
    assert _give(confirmed, email=before).json["email_verified_at"] is not None


def test_going_back_to_the_confirmed_address_needs_no_code(confirmed: Bowler) -> None:
    """Whoever gives the confirmed address again has it confirmed."""
    emails = (f"typo-{_address(confirmed)}", _address(confirmed))
    changed = [confirmed("PATCH", "/v1/users/me", json={"email": each}, headers={"If-Match": "*"}) for each in emails]
    assert changed[0].json["email_verified_at"] is None
    assert changed[1].json["email_verified_at"] is not None


def test_a_forgotten_password_is_set_anew(cloud: LocalCloud, api: Api, confirmed: Bowler) -> None:
    """With the code of the mail the password is new, the old one and every login are done with, the code too."""
    assert _ask(api, _address(confirmed).upper()).status == 204
    code = code_sent_to(cloud, _address(confirmed))
    assert _reset(api, _address(confirmed), code).status == 204
    old, new = ({"username": confirmed.username, "password": each} for each in (PASSWORD, NEW_PASSWORD))
    assert api("POST", "/v1/tokens", json=old).status == 401
    assert api("POST", "/v1/tokens", json=new).status == 200
    assert api("POST", "/v1/tokens/refresh", json={"refresh_token": confirmed.refresh_token}).status == 401
    assert _reset(api, _address(confirmed), code).status == 403


def test_a_reset_goes_to_the_address_that_was_confirmed(cloud: LocalCloud, api: Api, bowler: Bowler) -> None:
    """Typed as another mailbox that folds to the same text, the code still goes to the confirmed one."""
    tag = uuid.uuid4().hex
    address, lookalike = f"Strasse-{tag}@Example.org", f"stra\u00dfe-{tag}@example.org"
    assert bowler("PATCH", "/v1/users/me", json={"email": address}, headers={"If-Match": "*"}).status == 200
    assert bowler("POST", VERIFICATION).status == 204
    assert _confirm(bowler, code_sent_to(cloud, address)).status == 204
    count = len(cloud.mails.sent_to(address))
    assert _ask(api, lookalike).status == 204
    assert len(cloud.mails.sent_to(address)) == count + 1
    assert cloud.mails.sent_to(lookalike) == []


def test_unknown_addresses_answer_alike(cloud: LocalCloud, api: Api, confirmed: Bowler) -> None:
    """Resets of a known and of an unknown address answer the same, and no stranger is mailed."""
    unknown = f"unknown-{uuid.uuid4().hex}@example.org"
    count = len(cloud.mails.sent_to(mail.NOBODY))
    known_answers = [_ask(api, _address(confirmed)), _reset(api, _address(confirmed), "00000000")]
    unknown_answers = [_ask(api, unknown), _reset(api, unknown, "00000000")]
    assert [(a.status, a.data) for a in known_answers] == [(a.status, a.data) for a in unknown_answers]
    assert cloud.mails.sent_to(unknown) == []
    assert len(cloud.mails.sent_to(mail.NOBODY)) == count + 1


def test_unknown_addresses_make_the_same_calls(
    cloud: LocalCloud, confirmed: Bowler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a known and an unknown address AWS is asked the same things in the same order, mail included."""
    assert cloud.aws_url
    wire = Wire(monkeypatch)
    done = []
    for address in (_address(confirmed), f"unknown-{uuid.uuid4().hex}@example.org"):
        wire.heal()
        recovery.request(address, "")
        with pytest.raises(codes.CodeInvalid):
            recovery.confirm(_confirmation(address), "")
        done.append([call.operation for call in wire.own])
    assert done[0] == done[1]
    assert done[0].count("SendEmail") == 1


def _confirmation(address: str) -> Any:
    return ResetConfirmation(address, "00000000", NEW_PASSWORD)


@pytest.mark.long
@pytest.mark.usefixtures("wire")
def test_unknown_addresses_take_the_same_time(confirmed: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 200 tries each, the medians for a known and an unknown address are within 5 % of each other."""
    clock = OwnClock()
    monkeypatch.setattr(recovery, "time", clock)
    monkeypatch.setattr(recovery, "ANSWER_EVERY_S", 0.03)
    monkeypatch.setattr(throttling, "take", lambda *_: throttling.Try("", "", "", 0))
    unknown = f"unknown-{uuid.uuid4().hex}@example.org"
    assert_same_time(lambda: recovery.request(_address(confirmed), ""), lambda: recovery.request(unknown, ""), clock)


class WorkClock:
    """A clock by which nothing takes time but what the test says, and waiting."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now_s

    def sleep(self, by_s: float) -> None:
        """Let time pass."""
        self.now_s += by_s


@pytest.mark.parametrize(("work_s", "leaves_at_s"), [(0.01, 0.25), (0.2, 0.25), (0.26, 0.5), (0.7, 0.75)])
def test_answers_to_resets_leave_at_fixed_moments(
    confirmed: Bowler, monkeypatch: pytest.MonkeyPatch, work_s: float, leaves_at_s: float
) -> None:
    """Known or unknown, asked for or confirmed, an answer leaves at a multiple of a quarter of a second."""
    monkeypatch.setattr(recovery, "ANSWER_EVERY_S", EVERY_S)
    find = store.find_email_owner
    acts: list[Callable[[str], None]] = [
        lambda email: recovery.request(email, ""),
        lambda email: recovery.confirm(_confirmation(email), ""),
    ]
    for address in (_address(confirmed), f"unknown-{uuid.uuid4().hex}@example.org"):
        for act in acts:
            clock = WorkClock()

            def find_slowly(folded: str, clock: WorkClock = clock) -> str | None:
                clock.sleep(work_s)
                return find(folded)

            monkeypatch.setattr(recovery, "time", clock)
            monkeypatch.setattr(store, "find_email_owner", find_slowly)
            with contextlib.suppress(codes.CodeInvalid):
                act(address)
            assert clock.now_s == pytest.approx(leaves_at_s)


def test_nothing_is_kept_of_an_address_that_nobody_confirmed(api: Api) -> None:
    """A reset for an unknown address keeps a code, and the address nowhere."""
    unknown = f"unknown-{uuid.uuid4().hex}@example.org"
    assert _ask(api, unknown).status == 204
    kept = CodeItem.get(user_key(codes.nobody_of(unknown)), "CODE#password", consistent_read=True)
    assert kept.email == mail.NOBODY
    assert dump.holding([unknown.partition("@")[0]]) == []


def test_an_address_of_before_todays_rules_goes_on(cloud: LocalCloud, api: Api, confirmed: Bowler) -> None:
    """An old address gets its codes and stays through other changes; given up for another old one it does not."""
    old = f"m\u00fcller-{uuid.uuid4().hex}@example.org"
    user_id = _user_id(confirmed)
    store.update_user(user_id, [UserItem.email.set(old), UserItem.verified_email.set(old)])
    EmailItem(f"E#{old}", EmailItem.SK, user_id=user_id).save()
    assert _give(confirmed, email=old, first_name="Ada").json["email"] == old
    assert _give(confirmed, email=_address(confirmed)).status == 200
    assert _give(confirmed, email=old).json["email_verified_at"] is not None
    assert _ask(api, old).status == 204
    assert _reset(api, old, code_sent_to(cloud, old)).status == 204
    other = confirmed.api("POST", "/v1/tokens", json={"username": confirmed.username, "password": NEW_PASSWORD}).json
    refused = _give(Bowler(api, confirmed.username, other["access_token"], ""), email=f"x{old}")
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.email")


@pytest.mark.parametrize("password", ["password", "12345678", "strawberry"])
def test_a_common_password_is_no_new_one(cloud: LocalCloud, api: Api, confirmed: Bowler, password: str) -> None:
    """A reset with a common password is refused before the code is used, which works afterwards."""
    assert _ask(api, _address(confirmed)).status == 204
    code = code_sent_to(cloud, _address(confirmed))
    refused = _reset(api, _address(confirmed), code, password)
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "$.password")
    assert _reset(api, _address(confirmed), code).status == 204


def test_without_mail_nothing_is_done(cloud: LocalCloud, confirmed: Bowler, monkeypatch: pytest.MonkeyPatch) -> None:
    """When SES refuses, the answer says so, the code before still works, and a registration is made all the same."""
    assert cloud.aws_url
    recovery.request(_address(confirmed), "")
    code = code_sent_to(cloud, _address(confirmed))
    wire = Wire(monkeypatch)
    send = mail._client()

    def refuse(**_: Any) -> None:
        raise send.exceptions.AccountSuspendedException(
            {"Error": {"Code": "AccountSuspendedException", "Message": "no"}}, "SendEmail"
        )

    monkeypatch.setattr(send, "send_email", refuse)
    with pytest.raises(mail.MailUnavailable):
        recovery.request(_address(confirmed), "")
    with pytest.raises(mail.MailUnavailable):
        recovery.request(f"unknown-{uuid.uuid4().hex}@example.org", "")
    assert "SendEmail" not in [call.operation for call in wire.own]
    username = f"without-{uuid.uuid4().hex}"
    body = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
    assert confirmed.api("POST", "/v1/users", json=body).status == 201
    tokens = confirmed.api("POST", "/v1/tokens", json={"username": username, "password": PASSWORD}).json
    refused = confirmed.api("POST", VERIFICATION, token=tokens["access_token"])
    assert (refused.status, refused.problem) == (503, "mail-unavailable")
    recovery.confirm(ResetConfirmation(_address(confirmed), code, NEW_PASSWORD), "")


def test_no_path_or_query_takes_a_secret() -> None:
    """Codes, passwords and tokens travel in bodies: no route has one of them in its path or its query."""
    from chalicelib.operation import OPERATIONS  # noqa: PLC0415 - read once every route is declared

    for operation in OPERATIONS:
        query = [] if operation.query is None else list(operation.query.__struct_fields__)
        named = [*re.findall(r"{(\w+)}", operation.path), *query]
        assert not [name for name in named if re.search("code|password|token|secret|email", name)], operation.path
