"""The public names: one sorted list, all of them there, told the same way to the interpreter and to type checkers."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import forebay

PUBLIC = [
    "Answers",
    "App",
    "Asker",
    "Collection",
    "Conflict",
    "Dead",
    "Discipline",
    "Document",
    "Drop",
    "Durability",
    "Entry",
    "Failed",
    "ForebayError",
    "Message",
    "Missing",
    "Position",
    "Queue",
    "QueueFull",
    "Request",
    "Response",
    "Retry",
    "RetryPolicy",
    "Running",
    "Subscription",
    "TooLarge",
    "Topic",
    "Unavailable",
    "Undecodable",
    "Unknown",
    "Unsupported",
    "UsageError",
    "Window",
    "Work",
    "__version__",
    "decoder",
    "insist",
    "json_response",
    "new_id",
    "open_asker",
    "open_queue",
    "open_store",
    "open_subscription",
    "open_topic",
    "position_of",
    "problem",
    "retry_after",
    "split_reference",
    "text_response",
]


def test_the_public_names_are_these() -> None:
    assert forebay.__all__ == PUBLIC == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(forebay, name)
    assert name == "__version__" or found.__doc__


def test_each_name_is_the_one_of_the_module_that_has_it() -> None:
    assert sorted(forebay._HOMES) == sorted(set(PUBLIC) - {"__version__"})
    for name, home in forebay._HOMES.items():
        found = getattr(importlib.import_module(home), name)
        assert found is getattr(forebay, name)
        assert found.__module__ == home, f"{name} only passes through {home}"


def test_type_checkers_are_told_the_same_homes() -> None:
    tree = ast.parse(Path(forebay.__file__).read_text("utf-8"))
    (told,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for node in told.body if isinstance(node, ast.ImportFrom)]
    assert {alias.name: node.module for node in imports for alias in node.names} == forebay._HOMES


def test_dir_shows_the_public_names_and_no_other() -> None:
    assert dir(forebay) == sorted(PUBLIC)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = forebay.Nothing


def test_importing_forebay_imports_none_of_its_machinery() -> None:
    code = "import sys, forebay; print(*sorted(m for m in sys.modules if m.startswith('forebay.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["forebay.version"]


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(forebay.__file__).parent / "py.typed").is_file()
