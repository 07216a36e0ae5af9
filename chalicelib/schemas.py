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
    by_name = {kind.__name__: kind for kind in _structs(wanted)}
    for name, schema in schemas.items():
        _describe_fields(schema, by_name.get(name))
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


def _describe_fields(schema: dict[str, Any], kind: type[msgspec.Struct] | None) -> None:
    """Put a docstring where a reader of the schema looks for it: the summary above, each attribute at its field."""
    if kind is None:
        return
    schema["description"] = first_line(kind)
    for name, meaning in attribute_meanings(kind).items():
        if name in schema.get("properties", {}):
            schema["properties"][name] = {**schema["properties"][name], "description": meaning}


def attribute_meanings(kind: type) -> dict[str, str]:
    """Return what a docstring says of each attribute (its Attributes section, in Google's style)."""
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
