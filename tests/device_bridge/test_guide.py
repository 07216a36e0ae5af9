"""The operator's guide says what the program does: its messages, settings, exit codes and commands."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import device_bridge
from device_bridge.cli import parser
from device_bridge.cli.arguments import MEANINGS
from device_bridge.cli.parser import build_parser
from device_bridge.errors import ExitCode
from device_bridge.settings import SETTINGS

from .conftest import REPOSITORY

PACKAGE = Path(device_bridge.__file__).parent
GUIDE = (REPOSITORY / "docs" / "bridge.md").read_text(encoding="utf-8")
README = (REPOSITORY / "device_bridge" / "README.md").read_text(encoding="utf-8")
# What a person never sees: errors that other code catches, and the emulator's own.
NOT_SHOWN = ("PacketError", "ValueError", "ArgumentTypeError", "StoppedError", "ModuleNotFoundError")
_SHORTEST = 12


def plain(text: str) -> str:
    """Return a text in the form in which the guide's and the program's are compared."""
    return re.sub(r"\s+", " ", text.replace("`", "'"))


def fragments(node: ast.expr) -> Iterator[str]:
    """Yield the fixed parts of a message."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (
            part.value for part in node.values if isinstance(part, ast.Constant) and isinstance(part.value, str)
        )


def messages() -> Iterator[tuple[str, list[str]]]:
    """Yield where an error is raised, and the fixed parts of its message."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(("emulator/", "cli/emulate")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            error = ast.unparse(node.func)
            if error.endswith("Error") and not error.endswith(NOT_SHOWN):
                yield f"{name}:{node.lineno}", [plain(part) for part in fragments(node.args[0])]


def test_every_error_stands_in_the_guide() -> None:
    """Each message of an error that a person may see is found in the guide by the beginning of a fixed part of it."""
    guide = plain(GUIDE)
    missing = []
    for place, parts in messages():
        long_parts = [part.strip(" .:;,()'") for part in parts if len(part.strip(" .:;,()'")) >= _SHORTEST]
        if long_parts and not any(part[:28].strip() in guide for part in long_parts):
            missing.append(f"{place}: {' ... '.join(long_parts)}")
    assert missing == [], "docs/bridge.md, section 6, lacks these"


def test_every_message_of_the_guide_stands_in_the_program() -> None:
    """Each message in the guide's tables is one of the program's, word for word."""
    program = plain(" ".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")))
    program = re.sub(r"""["'] f?["']""", "", program)
    section = GUIDE.split("## 6. When something is wrong")[1].split("### Events")[0]
    quoted = [
        text
        for line in section.splitlines()
        if line.startswith("| `")
        for text in re.findall(r"`([^`]+)`", line.split(" | ")[0])
    ]
    assert len(quoted) > 100
    strangers = [
        text
        for text in quoted
        for part in plain(text).split("...")
        if len(part.strip(" :;,.()?")) >= _SHORTEST and part.strip(" :;,.()?")[:40] not in program
    ]
    assert strangers == []


def test_every_event_stands_in_the_guide() -> None:
    """Each event that `run` may log stands in the guide, and no other."""
    sources = [*(PACKAGE / "daemon").glob("*.py"), *(PACKAGE / "cli").glob("*.py")]
    text = " ".join(path.read_text(encoding="utf-8") for path in sources)
    named = set(re.findall(r"""(?:Event|_say)\(\s*"([a-z-]+)\"""", text)) | {
        "device-away",
        "device-refused",
        "spool-failed",
        "disk-low",
    }
    section = GUIDE.split("### Events of `run`")[1].split("## 7.")[0]
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", section)) - {"run", "event"} == named


@pytest.mark.parametrize("text", [GUIDE, README], ids=["guide", "README"])
def test_settings_and_exit_codes(text: str) -> None:
    """Both documents name every setting with its flag and variable, and every exit code with its meaning."""
    for setting in SETTINGS:
        assert f"| `{setting.name}` | `{setting.flag}` | `{setting.environ}` |" in text
    for code in ExitCode:
        assert f"| {code:d} | {MEANINGS[code]}" in text


def test_every_command_line_is_one_that_the_parser_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command line in the guide, in the README and in the commands' own help is taken by the parser."""
    helps = []
    for name in parser._MODULES:
        with pytest.raises(SystemExit):
            build_parser([name]).parse_args([name, "--help"])
        helps.append(capsys.readouterr().out.split("exit codes:")[0])
    begin = r"(?:^|`|\$ |  |DEVICE_BRIDGE_\S+ )(?:sudo (?:-u device_bridge )?)?(?:/opt/device_bridge/bin/)?"
    lines = re.findall(rf"{begin}device_bridge ([a-z][^`\n#|&<>]*)", "\n".join([GUIDE, README, *helps]), re.MULTILINE)
    tried = set()
    for line in lines:
        words = shlex.split(line)
        if words and words[0] in parser._MODULES:
            build_parser(words).parse_args(words)
            tried.add(words[0])
    assert tried == set(parser._MODULES)
    assert len(lines) > 80
