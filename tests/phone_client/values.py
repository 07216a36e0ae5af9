"""Values of every type that a field may hold, and what it means that they are unchanged."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from phone_client.database import ENTRY_TYPES, EntryType, Field, FieldKind
from phone_client.scorebook import EntryError
from tests.phone_client.phones import Phone

WRITTEN_TYPES = [kind for kind in ENTRY_TYPES.values() if not kind.is_read_only]
LARGEST = 2**53
# Any Unicode: NUL, emoji, what is not assigned; a lone surrogate is none.
characters = st.characters(exclude_categories=["Cs"])
moments = st.sampled_from(("2026-11-24T18:00:00Z", "2026-11-24t18:00:00.123456789z", "1999-12-31T23:59:59-12:00"))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(characters, max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(characters, max_size=5), inner, max_size=3),
    max_leaves=5,
)


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """Return what a user may write into a field."""
    least, most = field.least, field.most
    if field.kind is FieldKind.FLAG:
        return st.booleans()
    match field.kind:
        case FieldKind.INTEGER:
            return st.integers(int(least), int(most))
        case FieldKind.NUMBER:
            # The least is 0 throughout, and hypothesis takes -0.0 for less than that; to the server it is not.
            return st.integers(int(least), int(most)) | st.floats(least, most) | st.just(-0.0)
        case FieldKind.MOMENT:
            return moments
        case FieldKind.LINK:
            return st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
    texts = st.text(characters, min_size=int(least), max_size=int(min(most, 40)))
    return st.sampled_from(field.choices) if field.choices else texts


def fields_of(kind: EntryType, links: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    """Return entries of a type, with and without their optional fields, which may be null.

    Args:
        kind: The type.
        links: What fields hold that name an entry which has to be there.
    """
    fields = {name: st.just(links[name]) if name in links else values_of(each) for name, each in kind.fields.items()}
    required = {name: fields[name] for name in kind.required}
    optional = {name: st.none() | each for name, each in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


def exactly(value: Any) -> Any:
    """Return a value so that 1, 1.0 and true differ; a field that is null is no field."""
    if isinstance(value, dict):
        return sorted((name, exactly(each)) for name, each in value.items() if each is not None)
    return type(value).__name__, repr(value)


def parents(phone: Phone) -> dict[str, str]:
    """Add an event, a session and a game, and return their ids by the fields that name them."""
    event_id = phone.book.add("event", name="Tuesdays", kind="league")
    session_id = phone.book.add("session", started_at="2026-11-24T18:00:00Z")
    game_id = phone.book.add("game", session_id=session_id, game_number=1)
    return {"event_id": event_id, "session_id": session_id, "game_id": game_id}


def round_trip(
    kind: EntryType, fields: dict[str, Any], one: Phone, other: Phone, sync: Callable[[Phone], object]
) -> bool:
    """Write an entry on one phone and hold it to what arrives on the other; False when it cannot be written."""
    try:
        entry_id = one.book.add(kind.name, **fields)
    except EntryError:
        return False  # two fields of a shot that contradict each other
    sync(one)
    assert one.decisions.every() == []
    sync(other)
    mine, theirs = one.book.get(kind.name, entry_id), other.book.get(kind.name, entry_id)
    assert mine is not None
    assert theirs is not None
    assert exactly(fields) == exactly(mine.fields) == exactly(theirs.fields)
    return True
