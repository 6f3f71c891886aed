"""The shipped services are built as anybody's could be: of what forebay tells to be public."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import forebay

FOLDER = Path(forebay.__file__).parent / "services"
PUBLIC = {"forebay", "forebay.events", "forebay.quantity"}
GENERATOR = {"forebay.load.profiles.profile", "forebay.load.profiles.shapes"}
"""Made-up orders are fired by a plan: a tool beside the services, which knows the plans of the cannon."""


def imported(path: Path) -> set[str]:
    """Return the modules of forebay outside the services that a module imports from."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name for name in modules if name.split(".")[0] == "forebay" and not name.startswith("forebay.services")}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_service_imports_public_names_alone(path):
    allowed = set(PUBLIC)
    if path.parent.name == "generating" or path.name == "examples.py":
        allowed |= GENERATOR
    if path.parent == FOLDER and path.name == "__init__.py":
        allowed |= {"forebay.program"}
    assert imported(path) <= allowed
