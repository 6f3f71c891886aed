"""forebay ask, and forebay work that answers."""

from __future__ import annotations

import signal
import subprocess

import pytest

QUEUE = "sqlite:///q.db?topic=prices"
PATIENTLY = ("--timeout", "60s")
SHOP = """
from forebay import App, Dead

app = App("shop")

@app.handler("prices")
async def price(product: int) -> dict:
    if product < 0:
        raise Dead("there is no such product")
    return {"product": product, "price": 100 * product}
"""


@pytest.fixture
def worker(beginning, tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    with beginning("work", "shop:app", "--queue", "sqlite:///q.db", until=b"places") as process:
        yield process


def test_those_who_work_a_queue_off_answer_what_is_asked(forebay, worker):
    told = forebay("ask", QUEUE, "7", *PATIENTLY)
    assert (told.returncode, told.stdout, told.stderr) == (0, b'{"product":7,"price":700}\n', b"")


def test_each_line_of_stdin_is_a_request_and_gets_a_line(forebay, worker):
    told = forebay("ask", QUEUE, *PATIENTLY, stdin=b"1\n2\n3\n")
    assert told.stdout.splitlines() == [b'{"product":%d,"price":%d}' % (n, 100 * n) for n in (1, 2, 3)]


def test_a_line_is_asked_as_it_comes_and_the_wait_for_the_next_can_be_interrupted(beginning, worker):
    with beginning("ask", QUEUE, *PATIENTLY, stdin=subprocess.PIPE) as process:
        process.stdin.write(b"1\n")
        process.stdin.flush()
        assert process.stdout.readline() == b'{"product":1,"price":100}\n'
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.said().strip() == b""


def test_what_was_given_up_ends_with_1_and_says_why(forebay, worker):
    told = forebay("ask", QUEUE, *PATIENTLY, "-H", "who=me", "--", "-1")
    assert (told.returncode, told.stdout) == (1, b"")
    assert b"there is no such product" in told.stderr


def test_what_cannot_be_read_is_given_up_too(forebay, worker):
    told = forebay("ask", QUEUE, "seven", *PATIENTLY)
    assert told.returncode == 1
    assert b"not a int" in told.stderr


def test_no_answer_in_time_ends_with_3_and_the_request_stays(forebay):
    told = forebay("ask", QUEUE, "7", "--timeout", "100ms")
    assert (told.returncode, told.stdout) == (3, b"")
    assert b"no answer from prices within 0.1 s" in told.stderr
    assert forebay("sub", QUEUE, "-n", "1").stdout == b"7\n"
