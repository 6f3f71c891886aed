"""The pictures of the documents are what the commands under them draw."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DRAWING: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "draw.py"))
SHOWN = dict(DRAWING["commands"]())


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_is_what_its_command_draws(name: str) -> None:
    committed = (ROOT / "docs" / "pictures" / name).read_text("utf-8")
    assert committed == DRAWING["drawn"](SHOWN[name]), "the code has changed; run: python docs/draw.py"


def test_every_picture_is_shown_and_every_picture_shown_has_its_command() -> None:
    pages = [page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts]
    shown = {name for page in pages for name in re.findall(r"\(\.\./pictures/([^)]+)\)", page)}
    assert shown == set(SHOWN) == {path.name for path in (ROOT / "docs" / "pictures").iterdir()}


def test_a_command_names_the_file_of_its_picture() -> None:
    assert [name for name, words in SHOWN.items() if words[-1] != name] == []


def test_there_are_ten() -> None:
    page = (ROOT / "docs" / "explanation" / "ten-pictures.md").read_text("utf-8")
    assert re.findall(r"^## (\d+)\.", page, re.MULTILINE) == [str(i) for i in range(1, 11)]
    assert page.count("](../pictures/") == 10
