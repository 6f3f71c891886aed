"""Every example runs, and what it says of itself is what happens."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from asking import ask
from forebay.running import settings_of
from forebay.serving import serving

FORM = "application/x-www-form-urlencoded"


def run(root: Path, name: str, folder: Path) -> str:
    """Run an example as a program, warnings as errors, and return what it printed."""
    program = [sys.executable, "-W", "error", str(root / "examples" / name)]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested_and_listed(root: Path) -> None:
    examples = sorted(path.name for path in (root / "examples").glob("*.py"))
    listed = (root / "examples" / "README.md").read_text("utf-8")
    assert [name[:3] for name in examples] == ["01_", "02_", "03_", "04_", "05_", "06_", "07_"]
    assert [name for name in examples if f"[{name}]({name})" not in listed] == []


async def test_the_shop_ships_what_was_ordered_and_buries_an_order_of_nothing(root: Path) -> None:
    app = runpy.run_path(str(root / "examples" / "01_shop.py"))["app"]
    async with app.running(queue="memory://orders") as running:
        shipped = await running.publish("orders", {"product": "mill", "count": 2})
        await running.publish("orders", {"product": "mill", "count": 0})
        await running.drained(timeout=60)
        result = await running.store.get(shipped)
        (ledger,) = await running.ledgers()
    assert json.loads(result.value) == {"shipped": 2}
    assert (ledger.done, ledger.dead, ledger.lost) == (1, 1, 0)


def test_a_batch_settles_each_item_by_itself(root: Path, tmp_path: Path) -> None:
    ledger, calls = run(root, "02_batch.py", tmp_path).splitlines()
    assert ledger.startswith("readings: accepted 1001 = done 1000 ")
    assert ledger.endswith("dead 1; lost 0")
    times, readings = map(int, re.findall(r"\d+", calls))
    assert readings == 1001
    assert 3 <= times <= 10


def test_failures_are_tried_again_and_a_dead_letter_comes_back(root: Path, tmp_path: Path) -> None:
    before, _, letter, returned, after = run(root, "03_retries.py", tmp_path).splitlines()
    assert before == "mails: accepted 4 = done 3 + waiting 0 + in work 0 + retrying 0 + dead 1; lost 0"
    assert letter.split()[1:] == ["3", "TimeoutError:", "closed"]
    assert returned == "returned 1 messages to mails (0 left)"
    assert after == "mails: accepted 4 = done 4 + waiting 0 + in work 0 + retrying 0 + dead 0; lost 0"


async def test_a_mounted_application_takes_orders_beside_endpoints_of_ones_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = runpy.run_path(str(root / "examples" / "04_mounted.py"))
    api, levelled = example["api"], example["levelled"]
    async with api.router.lifespan_context(api):
        posted = await request(api, "POST", "/shop/orders", b'{"product": "mill", "count": 2}')
        checked_out = await request(api, "POST", "/checkout/mill")
        await levelled.running.drained(timeout=60)
        status, headers, _ = posted
        told = await request(api, "GET", headers["location"])
    assert (status, headers["forebay-durability"]) == (202, "fsync")
    assert headers["location"] == f"/shop/orders/{headers['forebay-id']}"
    assert json.loads(told[2])["value"] == {"shipped": 2}
    assert checked_out[0] == 202


def test_an_effect_happens_once_although_its_message_came_twice(root: Path, tmp_path: Path) -> None:
    assert run(root, "05_exactly_once.py", tmp_path).splitlines() == [
        'attempts 2, result "was done before"',
        "pieces left: 7",
    ]


def test_a_driver_of_ones_own_is_opened_by_its_scheme(root: Path, tmp_path: Path) -> None:
    assert run(root, "06_own_driver.py", tmp_path).splitlines() == [
        "shipped: mill",
        "orders: accepted 1 = done 1 + waiting 0 + in work 0 + retrying 0 + dead 0; lost 0",
    ]


async def request(app: Any, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """Send one request to an ASGI application, as its server would."""
    sent: list[MutableMapping[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"%d" % len(body))],
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:])


async def test_the_service_of_its_own_reads_forms_and_tells_the_average_of_its_window(root: Path) -> None:
    app = runpy.run_path(str(root / "examples" / "07_own_service.py"))["make"]("3")
    async with serving(app, settings_of({"queue": "memory://", "port": 0})) as (running, server):
        assert (await ask(server.port, "/average")).status == 503
        assert (await ask(server.port, "/readings", b"")).status == 400
        for celsius in (100, 20, 21, 22):
            form = b"celsius=%d" % celsius
            assert (await ask(server.port, "/readings", form, content_type=FORM)).status == 202
            await running.drained(60)
        assert (await ask(server.port, "/average")).body == b"21.0\n"
