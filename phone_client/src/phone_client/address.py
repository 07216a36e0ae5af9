"""The API's address: checked once, before anything is sent there."""

import ipaddress

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from phone_client.errors import UsageError, WrongAnswerError


def checked_address(text: str, *, allow_http: bool) -> str:
    """Return an API's address in one form, without a slash at its end.

    Args:
        text: Such as `https://api.example.org/prod`.
        allow_http: Whether a machine other than this one may be reached without TLS.

    Raises:
        UsageError: It is no such address, or it would send passwords unencrypted to another machine.
    """
    try:
        url = parse_url(text)
    except LocationParseError as error:
        raise UsageError(f"{text} is not an address.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{text} is not an API's address, which reads https://host or https://host/stage.")
    if url.auth or url.query is not None or url.fragment is not None:
        raise UsageError("An API's address has no username, no query and no fragment.")
    if url.scheme == "http" and not allow_http and not _is_this_machine(url.host):
        raise UsageError(
            f"http://{url.host} would send passwords unencrypted to another machine. Nothing was sent: use https, or "
            "--allow-http in a network that you trust."
        )
    return url.url.rstrip("/")


def checked_link(text: str, *, allow_http: bool) -> str:
    """Return a link that the API gave, to be fetched without any credential.

    Raises:
        WrongAnswerError: It is no such link, or the bytes would travel openly from another machine.
    """
    try:
        url = parse_url(text)
    except LocationParseError as error:
        raise WrongAnswerError("The server gave a link that is no address. Nothing was fetched.") from error
    is_safe = url.scheme == "https" or (
        url.scheme == "http" and (allow_http or (url.host is not None and _is_this_machine(url.host)))
    )
    if not url.host or url.auth or not is_safe:
        raise WrongAnswerError(
            "The server gave a link that is not fetched: it must be https (or --allow-http given), without a username."
        )
    return url.url


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
