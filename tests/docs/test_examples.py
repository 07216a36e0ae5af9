"""The examples of docs/api.md, pasted in their order against a served local cloud."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "api.md"
BETWEEN = "=== the next example ==="
NOT_FOR_A_TEST = "npx "
CODE_OF_THE_PAGE = "CODE=12345678"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not all(shutil.which(program) for program in ("bash", "curl", "openssl", "python3")),
        reason="the examples are for a shell with curl and openssl",
    ),
]


@dataclass(frozen=True)
class Example:
    """A block of the page.

    Attributes:
        commands: What is pasted.
        answer: What the comments at its end say is answered; empty when they say nothing.
    """

    commands: str
    answer: str


def examples() -> list[Example]:
    """Return the blocks of the page, in their order."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        lines = block.splitlines()
        commands = [line for line in lines if not line.startswith(("#", NOT_FOR_A_TEST))]
        answer = "".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
        found.append(Example("\n".join(commands), answer))
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A `local_cloud serve` of its own, as the variables that lead to it."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": ""}
    command = [sys.executable, "-m", "local_cloud", "serve", "--port", "0"]
    with (
        (tmp_path / "mails").open("w") as mails,
        subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=mails, text=True
        ) as cloud,
    ):
        try:
            assert cloud.stdout is not None
            told = {}
            for line in cloud.stdout:
                name, _, value = line.strip().partition(" ")
                told[name] = value.strip()
                if name == "stop":
                    break
            api, aws = (told[name].rpartition(":")[2] for name in ("API", "AWS"))
            yield {**environment, "PORT": api, "AWS_PORT": aws}
        finally:
            cloud.terminate()


def _paste(folder: Path, environment: dict[str, str]) -> list[str]:
    """Run all examples in one shell, in a folder of their own, and return what each of them printed."""
    (folder / ".venv").symlink_to(sys.prefix)
    text = f"\necho; echo '{BETWEEN}'\n".join(example.commands for example in examples())
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{environment['PORT']}")
    assert CODE_OF_THE_PAGE in text
    text = text.replace(CODE_OF_THE_PAGE, "CODE=$(sed -n 's/^ *Your code is \\([0-9]*\\).*/\\1/p' mails | tail -1)")
    done = subprocess.run(
        ["bash", "-eu", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [printed.strip() for printed in done.stdout.split(BETWEEN)]


def _same_form(printed: Any, told: Any) -> bool:
    """Tell whether an answer has the fields that the page shows; texts and figures differ from run to run."""
    if isinstance(printed, dict) and isinstance(told, dict):
        return printed.keys() == told.keys() and all(_same_form(printed[name], told[name]) for name in told)
    if isinstance(printed, list) and isinstance(told, list) and told:
        return len(printed) == len(told) and all(map(_same_form, printed, told))
    return True


def _fits(printed: str, told: str) -> bool:
    if told.startswith("{"):
        return _same_form(json.loads(printed.splitlines()[-1]), json.loads(told))
    if re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", told):
        return re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", printed) is not None
    return printed == told


def test_the_examples_work_as_pasted(served: dict[str, str], tmp_path: Path) -> None:
    """No example of the page is refused, and each prints what the page says, in the page's form."""
    printed = _paste(tmp_path, served)
    assert len(printed) == len(examples()) > 30
    for example, output in zip(examples(), printed, strict=True):
        assert "urn:problem-type" not in output, example.commands
        # Tokens are kept in a variable and printed nowhere.
        assert not example.answer or not output or _fits(output, example.answer), (example.commands, output)
    assert sum(bool(example.answer and output) for example, output in zip(examples(), printed, strict=True)) > 20
    assert sum(output.endswith("identical") for output in printed) == 1
