"""Fields as they are typed: `FIELD=VALUE`."""

from typing import Any

import msgspec

from phone_client.errors import UsageError


def assignment(text: str) -> tuple[str, Any]:
    """Return a field and its value: JSON such as 7, true or null, else the text itself.

    Raises:
        UsageError: There is no `=` in it.
    """
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"{text} is not FIELD=VALUE. Nothing was changed.")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value
