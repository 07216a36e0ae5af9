"""Whether fields fit their entry's type and hold together within one entry. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from chalicelib.errors import FieldError
from chalicelib.forms import told
from chalicelib.scorebook.entry_fields import PINS
from chalicelib.scorebook.entry_types import EntryType
from chalicelib.scorebook.moments import read_moment


def field_errors(entry_type: EntryType, fields: Mapping[str, Any], *, is_whole: bool) -> tuple[FieldError, ...]:
    """Return what does not fit in some fields, each with its path.

    Args:
        entry_type: Of which type.
        fields: As they were sent.
        is_whole: Whether they are a whole entry, which has what is required and holds together; a part of one may lack
            both.
    """
    try:
        _convert(entry_type, fields, is_whole=is_whole)
    except msgspec.ValidationError:
        return _each_error(entry_type, fields, is_whole=is_whole)
    errors = tuple(_moment_errors(entry_type, fields))
    if is_whole and not errors and entry_type.name == "shot":
        return tuple(_shot_errors(fields))
    return errors


_PARTS: dict[str, type[msgspec.Struct]] = {}


def _convert(entry_type: EntryType, fields: Mapping[str, Any], *, is_whole: bool) -> None:
    kind = entry_type.fields if is_whole else _part_of(entry_type)
    msgspec.convert(fields, kind)


def _part_of(entry_type: EntryType) -> type[msgspec.Struct]:
    """Return a struct with the same fields, none of which must be there."""
    if entry_type.name not in _PARTS:
        found = [(each.name, each.type | msgspec.UnsetType, msgspec.UNSET) for each in _declared(entry_type).values()]
        _PARTS[entry_type.name] = msgspec.defstruct(
            f"Some{entry_type.fields.__name__}", found, forbid_unknown_fields=True, kw_only=True
        )
    return _PARTS[entry_type.name]


def _declared(entry_type: EntryType) -> dict[str, msgspec.structs.FieldInfo]:
    return {each.name: each for each in msgspec.structs.fields(entry_type.fields)}


def _each_error(entry_type: EntryType, fields: Mapping[str, Any], *, is_whole: bool) -> tuple[FieldError, ...]:
    declared, errors = _declared(entry_type), []
    for name, value in fields.items():
        if name not in declared:
            errors.append(FieldError(f"$.fields.{name[:64]}", f"A {entry_type.name} has no such field"))
            continue
        try:
            msgspec.convert(value, declared[name].type)
        except msgspec.ValidationError as error:
            errors.append(FieldError(f"$.fields.{name}", _told(error)))
    if is_whole:
        missing = (each for each in declared.values() if each.required and each.name not in fields)
        errors += [FieldError(f"$.fields.{each.name}", "It is required") for each in missing]
    return tuple(errors)


def _told(error: msgspec.ValidationError) -> str:
    return told(str(error).partition(" - at `")[0])


_MOMENTS = ("started_at", "thrown_at")


def _moment_errors(entry_type: EntryType, fields: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    for name in _MOMENTS:
        if fields.get(name) is not None and name in entry_type.fields.__struct_fields__:
            try:
                read_moment(fields[name])
            except ValueError as error:
                errors.append(FieldError(f"$.fields.{name}", str(error)))
    return errors


def _shot_errors(fields: Mapping[str, Any]) -> list[FieldError]:
    """Return what does not hold together within a shot."""
    standing, count = fields.get("pins_standing"), fields.get("count")
    errors = []
    if standing is None and count is None:
        errors.append(FieldError("$.fields.count", "One of pins_standing and count is required"))
    if fields.get("game_id") is not None and fields.get("frame_number") is None:
        errors.append(FieldError("$.fields.frame_number", "It is required for a shot of a game"))
    if standing is not None and count is not None:
        most = PINS - int(standing).bit_count()
        if fields["shot_number"] == 1 and count != most:
            errors.append(FieldError("$.fields.count", f"With these pins standing a first shot has a count of {most}"))
        elif count > most:
            errors.append(FieldError("$.fields.count", f"With these pins standing the count is at most {most}"))
    return errors
