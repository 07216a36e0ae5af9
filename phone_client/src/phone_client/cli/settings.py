"""What the environment decides for the command line."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from phone_client.address import checked_address
from phone_client.errors import UsageError

API_VARIABLE = "PHONE_CLIENT_API"
HOME_VARIABLE = "PHONE_CLIENT_HOME"


def api_url(argument: str | None, environment: Mapping[str, str]) -> str:
    """Return the API's address in one form: the argument, else the variable PHONE_CLIENT_API.

    Raises:
        UsageError: There is none, or it is no address.
    """
    text = argument or environment.get(API_VARIABLE)
    if not text:
        raise UsageError(
            "Which API? A phone keeps a login and a scorebook for each, so commands without a network ask too. "
            f"Type: export {API_VARIABLE}=http://127.0.0.1:8000 with your API's address, or give --api URL."
        )
    # Whether http is allowed is the client's to check, before anything is sent.
    return checked_address(text, allow_http=True)


def home_folder(argument: str | None, environment: Mapping[str, str]) -> Path:
    """Return where a phone keeps its login and its scorebook: two folders are two phones.

    The argument, else the variable PHONE_CLIENT_HOME, else a folder below XDG_STATE_HOME (default `~/.local/state`).
    """
    text = argument or environment.get(HOME_VARIABLE)
    if text:
        return Path(text)
    state_home = Path(environment.get("XDG_STATE_HOME", ""))
    if not state_home.is_absolute():  # the XDG Base Directory Specification: anything else is to be ignored
        state_home = Path.home() / ".local" / "state"
    return state_home / "revmetrix-phone-client"


def token_path(url: str, home: Path) -> Path:
    """Return the file of the login at an API, one for each API."""
    return home / f"login-{_file_name(url)}.json"


def scorebook_path(url: str, home: Path) -> Path:
    """Return the file of the scorebook that is synced with an API, one for each API."""
    return home / f"scorebook-{_file_name(url)}.db"


def _file_name(url: str) -> str:
    readable = re.sub(r"[^a-z0-9.]+", "-", url.partition("://")[2].lower()).strip("-")[:64]
    distinct = hashlib.sha256(url.encode()).hexdigest()[:8]
    return f"{readable}-{distinct}"


def client_name(machine: str) -> str:
    """Return what the command line calls itself in the list of logins, so that one's machines can be told apart."""
    # What RFC 9110 section 5.6.2 and 10.1.5 let stand in the comment of a User-Agent, and nothing longer than a name.
    name = re.sub(r"[^A-Za-z0-9._-]+", "", machine)[:64]
    return f"phone_client ({name})" if name else "phone_client"
