"""Draws the pictures of the documents, each by the command that stands under it: ``python docs/draw.py``.

A test draws them again and compares, so no picture can show what its command no longer draws.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from forebay.cli import program

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures"
_SHOWN = re.compile(
    r"^!\[[^\]]+\]\(\.\./pictures/([\w-]+\.svg)\)\n\n```console\n\$ (forebay draw .+)\n```$", re.MULTILINE
)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield the file of each picture that a page shows, and the words of the command under it."""
    for page in sorted((DOCS / "explanation").glob("*.md")):
        for name, line in _SHOWN.findall(page.read_text("utf-8")):
            yield name, shlex.split(line)[1:]


def drawn(words: list[str]) -> str:
    """Return what a command writes into its file."""
    *words, name = words
    assert words[-1] == "--svg", "the command under a picture ends with --svg and the file"
    with TemporaryDirectory() as folder:
        file = Path(folder) / name
        program.main([*words, str(file)], standalone_mode=False)
        return file.read_text("utf-8")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for name, words in commands():
        (PICTURES / name).write_text(drawn(words), "utf-8")
        print(f"docs/pictures/{name}")
