"""The pages agree with the tree: links, paths, commands, problem types and settings."""

import importlib
import importlib.util
import re
import shlex
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chalicelib.errors import Problem
from device_bridge.cli.parser import build_parser
from maintenance.__main__ import _parser as migration_parser
from phone_client.cli.arguments import read_arguments

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "smartdot/*.md", "device_bridge/*.md", "phone_client/*.md", "tenpin/*.md")
    for page in PROJECT.glob(pattern)
)
OURS = (
    "chalicelib",
    "local_cloud",
    "maintenance",
    "bench",
    "tests",
    "infra",
    "smartdot",
    "device_bridge",
    "phone_client",
    "tenpin",
)
MADE = {"bench/results/latest.json"}
"""What is made by a command and therefore not in the tree."""
PARSERS: dict[str, Callable[[Sequence[str]], Namespace]] = {
    "device_bridge": lambda words: build_parser(words).parse_args(words),
    "maintenance": lambda words: migration_parser().parse_args(words),
    "phone_client": read_arguments,
}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]+)`")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """Return the names by which a page's headings are linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """Each link inside the project leads to a file that is there, and to a heading that it has."""
    for link in _LINK.findall(_prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@each_page
def test_paths_and_modules_are_there(page: Path) -> None:
    """Each path of the project that a page quotes is there, and each module that a command runs."""
    text = page.read_text(encoding="utf-8")
    quoted = {path for path in _QUOTED.findall(_prose(page)) if re.fullmatch(r"[\w./-]+/[\w./-]*\w", path)}
    ours = {path for path in quoted - MADE if path.split("/")[0] in OURS}
    # The page on security names tests from their folder.
    assert {path for path in ours if not (PROJECT / path).exists() and not (PROJECT / "tests" / path).exists()} == set()
    modules = {module for module in re.findall(r"python3? -m ([\w.]+)", text) if module.split(".")[0] in OURS}
    assert [module for module in sorted(modules) if importlib.util.find_spec(module) is None] == []


def test_command_lines_are_taken_by_their_programs() -> None:
    """Each command line of a page is one that the program's own parser takes, comments left out."""
    tried = []
    for page in PAGES:
        for block in _FENCE.findall(page.read_text(encoding="utf-8")):
            for name, line in re.findall(r"^(?:\.venv/bin/)?python -m (\w+) ([^#\n|<>&]+)", block, re.MULTILINE):
                if name in PARSERS:
                    PARSERS[name](shlex.split(line))
                    tried.append(name)
    assert set(tried) == set(PARSERS)
    assert len(tried) > 30


@each_page
def test_pages_name_no_one_machine(page: Path) -> None:
    """No page holds a path of the machine that it was written on."""
    text = page.read_text(encoding="utf-8")
    assert [path for path in (f"{PROJECT}/", f"{Path.home()}/") if path in text] == []


def _subclasses(problem: type[Problem]) -> set[type[Problem]]:
    return {problem}.union(*(_subclasses(each) for each in problem.__subclasses__()))


def test_every_problem_has_its_row() -> None:
    """Each type of problem that the controller knows stands in the table of docs/api.md beside its status."""
    importlib.import_module("app")
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+)\|", (PROJECT / "docs/api.md").read_text(encoding="utf-8"), re.MULTILINE)
    told = {(int(status), name) for status, names in rows for name in _QUOTED.findall(names)}
    known = {
        (problem.status, problem.name)
        for problem in _subclasses(Problem) - {Problem}
        if problem.__module__.startswith("chalicelib.")
    }
    assert len(known) > 30
    assert known - told == set()


def test_every_setting_has_its_row() -> None:
    """Each variable that the functions read stands in the table of docs/operations.md."""
    source = (PROJECT / "chalicelib/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'(?:environ\.get|_figure)\("([A-Z_]+)"', source))
    rows = "\n".join(
        re.findall(r"^\| `[A-Z].*$", (PROJECT / "docs/operations.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert len(read) > 10
    assert {name for name in read if f"`{name}`" not in rows} == set()


def test_every_decision_is_in_the_list() -> None:
    """Each page of docs/decisions is in its list, once, by the number and title that it begins with."""
    listed = (PROJECT / "docs/decisions/README.md").read_text(encoding="utf-8")
    pages = sorted((PROJECT / "docs/decisions").glob("0*.md"))
    assert re.findall(r"\]\((0\d{3}-[a-z-]+\.md)\)", listed) == [page.name for page in pages]
    for page in pages:
        assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:4]} "), page.name
