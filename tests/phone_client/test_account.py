"""One's own account by the client and its command line, against the real API and its mailbox."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.accounts import logins
from local_cloud.cloud import LocalCloud
from phone_client import (
    ApiClient,
    ChangedMeanwhileError,
    CodeInvalidError,
    LoginNeededError,
    LoginTooOldError,
    NotFoundError,
    ProfileChange,
    UsageError,
    WrongPasswordError,
)
from phone_client.cli import main
from tests.api import PASSWORD, Api, Bowler
from tests.chalicelib.lanes import new_serial
from tests.mails import code_sent_to
from tests.phone_client.command_line import Run, on_a_terminal

NEW_PASSWORD = "an entirely new horse"


def _logs_in(api: Api, bowler: Bowler, password: str) -> bool:
    fields = {"username": bowler.username, "password": password, "refresh_token": bowler.refresh_token}
    return api("POST", "/v1/tokens", json=fields).status == 200


def _other_code(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


def test_a_profile_is_changed_under_its_etag(bowler_client: ApiClient) -> None:
    """What is left out stays and None clears; with the ETag of before nothing is changed, and the error says so."""
    before = bowler_client.account.profile()
    assert before.etag
    after = bowler_client.account.change_profile(ProfileChange(first_name="Ada", phone="+1 555 0100"), before.etag)
    assert (after.first_name, after.phone, after.email) == ("Ada", "+1 555 0100", before.email)
    assert after == bowler_client.account.profile()
    with pytest.raises(ChangedMeanwhileError, match=r"Nothing was changed now\. Read it again"):
        bowler_client.account.change_profile(ProfileChange(first_name="Eve"), before.etag)
    assert after.etag
    cleared = bowler_client.account.change_profile(ProfileChange(phone=None), after.etag)
    assert (cleared.first_name, cleared.phone) == ("Ada", None)


def test_an_etag_that_could_break_a_header_is_refused(bowler_client: ApiClient) -> None:
    """A line end in an ETag is a mistake that is told before anything is sent."""
    with pytest.raises(UsageError, match="Nothing was sent"):
        bowler_client.account.change_profile(ProfileChange(phone=None), '"1"\r\nX: 1')


def test_the_profile_by_commands(run: Run, bowler: Bowler) -> None:
    """It is shown, changed and cleared, for a person and as JSON."""
    assert bowler.username in run("profile").out
    changed = run("change-profile", "--first-name", "Ada", "--handedness", "left", "--accepts-lane-bridges", "no")
    assert (changed.code, changed.err) == (0, "")
    shown = json.loads(run("profile", "--json").out)
    assert (shown["first_name"], shown["handedness"], shown["accepts_lane_bridges"]) == ("Ada", "left", False)
    cleared = json.loads(run("change-profile", "--first-name", "", "--if-match", shown["etag"], "--json").out)
    assert (cleared["first_name"], cleared["handedness"]) == (None, "left")
    late = run("change-profile", "--first-name", "Eve", "--if-match", shown["etag"])
    assert (late.code, late.out) == (4, "")
    assert "has changed since it was read" in late.err
    assert "Read it again" in late.err
    assert json.loads(run("profile", "--json").out)["first_name"] is None


def test_a_change_without_one_is_a_mistake(run: Run) -> None:
    """The command says where to read on, and a username of somebody is refused in the server's words."""
    nothing = run("change-profile")
    assert (nothing.code, nothing.out) == (2, "")
    assert "change-profile --help" in nothing.err


def test_a_username_of_somebody_is_told(run: Run, new_bowler: Callable[[], Bowler]) -> None:
    """The profile stays as it was, and the exit code is that of a refusal."""
    taken = run("change-profile", "--username", new_bowler().username.upper())
    assert (taken.code, taken.out) == (4, "")
    assert run("profile").code == 0


def test_another_address_needs_a_young_login(
    run: Run, bowler_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an older one the user is told what that means and how to go on; a young one is led to the code."""
    email = f"new-{bowler_client.account.profile().email}"
    with monkeypatch.context() as older:
        older.setattr(logins, "LONGEST_SINCE_PASSWORD", timedelta(seconds=-1))
        refused = run("change-profile", "--email", email)
    assert (refused.code, refused.out) == (5, "")
    assert "login of the last 10 minutes" in refused.err
    assert "Log in again with your password (log-in)" in refused.err
    assert "verify-email" in run("change-profile", "--email", email).out
    assert bowler_client.account.profile().email == email


def test_a_password_is_changed(run: Run, api: Api, bowler: Bowler, bowler_client: ApiClient) -> None:
    """The new one works, the login of the command line goes on, and that of the other client has ended."""
    changed = run("change-password", "--password-stdin", typed=(PASSWORD, NEW_PASSWORD))
    assert "Your other logins have ended; what was open there stops within 15 minutes." in changed.out
    assert (_logs_in(api, bowler, NEW_PASSWORD), _logs_in(api, bowler, PASSWORD)) == (True, False)
    assert run("logins").code == 0
    with pytest.raises(LoginNeededError):
        list(bowler_client.account.logins())


def test_a_wrong_current_password_changes_nothing(run: Run, api: Api, bowler: Bowler, bowler_client: ApiClient) -> None:
    """It is an error of the password, for a program and for a person."""
    with pytest.raises(WrongPasswordError):
        bowler_client.account.change_password("wrong", NEW_PASSWORD)
    refused = run("change-password", "--password-stdin", typed=("wrong", NEW_PASSWORD))
    assert (refused.code, refused.out) == (5, "")
    assert "current password is wrong" in refused.err
    assert _logs_in(api, bowler, PASSWORD)


@pytest.mark.parametrize("arguments", [["change-password"], ["confirm-password-reset", "a@b.org"], ["confirm-email"]])
def test_secrets_need_a_terminal_or_a_pipe_that_is_asked_for(run: Run, arguments: list[str]) -> None:
    """Without a terminal the option that reads standard input is named; nothing of it is read unasked."""
    refused = run(*arguments, typed=(PASSWORD, NEW_PASSWORD))
    assert (refused.code, refused.out) == (2, "")
    assert "-stdin" in refused.err


@pytest.mark.usefixtures("run")
def test_a_password_is_typed_on_a_terminal_unseen(api: Api, bowler: Bowler) -> None:
    """A person is asked for the old one once and the new one twice, and a typing error changes nothing."""
    for again, code in (("something else", 2), (NEW_PASSWORD, 0)):
        with on_a_terminal("change-password") as terminal:
            terminal.answer("Current password: ", PASSWORD)
            terminal.answer("New password: ", NEW_PASSWORD)
            terminal.answer("The same again: ", again)
            assert terminal.end() == code, terminal.shown
        assert NEW_PASSWORD not in terminal.shown
        assert _logs_in(api, bowler, NEW_PASSWORD) is (code == 0)


def test_an_address_is_confirmed_by_its_code(cloud: LocalCloud, run: Run, bowler_client: ApiClient) -> None:
    """A wrong code is refused and costs nothing but a try; the one of the mail confirms, after which there is none."""
    email = bowler_client.account.profile().email
    assert "confirm-email" in run("verify-email").out
    code = code_sent_to(cloud, email)
    wrong = run("confirm-email", "--code-stdin", typed=(_other_code(code),))
    assert (wrong.code, wrong.out) == (4, "")
    with pytest.raises(CodeInvalidError):
        bowler_client.account.confirm_email(_other_code(code))
    assert "not confirmed" in run("profile").out
    assert run("confirm-email", "--code-stdin", typed=(f" {code} ",)).out == "Your address is confirmed.\n"
    assert bowler_client.account.profile().email_verified_at
    again = run("verify-email")
    assert (again.code, again.out) == (4, "")


def test_a_forgotten_password_is_set_anew(
    cloud: LocalCloud, api: Api, run: Run, bowler: Bowler, bowler_client: ApiClient
) -> None:
    """Nobody needs to be logged in; a wrong code changes nothing, the right one ends all logins."""
    email = bowler_client.account.profile().email
    bowler_client.account.request_email_code()
    bowler_client.account.confirm_email(code_sent_to(cloud, email))
    assert run("log-out").code == 0
    asked = run("request-password-reset", email)
    assert (asked.code, "on its way" in asked.out) == (0, True)
    code = code_sent_to(cloud, email)
    wrong = run("confirm-password-reset", email, "--password-stdin", typed=(_other_code(code), NEW_PASSWORD))
    assert (wrong.code, wrong.out) == (4, "")
    assert _logs_in(api, bowler, PASSWORD)
    weak = run("confirm-password-reset", email, "--password-stdin", typed=(code, "short"))
    assert (weak.code, weak.out) == (4, "")
    assert run("confirm-password-reset", email, "--password-stdin", typed=(code, NEW_PASSWORD)).code == 0
    assert _logs_in(api, bowler, NEW_PASSWORD)
    with pytest.raises(LoginNeededError):
        list(bowler_client.account.logins())


def test_a_reset_does_not_tell_who_is_there(cloud: LocalCloud, run: Run) -> None:
    """An address that nobody has gets the same words, and no mail."""
    asked = run("request-password-reset", "nobody-at-all@example.org")
    assert (asked.code, "If an account has confirmed" in asked.out) == (0, True)
    assert cloud.mails.sent_to("nobody-at-all@example.org") == []


def test_logins_are_listed_and_ended(run: Run, bowler_client: ApiClient) -> None:
    """One's own is marked; the other one ends; what is no login is told, and what nobody has as well."""
    listed = json.loads(run("logins", "--json").out)
    assert len(listed) == 3  # the bowler's own, the client's and the command line's
    assert sum(one["is_current"] for one in listed) == 1
    (own,) = [one.id for one in bowler_client.account.logins() if one.is_current]
    assert any(line.startswith("here") for line in run("logins").out.splitlines())
    assert run("end-login", own).out == "The login has ended; what was open there stops within 15 minutes.\n"
    with pytest.raises(LoginNeededError):
        list(bowler_client.account.logins())
    assert run("end-login", own).code == 0
    assert len(json.loads(run("logins", "--json").out)) == 2
    assert run("end-login", "../me").code == 2
    unknown = run("end-login", "0" * 8 + "-0000-4000-8000-" + "0" * 12)
    assert (unknown.code, unknown.out) == (4, "")


def test_all_logins_end_at_once(run: Run, bowler: Bowler, bowler_client: ApiClient) -> None:
    """No other client goes on, and this one has forgotten; once more there is nobody to log out."""
    told = run("log-out", "--everywhere")
    assert (told.code, "All your logins" in told.out) == (0, True)
    assert bowler("GET", "/v1/users/me/logins").status == 401
    with pytest.raises(LoginNeededError):
        list(bowler_client.account.logins())
    again = run("log-out", "--everywhere")
    assert (again.code, again.out) == (5, "")


def test_a_device_gets_another_name(run: Run, bowler_client: ApiClient) -> None:
    """Name and ball change, the ball stays when nothing is said of it, and a device that one does not have is told."""
    serial = new_serial()
    bowler_client.lane.claim(serial, "blue", ball_id="Phaze II")
    assert run("rename-device", serial, "red").out == f"{serial} is called red from now on.\n"
    (device,) = bowler_client.lane.devices()
    assert (device.name, device.ball_id) == ("red", "Phaze II")
    assert json.loads(run("rename-device", serial, "red", "--ball", "", "--json").out)["ball_id"] is None
    unknown = run("rename-device", new_serial(), "red")
    assert (unknown.code, unknown.out) == (4, "")
    with pytest.raises(NotFoundError):
        bowler_client.lane.rename(new_serial(), "red")
    with pytest.raises(UsageError):
        bowler_client.lane.rename("../users/me", "red")


@pytest.mark.parametrize(
    "command",
    [
        "profile",
        "change-profile",
        "change-password",
        "request-password-reset",
        "confirm-password-reset",
        "verify-email",
        "confirm-email",
        "logins",
        "end-login",
        "log-out",
        "rename-device",
        "export",
        "delete-account",
    ],
)
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command shows how it is used, by a line that can be pasted; none takes a secret as an argument."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"  python -m phone_client {command}" in shown
    assert not [word for word in ("--password ", "--code ", "PASSWORD", "CODE") if word in shown]


def test_a_login_too_old_is_an_error_of_its_own(bowler_client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program can lead to its log-in screen, and the account stays."""
    monkeypatch.setattr(logins, "LONGEST_SINCE_PASSWORD", timedelta(seconds=-1))
    with pytest.raises(LoginTooOldError, match="within 10 minutes"):
        bowler_client.account.delete()
    assert bowler_client.account.profile().username == bowler_client.username
