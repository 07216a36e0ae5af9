"""What a new user meets: the help, the first steps, and words that say what to do."""

import json
import platform
import shlex
import uuid

import pytest

from phone_client import ApiClient, PersonalDetails
from phone_client.cli import main
from phone_client.cli.arguments import read_arguments
from phone_client.cli.commands import COMMANDS
from phone_client.cli.settings import client_name
from tests.api import PASSWORD, Api
from tests.chalicelib.lanes import new_serial
from tests.phone_client.command_line import Run

PREFIX = "  python -m phone_client "


def _new_name() -> str:
    return f"new-{uuid.uuid4().hex[:12]}"


def _help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_examples_of_each_help_are_commands_that_exist(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Every command shows examples, of which one is its own, and each of them has arguments that make sense."""
    shown = _help_of(capsys, *([command] if command else [])).partition("examples:\n")[2].splitlines()
    lines = [line.removeprefix(PREFIX).partition("|")[0].partition("<")[0] for line in shown if line.startswith(PREFIX)]
    names = [read_arguments(shlex.split(line, comments=True)).command for line in lines]
    assert names
    assert command in {"", *names}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_argument_of_each_command_is_explained(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """No line of a help that names an argument goes without words on it."""
    lines = _help_of(capsys, command).partition("\n\n")[2].partition("examples:")[0].splitlines()
    named = [number for number, line in enumerate(lines) if line.startswith("  ") and not line.startswith("   ")]
    for number in named:
        is_explained = "  " in lines[number].strip() or lines[number + 1].startswith("      ")
        assert is_explained, lines[number]


def test_who_registers_may_say_more_of_oneself(run: Run) -> None:
    """Names, phone number and handedness go into the profile, and what is left out stays empty."""
    name = _new_name()
    details = ("--first-name", "Ada", "--phone", "+1 555 0100", "--handedness", "left")
    told = run("register", name, f"{name}@example.org", *details, "--password-stdin", "--json", typed=(PASSWORD,))
    user = json.loads(told.out)
    assert (user["first_name"], user["phone"], user["handedness"]) == ("Ada", "+1 555 0100", "left")
    assert user["last_name"] is None
    assert run("register", name, "a@example.org", "--handedness", "left", "--password-stdin", typed=(PASSWORD,)).code


def test_registering_tells_the_next_steps(run: Run) -> None:
    """Logging in, and what to do with the code that is on its way, are named by their commands."""
    name = _new_name()
    told = run("register", name, f"{name}@example.org", "--password-stdin", typed=(PASSWORD,))
    assert f"Next: log-in {name}" in told.out
    assert f"A code is on its way to {name}@example.org; once you are logged in: confirm-email" in told.out


def test_a_program_registers_with_details(api: Api) -> None:
    """The client takes the same details from a program."""
    name = _new_name()
    with ApiClient(api.url) as client:
        user = client.register(name, f"{name}@example.org", PASSWORD, PersonalDetails(last_name="King"))
    assert (user.first_name, user.last_name) == (None, "King")


def test_what_cannot_be_taken_names_the_field_in_one_sentence(run: Run) -> None:
    """A password that is too common is told by its field, without words on requests and without doubled dots."""
    name = _new_name()
    refused = run("register", name, f"{name}@example.org", "--password-stdin", typed=("password123",))
    assert (refused.code, refused.out) == (4, "")
    assert refused.err.startswith("phone_client: This cannot be taken, and nothing was changed. password: ")
    assert ".." not in refused.err


def test_a_wrong_code_names_the_command_for_another(run: Run) -> None:
    """Who typed a wrong code learns which command has another one sent."""
    assert "verify-email" in run("confirm-email", "--code-stdin", typed=("00000000",)).err


def test_a_claim_that_changes_nothing_says_so(run: Run) -> None:
    """Claimed once more under another name, a device keeps its name, and the command that changes it is named."""
    serial = new_serial()
    first = run("claim-device", serial, "--name", "red").out
    assert f"{serial} is yours since 20" in first
    assert first.endswith("Z, and is called red.\n")
    assert run("claim-device", serial, "--name", "red").out == first
    assert f"nothing was changed; for that: rename-device {serial}" in run("claim-device", serial, "--name", "blue").out
    refused = run("claim-device", "no serial!")
    assert (refused.code, "Nothing was sent" in refused.err) == (2, True)


def test_the_list_of_logins_tells_the_machines_apart(run: Run) -> None:
    """The command line calls itself by its name and its machine's, in letters that a header may have."""
    (here,) = [one for one in json.loads(run("logins", "--json").out) if one["is_current"]]
    assert here["client"] == client_name(platform.node())
    assert here["client"].startswith("phone_client")
    assert client_name("Ada's\r\n\N{BOWLING} Mac.local") == "phone_client (AdasMac.local)"
    assert client_name("\N{BOWLING}") == "phone_client"
