"""The READMEs are true: their example is the one that is tested, their curl lines get the answers shown."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from forebay.lab.programs import Intake

Blocks = Callable[[Path, str], list[str]]
Served = Callable[..., Intake]

MAKE = re.compile(r"`?\bmake ([a-z]+)\b")


def test_its_application_is_the_first_example(root: Path, blocks: Blocks) -> None:
    (shown,) = blocks(root / "README.md", "python")
    example = (root / "examples" / "01_shop.py").read_text("utf-8")
    assert _without_blank_lines(shown) == _without_blank_lines(example)
    assert len(_without_blank_lines(shown)) <= 15


def test_its_curl_line_gets_the_answer_that_it_shows(
    root: Path, blocks: Blocks, served: Served, tmp_path: Path
) -> None:
    console = next(code for code in blocks(root / "README.md", "console") if "curl" in code)
    line, shown = re.search(r"^\$ (curl .+)\n((?:.+\n)+)", console, re.MULTILINE).groups()  # type: ignore[union-attr]
    status, *headers = shown.splitlines()
    shutil.copy(root / "examples" / "01_shop.py", tmp_path / "shop.py")

    answer, body = _curl(line, served("shop:app").port)

    assert status == f"HTTP/1.1 {answer.status} {answer.reason}"
    for header in headers:
        name, _, value = header.partition(": ")
        sent = answer.headers[name]
        assert sent == value or (value.endswith("...") and len(sent) > len(value)), header
    assert json.loads(body)["status"] == "accepted"


def test_the_russian_curl_line_orders(root: Path, blocks: Blocks, served: Served) -> None:
    lines = [line for code in blocks(root / "README.ru.md", "console") for line in code.splitlines()]
    (curl,) = [line[2:] for line in lines if line.startswith("$ curl -d")]
    (serve,) = [line.split()[2:] for line in lines if line.startswith("$ forebay serve orders --workers")]

    answer, body = _curl(curl, served(*serve[1:]).port)

    assert (answer.status, json.loads(body)) == (200, {"result": "created"})
    assert answer.headers["forebay-durability"] == "fsync"


def test_the_russian_curl_lines_rate_and_save(root: Path, blocks: Blocks, served: Served) -> None:
    lines = [line for code in blocks(root / "README.ru.md", "console") for line in code.splitlines()]
    rate, total, save = [line[2:] for line in lines if line.startswith("$ curl") and " -d " not in line]
    ratings = served("ratings", "--window", "10", "--range", "0..10").port

    assert _curl(rate, ratings)[0].status == 200
    for told in iter(lambda: _curl(total, ratings)[1].decode(), lines[lines.index(f"$ {total}") + 1]):
        assert "no rate" in told  # it is not worked off yet
    assert _curl(save, served("messagelog").port)[1].startswith(b"Message was saved")


def test_the_paths_that_it_names_answer(served: Served) -> None:
    program = served("orders")
    for path in ("/metrics", "/ledger", "/healthz", "/readyz", "/openapi.json"):
        assert _request(program.port, "GET", path)[0].status == 200, path
    answer, _ = _request(program.port, "POST", "/orders", '{"product_id": "33", "count": "3", "username": "me"}')
    told, body = _request(program.port, "GET", f"/orders/{answer.headers['forebay-id']}")
    assert told.status == 200
    assert json.loads(body)["state"] in {"waiting", "in work", "done"}


def test_without_a_queue_above_the_limit_it_says_kaput(served: Served) -> None:
    program = served("orders", "--places", "0", "--limit", "1/h", "--burst", "1")
    order = '{"product_id": "33", "count": "3", "username": "me"}'
    assert _request(program.port, "POST", "/orders", order)[0].status == 200
    answer, body = _request(program.port, "POST", "/orders", order)
    assert (answer.status, json.loads(body)) == (500, {"result": "server-kaput"})


def test_with_its_places_taken_it_says_when_to_come_again(served: Served) -> None:
    program = served("orders", "--workers", "0", "--places", "1")
    order = '{"product_id": "33", "count": "3", "username": "me"}'
    assert _request(program.port, "POST", "/orders", order)[0].status == 200
    answer, _ = _request(program.port, "POST", "/orders", order)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_the_make_targets_that_it_names_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text("utf-8"), re.MULTILINE))
    for name in ("README.md", "README.ru.md"):
        named = set(MAKE.findall((root / name).read_text("utf-8")))
        assert {"demo", "test"} <= named
        assert named <= targets


def _without_blank_lines(code: str) -> list[str]:
    return [line for line in code.splitlines() if line.strip()]


def _curl(line: str, port: int) -> tuple[http.client.HTTPResponse, bytes]:
    """Send what a curl line with -d, -X or neither would, to a port of ours."""
    words = shlex.split(line)
    assert words[-1].startswith("http://127.0.0.1:8080/")
    path = words[-1].removeprefix("http://127.0.0.1:8080")
    body = words[words.index("-d") + 1] if "-d" in words else None
    method = words[words.index("-X") + 1] if "-X" in words else "GET" if body is None else "POST"
    return _request(port, method, path, body)


def _request(port: int, method: str, path: str, body: str | None = None) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()
