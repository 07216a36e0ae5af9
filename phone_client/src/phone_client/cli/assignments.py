"""Fields as they are typed: `FIELD=VALUE`."""

from collections.abc import Iterable

import msgspec

from phone_client.database import ENTRY_TYPES, FieldKind, Fields, Value
from phone_client.errors import UsageError

_TEXTS = frozenset({FieldKind.TEXT, FieldKind.MOMENT, FieldKind.LINK})


def typed_fields(type_name: str, texts: Iterable[str]) -> Fields:
    """Return the fields of an entry that were typed: JSON such as 7, true or null, else the text itself.

    Where a field holds a text, a number is one too: `comment=12`.

    Raises:
        UsageError: There is no `=` in one.
    """
    return dict(_typed(type_name, text) for text in texts)


def _typed(type_name: str, text: str) -> tuple[str, Value]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"{text} is not FIELD=VALUE. Nothing was changed.")
    try:
        decoded: Value = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value
    kind = ENTRY_TYPES.get(type_name)
    field = kind.fields.get(name) if kind else None
    is_text = field is not None and field.kind in _TEXTS
    return name, value if is_text and not isinstance(decoded, str | None) else decoded
