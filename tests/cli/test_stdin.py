"""The lines of standard input, as they come."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from forebay.cli import stdin
from forebay.errors import UsageError


@pytest.fixture
def written(monkeypatch):
    """A pipe in the place of standard input; gives its other end."""
    read, write = os.pipe()
    with os.fdopen(read) as file, os.fdopen(write, "wb", buffering=0) as end:
        monkeypatch.setattr("sys.stdin", file)
        yield end
        end.close()  # a reader that still waits hears of it
        for thread in threading.enumerate():
            if thread.name == "stdin":
                thread.join(30)  # or it would read what has the number of this pipe next


async def test_a_line_is_there_before_the_next_one_has_begun(written):
    lines = stdin.lines()
    for line in (b"a", b"", b"b c"):
        written.write(line + b"\n")
        assert await anext(lines) == line
    written.close()
    assert [line async for line in lines] == []


async def test_a_line_may_come_in_pieces_and_the_last_one_without_an_end(written):
    lines = stdin.lines()
    written.write(b"a\nb")
    assert await anext(lines) == b"a"
    written.write(b"c\nd")
    assert await anext(lines) == b"bc"
    written.close()
    assert [line async for line in lines] == [b"d"]


async def test_who_waits_for_a_line_can_be_told_that_it_is_enough(written):
    enough = asyncio.Event()
    asyncio.get_running_loop().call_soon(enough.set)
    assert [line async for line in stdin.lines(enough)] == []


async def test_of_lines_that_have_come_none_is_given_after_it_was_enough(written):
    enough = asyncio.Event()
    written.write(b"a\nb\n")
    lines = stdin.lines(enough)
    assert await anext(lines) == b"a"
    enough.set()
    assert [line async for line in lines] == []


async def test_an_input_that_cannot_be_read_is_told(monkeypatch, tmp_path):
    with (tmp_path / "out").open("wb") as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(UsageError, match="standard input cannot be read: Bad file descriptor"):
            await anext(stdin.lines())


async def test_where_there_is_no_input_there_are_no_lines(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert [line async for line in stdin.lines()] == []
