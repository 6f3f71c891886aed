"""The tree can be read: no long modules, no drawers, no cycles, one version."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import forebay

ROOT = Path(__file__).parents[1]
PACKAGE = Path(forebay.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 400
DRAWERS = re.compile(r"utils?|common|helpers?|core|base|managers?|misc|shared|stuff|tools?")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_has_one_idea(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST
    assert not DRAWERS.fullmatch(path.stem), f"{path.name}: name what is in the drawer"
    assert not [folder for folder in path.relative_to(PACKAGE).parent.parts if DRAWERS.fullmatch(folder)]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_can_be_read_too(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), f"{path} has no docstring"


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {name: set(_imports(name, path)) for name, path in _names()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_a_cycle_would_be_found() -> None:
    with pytest.raises(ValueError, match="cycle"):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    assert "forebay.errors" in set(_imports("forebay.url", PACKAGE / "url.py"))


def test_version_and_changelog_agree() -> None:
    releases = re.findall(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    version, date = releases[0]
    assert version == forebay.__version__
    assert date == "unreleased" or re.fullmatch(r"\d{4}-\d\d-\d\d", date)


def test_the_version_is_written_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "version" not in project
    assert "version" in project["dynamic"]


def test_decisions_are_numbered_and_dated() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        assert re.match(rf"# {int(path.name[:4])}\. .+\n\n\d{{4}}-\d\d-\d\d\n", path.read_text("utf-8")), path.name


def _names() -> Iterator[tuple[str, Path]]:
    for path in MODULES:
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(["forebay", *parts]).removesuffix(".__init__"), path


def _imports(name: str, path: Path) -> Iterator[str]:
    """Yield the modules of ours that are imported when this one is, those for type checkers only left out."""
    known = {known for known, _ in _names()}
    for node in _executed(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & known - {name}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in known or node.module in known:
                    yield from {full if full in known else node.module} - {name}


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what runs on import: neither the bodies of functions nor what is for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _executed(child)
