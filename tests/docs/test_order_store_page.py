"""What the page of the order store shows is what happens: its commands are run, its answers compared."""

from __future__ import annotations

import http.client
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from forebay.lab.programs import Intake
from forebay.program import find_program
from forebay.services import SERVICES

SHOWN = re.compile(r"^\$ curl '(?P<url>[^']+)'\n(?P<answer>.+)$", re.MULTILINE)


def test_its_orders_are_made_kept_and_told(
    root: Path, blocks: Callable[[Path, str], list[str]], served: Callable[..., Intake], tmp_path: Path
) -> None:
    pytest.importorskip("mimesis")
    page = root / "docs" / "how-to" / "order-store.md"
    console = next(code for code in blocks(page, "console") if "curl" in code)
    generate, serve = (shlex.split(line[2:]) for line in console.splitlines()[:2])
    subprocess.run([sys.executable, "-m", *generate], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    program = served(*serve[2 : serve.index("--port")])

    shown = [match.group("url", "answer") for match in SHOWN.finditer(console)]
    assert len(shown) == 4
    wait_for(program, "/orders/newest?after=2")
    for url, answer in shown:
        told = get(program, url.removeprefix("http://127.0.0.1:3000"))
        assert told == answer or (answer.endswith("...") and told.startswith(answer[:-3])), url


def test_its_table_has_every_setting_with_its_default(root: Path) -> None:
    page = (root / "docs" / "how-to" / "order-store.md").read_text("utf-8")
    shown = dict(re.findall(r"^\| `--([a-z-]+)` \| `([^`]+)` \|", page, re.MULTILINE))
    own = find_program("orderstore", SERVICES).own
    assert shown == {name.replace("_", "-"): setting.default for name, setting in own.items()}


def wait_for(program: Intake, path: str) -> None:
    """Ask for something that is answered when it is there."""
    assert '"orders":[]' not in get(program, path)


def get(program: Intake, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=60)
    connection.request("GET", path, headers={"host": urlsplit(program.url).netloc})
    try:
        return connection.getresponse().read().decode()
    finally:
        connection.close()
