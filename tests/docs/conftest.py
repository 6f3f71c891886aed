"""The documents, as every test of them reads them."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forebay.lab.programs import Intake

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.ru.md", ROOT / "examples" / "README.md"]
PAGES = sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts)

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "document" in metafunc.fixturenames:
        documents = [*READMES, *PAGES]
        metafunc.parametrize("document", documents, ids=[str(p.relative_to(ROOT)) for p in documents])


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def blocks() -> Callable[[Path, str], list[str]]:
    """Return the code blocks of a language in a document."""

    def read(document: Path, language: str) -> list[str]:
        return [code for name, code in _BLOCK.findall(document.read_text("utf-8")) if name == language]

    return read


@pytest.fixture(scope="session")
def made_pages() -> dict[str, str]:
    """What docs/generate.py makes of the code as it is now."""
    return dict(runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Intake]]:
    """Serve an application in a folder of its own: ``served("orders", "--limit", "50/s")``."""
    programs: list[Intake] = []

    def serve(*arguments: str) -> Intake:
        programs.append(Intake(arguments, tmp_path))
        programs[-1].start()
        return programs[-1]

    yield serve
    for program in programs:
        program.stop()
