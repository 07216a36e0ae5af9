"""Sending mail, through Amazon SES."""

import logging
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.accounts.letters import Letter
from chalicelib.errors import Problem
from chalicelib.settings import region, settings

NOBODY = "success@simulator.amazonses.com"
"""SES's own address that takes mail and delivers it to no one (SES Developer Guide, "Mailbox simulator")."""
_LOG = logging.getLogger("chalicelib.mail")


class MailUnavailable(Problem):
    """The mail could not be sent."""

    status = 503
    name = "mail-unavailable"


def send(address: str, letter: Letter) -> None:
    """Send a mail; when this returns, SES has it.

    Raises:
        MailUnavailable: SES did not take it.
    """
    content = {"Subject": {"Data": letter.subject}, "Body": {"Text": {"Data": letter.text}}}
    try:
        _client().send_email(
            FromEmailAddress=settings().mail_sender,
            Destination={"ToAddresses": [address]},
            Content={"Simple": content},
        )
    except (ClientError, BotoCoreError) as error:
        # SES's own words can hold the address, which the log must not.
        _LOG.error("a mail was not taken by SES: %s", _kind(error))
        raise MailUnavailable("Nothing was changed. Please try again in a few minutes.") from error


def _kind(error: ClientError | BotoCoreError) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


@cache
def _client() -> Any:
    return boto3.client("sesv2", region_name=region(), config=Config(connect_timeout=2, read_timeout=5))
