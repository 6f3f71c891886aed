"""What the documents show is true: their Python runs, their commands parse, their links lead somewhere."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from unittest import mock

import click
import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

from forebay import App, UsageError
from forebay.cli import own_flags, program
from forebay.lab.demo import predicted
from forebay.load.profiles.notation import parse as parse_profile
from forebay.program import Program, Service, find_program
from forebay.quantity import show_seconds
from forebay.queue.opening import queue_url
from forebay.services.work_time import work_time
from forebay.settings import BY_NAME, Settings

INLINE = re.compile(r"`(forebay(?: [^`\n]+)?)`")
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")


def test_its_python_runs(document: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    _run_python(document)


@pytest.mark.parametrize(
    "text", ["```python\nassert False\n```\n", "% invisible-code-block: python\n%\n% assert False\n"]
)
def test_a_false_example_would_be_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "false.md").write_text(text)
    with pytest.raises(AssertionError):
        _run_python(tmp_path / "false.md")


def test_the_prediction_that_the_tutorial_shows_is_the_one_that_is_made(root: Path) -> None:
    said = predicted(parse_profile("sine(0, 100, 10s)", 10.0), 10.0, "100ms", 6, math.inf)
    line = f"prediction  backlog up to {said.peak_backlog:,.0f}, wait up to {show_seconds(said.longest_wait)}\n"
    assert line in (root / "docs" / "tutorial" / "1-a-wave.md").read_text("utf-8")


def test_its_commands_parse(
    document: Path, blocks: Callable[[Path, str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BROKERS", "127.0.0.1:9092")  # kafka://test names a topic then
    for line in _console_lines(blocks(document, "console")):
        for words in _commands_of(line):
            _check(words, tmp_path)


def test_what_it_calls_a_command_is_one(document: Path) -> None:
    for text in INLINE.findall(document.read_text("utf-8")):
        command, rest = _resolve(shlex.split(text)[1:])
        flags = {flag for option in command.params for flag in (*option.opts, "--help", "--version")}
        assert [word for word in rest if word.startswith("-") and word not in flags] == [], text


def test_its_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize(
    "line",
    [
        "forebay serve orders --worker 6",
        "forebay serve orders --limit 50",
        "forebay serve orders --work soon",
        "forebay dead list sqlite:///a.db",
        "forebay demo --profile 'sinus(0, 100, 60s)'",
        "forebay lag redsi://localhost/orders",
        "forebay bench",
    ],
)
def test_a_command_that_is_none_would_be_found(line: str, tmp_path: Path) -> None:
    (words,) = _commands_of(line)
    with pytest.raises(Exception):  # noqa: B017 - whichever part of the program refuses it
        _check(words, tmp_path)


def _run_python(document: Path) -> None:
    for example in Sybil([PythonCodeBlockParser(), SkipParser()]).parse(document).examples():
        example.evaluate()


def _console_lines(codes: Sequence[str]) -> Iterator[str]:
    for code in codes:
        yield from (line[2:] for line in code.splitlines() if line.startswith("$ "))


def _commands_of(line: str) -> Iterator[list[str]]:
    """Yield the words of each forebay command in a line of a shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for token in [*lexer, ";"]:
        if set(token) <= set("();<>|&"):
            if words[:1] == ["forebay"]:
                yield words[1:]
            words = []
        else:
            words.append(token)


def _resolve(words: Sequence[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = program
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, f"there is no command {rest[0]!r}"
        command = found
        rest.pop(0)
    return command, rest


@pytest.fixture(autouse=True)
def reader(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be where a reader of the documents is: among the examples, with the module that he has written, and an .env."""
    monkeypatch.syspath_prepend(str(root / "examples"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SERVER_PORT=3000\n")


def _found(target: str, services: Mapping[str, Service]) -> Program:
    """Find a program as the command line does; a module that only the reader has is an application without settings."""
    try:
        return find_program(target, services)
    except UsageError as error:
        if "no module" not in error.what:
            raise
        return Program(target, App(target.partition(":")[0]))


def _check(words: Sequence[str], folder: Path) -> None:
    """Parse a command as it would be run, and read what its flags say; run nothing."""
    command, rest = _resolve(words)
    with mock.patch.object(own_flags, "find_program", _found):
        context = command.make_context(command.name, rest)
    given = {name: value for name, value in context.params.items() if value is not None}
    Settings({name: text for name, text in given.items() if name in BY_NAME and isinstance(text, str)}, {}, folder)
    for name, read in (("queue", lambda text: queue_url(text, "topic")), ("url", queue_url), ("work", work_time)):
        if name in given:
            read(given[name])
    if "profile" in given:
        parse_profile(given["profile"], 60.0)
    if command.name in {"serve", "work"}:
        assert context.meta["program"].target == given["name"]
