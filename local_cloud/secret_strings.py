"""Drawing a secret as CloudFormation's GenerateSecretString does, from the system's source of randomness.

moto's own source is seeded and meant to be repeatable, so nothing that protects something comes from it.
Source: "AWS::SecretsManager::Secret GenerateSecretString", AWS CloudFormation User Guide.
"""

import json
import secrets
import string
from typing import Any

from local_cloud.template import TemplateError, known_only

KINDS = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}
KNOWN = (
    *KINDS,
    "ExcludeCharacters",
    "GenerateStringKey",
    "IncludeSpace",
    "PasswordLength",
    "RequireEachIncludedType",
    "SecretStringTemplate",
)
DEFAULT_LENGTH = 32


def draw_secret(rules: dict[str, Any], where: str) -> str:
    """Return a new secret's text: a password, or the template's JSON object with a password under GenerateStringKey.

    `rules` are the properties of GenerateSecretString of the resource `where`. Raises TemplateError for a property that
    is not known and for rules that no password can keep.
    """
    known_only(rules, KNOWN, f"{where} GenerateSecretString")
    password = _password(rules, where)
    if "SecretStringTemplate" not in rules:
        return password
    return json.dumps({**json.loads(rules["SecretStringTemplate"]), rules["GenerateStringKey"]: password})


def _password(rules: dict[str, Any], where: str) -> str:
    kinds = [characters for name, characters in KINDS.items() if not rules.get(name, False)]
    if rules.get("IncludeSpace", False):
        kinds.append(" ")
    excluded = rules.get("ExcludeCharacters", "")
    kinds = ["".join(character for character in kind if character not in excluded) for kind in kinds]
    kinds = [kind for kind in kinds if kind]
    length = int(rules.get("PasswordLength", DEFAULT_LENGTH))
    one_of_each = bool(rules.get("RequireEachIncludedType", True))
    if not kinds or (one_of_each and length < len(kinds)):
        raise TemplateError(f"{where}: no password can keep the rules of GenerateSecretString")
    while True:
        password = "".join(secrets.choice("".join(kinds)) for _ in range(length))
        if not one_of_each or all(any(character in kind for character in password) for kind in kinds):
            return password
