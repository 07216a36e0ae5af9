"""Which addresses of an API are taken, and in what form they are kept."""

import pytest

from phone_client import ApiClient, Connection, UsageError


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org",
        "http://192.168.1.5:8000",
        "http://127.0.0.1.example.org",
        "ftp://api.example.org",
        "api.example.org",
        "https://",
        "https://ada:secret@api.example.org",
        "https://api.example.org/?stage=prod",
        "https://api.example.org/#prod",
        "http://[::1",
        "",
    ],
)
def test_an_address_that_cannot_be_right_is_refused(url: str) -> None:
    """Passwords go over TLS or stay on this machine, and an address is nothing but an address."""
    with pytest.raises(UsageError):
        ApiClient(url)


def test_http_to_another_machine_can_be_allowed_and_the_address_gets_one_form() -> None:
    """A development server in the house may be reached when its user says so."""
    with ApiClient("HTTP://192.168.1.5:8000/", connection=Connection(allow_http=True)) as client:
        assert client.api_url == "http://192.168.1.5:8000"
    with ApiClient("http://[::1]:8000/prod/") as client:
        assert client.api_url == "http://[::1]:8000/prod"
