"""The page about ammunition shows every format, and each example of it can be fired."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from forebay.load.ammo.files import HELD_BYTES, HELD_SHOTS, AmmoFile
from forebay.load.ammo.notation import FORMATS, ammo_of
from forebay.load.ammo.python import BUILT_IN
from forebay.load.pandora.pools import pools

EXAMPLE = re.compile(r"^## (\S+)\n(?:(?!^## ).)*?^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "reference" / "ammo.md").read_text("utf-8")


@pytest.mark.parametrize("format", FORMATS)
def test_an_example_is_of_its_format_and_can_be_fired(
    format: str, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.json").write_text("{}")
    example = dict(EXAMPLE.findall(page))[format]
    (tmp_path / "ammo").write_text(example)
    told, said = (ammo_of(text, "http://127.0.0.1:8080/orders") for text in ("ammo", f"{format}:ammo"))
    assert isinstance(told, AmmoFile)
    assert isinstance(said, AmmoFile)
    assert told.shots == said.shots
    assert told.shots is not None
    assert len(told.shots) >= 2


def test_the_page_shows_all_formats_and_nothing_else(page: str) -> None:
    assert [format for format, _ in EXAMPLE.findall(page)] == list(FORMATS)
    assert all(f"`forebay:{name}`" in page for name in BUILT_IN)
    assert f"{HELD_SHOTS:,} shots and {HELD_BYTES // 2**20} MiB" in page


def test_the_configuration_of_pandora_that_is_shown_is_one(root: Path) -> None:
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", (root / "docs/how-to/pandora.md").read_text("utf-8"), re.M | re.S)
    (pool,) = pools(yaml.safe_load(shown), root)
    assert pool.firing.seconds == 150
    assert pool.firing.ammo(1).tag == "second"
    assert not pool.notes
