"""Types as JSON Schema, with what their docstrings say at each field (JSON Schema 2020-12)."""

import inspect
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import msgspec.inspect

REFERENCE = "#/components/schemas/{name}"
_ATTRIBUTE = re.compile(r"\s{8}(\w+): (.+)")


def component_schemas(kinds: Iterable[Any]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """Return a reference for each of some types, and the schemas that they lead to, by name."""
    wanted = list(dict.fromkeys(kinds))
    found, schemas = msgspec.json.schema_components(wanted, ref_template=REFERENCE)
    for kind in _structs(wanted):
        if kind.__name__ in schemas:
            _describe_fields(schemas[kind.__name__], kind)
            _mark_times(schemas[kind.__name__], kind)
            _tell_defaults(schemas[kind.__name__], kind)
    return dict(zip(wanted, found, strict=True)), {name: _portable(schema) for name, schema in schemas.items()}


def _structs(kinds: Iterable[Any]) -> list[type[msgspec.Struct]]:
    """Return the structs among some types and those that their fields lead to."""
    found: list[type[msgspec.Struct]] = []
    waiting = [msgspec.inspect.type_info(kind) for kind in kinds]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType) and info.cls not in found:
            found.append(info.cls)
            waiting += [field.type for field in info.fields]
        waiting += [
            *getattr(info, "types", ()),
            *getattr(info, "item_types", ()),
            *(
                inner
                for name in ("item_type", "value_type", "type")
                if (inner := getattr(info, name, None)) is not None
            ),
        ]
    return found


def _describe_fields(schema: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Put a docstring where a reader of the schema looks for it: the summary above, each attribute at its field."""
    schema["description"] = first_line(kind)
    for name, meaning in attribute_meanings(kind).items():
        if name in schema.get("properties", {}):
            schema["properties"][name] = {**schema["properties"][name], "description": meaning}


def _tell_defaults(schema: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Say defaults in words, and require what an answer always has.

    Generators of clients take a field with a default for one that must be sent, and one that is not required for one
    that may be missing from an answer.
    """
    properties = schema.get("properties", {})
    for field in properties.values():
        default = field.pop("default", None)
        if default not in (None, [], {}):
            field["description"] = f"{field.get('description', '')} By default {default!r}.".strip()
    config = kind.__struct_config__
    # What is read refuses unknown fields; what is written does not.
    if not config.forbid_unknown_fields and not config.omit_defaults:
        unset = {field.encode_name for field in msgspec.structs.fields(kind) if field.default is msgspec.UNSET}
        schema["required"] = [name for name in properties if name not in unset]


def _mark_times(schema: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Name the format of a struct's times, which msgspec leaves out where a time without a zone may stand as well."""
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined] # a struct's
        if field.encode_name in schema.get("properties", {}):
            _mark_time(schema["properties"][field.encode_name], field.type)


def _mark_time(schema: dict[str, Any], info: msgspec.inspect.Type) -> None:
    if isinstance(info, msgspec.inspect.DateTimeType):
        schema["format"] = "date-time"
    elif isinstance(info, msgspec.inspect.UnionType):
        for inner in info.types:
            for choice in schema.get("anyOf", []):
                if isinstance(inner, msgspec.inspect.DateTimeType) and choice.get("type") == "string":
                    choice["format"] = "date-time"
    elif (item := getattr(info, "item_type", None)) is not None and isinstance(schema.get("items"), dict):
        _mark_time(schema["items"], item)


def attribute_meanings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the docstrings of a type and those it extends say of each field, by its name in JSON."""
    meanings: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if issubclass(each, msgspec.Struct) and each is not msgspec.Struct:
            meanings |= _own_meanings(each)
    encoded = dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
    return {encoded.get(name, name): meaning for name, meaning in meanings.items()}


def _own_meanings(kind: type) -> dict[str, str]:
    """Return what the Attributes section of a docstring says."""
    meanings: dict[str, str] = {}
    name = ""
    for line in (kind.__doc__ or "").partition("Attributes:")[2].splitlines():
        match = _ATTRIBUTE.fullmatch(line)
        if match:
            name = match[1]
            meanings[name] = match[2]
        elif name and line.strip():
            meanings[name] += " " + line.strip()
    return meanings


def inline_schema(kind: Any) -> dict[str, Any]:
    """Return a type's schema in one piece, without references."""
    schema = msgspec.json.schema(kind)
    definitions = schema.pop("$defs", {})
    reference = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    inlined: dict[str, Any] = _portable(definitions.get(reference, schema))
    return inlined


def _portable(schema: Any) -> Any:
    """Return a schema whose patterns every language reads: Python's own end of text is not among them."""
    if isinstance(schema, dict):
        return {
            name: str(value).replace(r"\Z", "$") if name == "pattern" else _portable(value)
            for name, value in schema.items()
        }
    return [_portable(item) for item in schema] if isinstance(schema, list) else schema


def first_line(kind: Any) -> str:
    """Return the summary of a type's docstring, nothing for what is no type of ours."""
    if kind in (None, bytes) or isinstance(kind, str):
        return ""
    return (inspect.getdoc(kind) or "").partition("\n")[0]
