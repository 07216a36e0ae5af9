"""Reading a CloudFormation template: parameters, functions in their long form, and the order of the resources.

Understood are Ref, Fn::GetAtt, Fn::Sub (text alone), Fn::Join and Fn::If, and in conditions Fn::Not and Fn::Equals.
What is not understood is an error, never left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

SECTIONS = frozenset(
    {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Conditions", "Outputs", "Resources"}
)
PARAMETER_FIELDS = frozenset({"Type", "Default", "Description", "AllowedPattern", "AllowedValues"})
RESOURCE_FIELDS = frozenset(
    {"Type", "Properties", "DependsOn", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"},
)
"""The policies say what happens when a stack goes; the emulated cloud makes its resources anew and deletes none."""
POLICIES = {
    "DeletionPolicy": frozenset({"Delete", "Retain", "RetainExceptOnCreate"}),
    "UpdateReplacePolicy": frozenset({"Delete", "Retain"}),
}
MERGED_FIELDS = {"DependsOn"}
"""The only field of an entry that is no resource of its own.

`chalice package --merge-template` merges such an entry into the function of that name, which Chalice describes and the
local cloud gets from the app; that it waits for a resource says nothing here, where all resources are made first.
"""
CHALICES_OWN = frozenset({"RestAPI", "APIHandler", "ProcessCapture", "RunJob"})
"""The API and the functions, which Chalice describes too: an entry of such a name adds to them.

The local cloud has a gateway and functions of its own.
"""

PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::URLSuffix": "amazonaws.com",
}


class TemplateError(Exception):
    """The template asks for something that the local cloud does not know; the message names it."""


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that exists.

    Attributes:
        ref: What `Ref` gives.
        attributes: What `Fn::GetAtt` gives, by name.
    """

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as the template describes it, its functions not yet resolved."""

    logical_id: str
    type: str
    properties: dict[str, Any]
    depends_on: tuple[str, ...]


class Template:
    """A template with the values of its parameters.

    Args:
        path: The YAML file.
        parameters: Values of parameters by name; the others take their defaults.

    Raises TemplateError for a section, parameter or field that is not known or not allowed.
    """

    def __init__(self, path: Path, parameters: Mapping[str, str]) -> None:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        known_only(content, SECTIONS, str(path))
        declared = content.get("Parameters") or {}
        known_only(parameters, declared.keys(), "the parameters")
        self.parameters = {name: _parameter(name, field, parameters) for name, field in declared.items()}
        self._resources = {
            logical_id: _resource(logical_id, fields)
            for logical_id, fields in content["Resources"].items()
            if fields.keys() != MERGED_FIELDS and logical_id not in CHALICES_OWN
        }
        self._conditions = {
            name: self._holds(name, condition) for name, condition in (content.get("Conditions") or {}).items()
        }

    def in_order(self) -> Iterator[Resource]:
        """Return the resources, each after those that it refers to or depends on."""
        order = TopologicalSorter(
            {
                resource.logical_id: {*resource.depends_on, *_references(resource.properties)} & self._resources.keys()
                for resource in self._resources.values()
            }
        )
        try:
            return iter([self._resources[logical_id] for logical_id in order.static_order()])
        except CycleError as error:
            raise TemplateError(f"the resources refer to each other in a circle: {error.args[1]}") from error

    def resolve(self, value: Any, made: Mapping[str, Made]) -> Any:
        """Return `value` with every function replaced by what it stands for; `made` holds the resources so far.

        Raises TemplateError for an unknown function, name or attribute.
        """
        if isinstance(value, list):
            return [item for item in (self.resolve(item, made) for item in value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        name = _function_name(value)
        if name is None:
            resolved = {key: self.resolve(item, made) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not _NO_VALUE}
        functions: dict[str, Callable[[Any, Mapping[str, Made]], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
        }
        if name not in functions:
            raise TemplateError(f"the function {name} is not known to the local cloud")
        return _NO_VALUE if value == {"Ref": "AWS::NoValue"} else functions[name](value[name], made)

    def _holds(self, name: str, condition: Any) -> bool:
        match condition:
            case {"Fn::Not": [inner], **rest} if not rest:
                return not self._holds(name, inner)
            case {"Fn::Equals": [left, right], **rest} if not rest:
                return bool(self.resolve(left, {}) == self.resolve(right, {}))
        raise TemplateError(f"condition {name}: the local cloud knows Fn::Not and Fn::Equals alone")

    def _if(self, value: list[Any], made: Mapping[str, Made]) -> Any:
        condition, then, otherwise = value
        if condition not in self._conditions:
            raise TemplateError(f"Fn::If: {condition} is no condition")
        return self.resolve(then if self._conditions[condition] else otherwise, made)

    def _ref(self, name: str, made: Mapping[str, Made]) -> str:
        known = (
            PSEUDO_PARAMETERS | self.parameters | {logical_id: resource.ref for logical_id, resource in made.items()}
        )
        if name not in known:
            raise TemplateError(f"Ref: {name} is no parameter and no resource")
        return str(known[name])

    def _get_att(self, target: list[str] | str, made: Mapping[str, Made]) -> str:
        logical_id, attribute = target.split(".", 1) if isinstance(target, str) else target
        if logical_id not in made or attribute not in made[logical_id].attributes:
            raise TemplateError(f"Fn::GetAtt: the local cloud knows no {attribute} of {logical_id}")
        return made[logical_id].attributes[attribute]

    def _sub(self, text: Any, made: Mapping[str, Made]) -> str:
        if not isinstance(text, str):
            raise TemplateError("Fn::Sub is known with a text alone, not with a list")
        return _SUB_NAME.sub(lambda match: self._sub_name(match, made), text).replace("${!", "${")

    def _sub_name(self, match: re.Match[str], made: Mapping[str, Made]) -> str:
        name = match[1]
        return self._get_att(name, made) if "." in name else self._ref(name, made)

    def _join(self, value: list[Any], made: Mapping[str, Made]) -> str:
        separator, parts = value
        return str(separator).join(self.resolve(parts, made))


def known_only(content: Any, known: Any, where: str) -> None:
    """Raise TemplateError when the mapping `content`, found at `where`, has a key that is not in `known`."""
    if unknown := sorted(set(content) - set(known)):
        raise TemplateError(f"{where}: the local cloud does not know {', '.join(unknown)}")


_NO_VALUE = object()
"""What `Ref: AWS::NoValue` gives: the property or the item is left out."""
_SUB_NAME = re.compile(r"\$\{([^!}]+)\}")


def _parameter(name: str, declared: dict[str, Any], given: Mapping[str, str]) -> str:
    known_only(declared, PARAMETER_FIELDS, f"parameter {name}")
    if declared["Type"] != "String":
        raise TemplateError(f"parameter {name}: the local cloud does not know the type {declared['Type']}")
    value = given.get(name, declared.get("Default"))
    if value is None:
        raise TemplateError(f"parameter {name} has neither a value nor a default")
    if not re.fullmatch(declared.get("AllowedPattern", ".*"), value):
        raise TemplateError(f"parameter {name}: {value!r} does not match {declared['AllowedPattern']}")
    if value not in declared.get("AllowedValues", [value]):
        raise TemplateError(f"parameter {name}: {value!r} is not one of {declared['AllowedValues']}")
    return str(value)


def _resource(logical_id: str, content: dict[str, Any]) -> Resource:
    known_only(content, RESOURCE_FIELDS, logical_id)
    if "Type" not in content:
        raise TemplateError(f"{logical_id} has no Type, nor DependsOn alone")
    for policy, known in POLICIES.items():
        if content.get(policy, "Retain") not in known:
            raise TemplateError(f"{logical_id}: the local cloud does not know the {policy} {content[policy]}")
    depends_on = content.get("DependsOn", ())
    return Resource(
        logical_id,
        content["Type"],
        content.get("Properties", {}),
        (depends_on,) if isinstance(depends_on, str) else tuple(depends_on),
    )


def _function_name(value: dict[str, Any]) -> str | None:
    if len(value) != 1:
        return None
    name: str = next(iter(value))
    # A policy's Condition is the one place where a plain key may stand alone and look like nothing else: only these do.
    return name if name == "Ref" or name.startswith("Fn::") else None


def _references(value: Any) -> Iterator[str]:
    """Yield every name that `value` refers to, of parameters and of resources."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        match _function_name(value):
            case "Ref":
                yield value["Ref"]
            case "Fn::GetAtt":
                target = value["Fn::GetAtt"]
                yield target.split(".", 1)[0] if isinstance(target, str) else target[0]
            case "Fn::Sub":
                yield from (name.partition(".")[0] for name in _SUB_NAME.findall(str(value["Fn::Sub"])))
            case _:
                yield from _references(list(value.values()))
