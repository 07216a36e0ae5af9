import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.mailbox import Mail, Mailbox
from local_cloud.serve import _show_mail

from .conftest import AwsOnPort

SENDER = "no-reply@revmetrix.example"


def send(aws: AwsOnPort, to: str, sender: str = SENDER) -> None:
    """Send a mail as the app does."""
    content: Any = {"Simple": {"Subject": {"Data": "Your code"}, "Body": {"Text": {"Data": "It is 1234.\nBye."}}}}
    aws.client("sesv2").send_email(FromEmailAddress=sender, Destination={"ToAddresses": [to]}, Content=content)


def test_mails_are_kept_and_shown(made_aws: AwsOnPort) -> None:
    """What the template's sender sends is kept by its recipient and shown; what is for nobody is kept alone."""
    shown: list[Mail] = []
    made_aws.emulator.mails.show = shown.append
    for to in ("ada@example.org", "success@simulator.amazonses.com"):
        send(made_aws, to)
    made_aws.emulator.mails.show = None
    expected = Mail(SENDER, ("ada@example.org",), "Your code", "It is 1234.\nBye.")
    assert made_aws.emulator.mails.sent_to("ada@example.org") == shown == [expected]
    assert len(made_aws.emulator.mails.sent_to("success@simulator.amazonses.com")) == 1


def test_a_stranger_sends_nothing(made_aws: AwsOnPort) -> None:
    """A sender that the template does not name is refused, as by SES, and its mail is not kept."""
    with pytest.raises(ClientError, match="not verified"):
        send(made_aws, "bob@example.org", "stranger@example.org")
    assert made_aws.emulator.mails.sent_to("bob@example.org") == []


def test_the_terminal_shows_the_whole_mail(capsys: pytest.CaptureFixture[str]) -> None:
    """`serve` writes a mail's recipient, subject and text to stderr."""
    _show_mail(Mail(SENDER, ("ada@example.org",), "Your code", "It is 1234.\nBye."))
    printed = capsys.readouterr()
    assert printed.err == "local_cloud: a mail to ada@example.org: Your code\n  It is 1234.\n  Bye.\n"
    assert printed.out == ""


def test_only_the_last_mails_are_kept() -> None:
    """A cloud that runs for long does not fill the memory with mails."""
    mailbox = Mailbox()
    simple = {"Subject": {"Data": "s"}, "Body": {}}
    call = {"FromEmailAddress": "a@b", "Destination": {"ToAddresses": ["c@d"]}, "Content": {"Simple": simple}}
    body = json.dumps(call).encode()
    for _ in range(1001):
        mailbox.keep(body)
    assert len(mailbox.sent_to("c@d")) == 1000
