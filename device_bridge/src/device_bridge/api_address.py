"""Addresses that the bridge may send something to."""

from urllib.parse import urlsplit

from device_bridge.errors import UsageError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_api_url(url: str) -> str:
    """Return the API's address without a slash at its end.

    Raises:
        UsageError: It is no http or https address, would send the credential over the network in the clear, or holds
            what may be a secret; then the message does not show it.
    """
    if "@" in url:
        raise UsageError(
            "--api holds a user name or a password (what stands before an @): leave it out, and take the bridge's "
            "credential with `device_bridge enrol`"
        )
    if "?" in url or "#" in url:
        raise UsageError("--api takes an address without a ? or # in it, such as https://example.org")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"--api {url!r} is no address such as https://example.org") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--api {url!r} is no address such as https://example.org")
    if not is_private(url):
        raise UsageError(f"--api {url}: plain http would show the credential to the network; use https")
    return url.rstrip("/")


def is_private(url: str) -> bool:
    """Return whether what is sent there cannot be read on its way: by https anywhere, by http on this computer."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
