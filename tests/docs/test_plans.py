"""The page of plans shows what the command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from forebay.cli.plan import plan

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "plan.md"
BLOCKS = re.findall(r"^```console\n\$ forebay plan (.*)\n((?:.*\n)*?)```", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("words", "shown"), BLOCKS, ids=[words for words, _ in BLOCKS])
def test_the_page_shows_what_the_command_prints(words: str, shown: str) -> None:
    assert CliRunner().invoke(plan, shlex.split(words)).output == shown


def test_the_page_has_its_examples() -> None:
    assert len(BLOCKS) == 4
