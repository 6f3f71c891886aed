"""The command line: parse, call, print."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from typing import Any

import click

from forebay.cli.output import EXIT_CODES, fail
from forebay.cli.stdout import failure, flush, flush_or_silence, silence
from forebay.errors import ForebayError
from forebay.version import __version__

COMMANDS = {
    "demo": ("forebay.cli.demo", "the whole story in one process: a wave, a queue, a pool, a verdict"),
    "serve": ("forebay.cli.serve", "intake and workers of a shipped service, or of module:app"),
    "work": ("forebay.cli.serve", "workers only"),
    "fire": ("forebay.cli.fire", "a load test that tells the truth: by a plan, each shot on record"),
    "report": (
        "forebay.cli.report",
        "what a run of fire was: for people, programs, the browser; and compared with others",
    ),
    "solve": ("forebay.cli.solve", "a queueing system by formula: loss, waits, percentiles, and the source"),
    "simulate": ("forebay.cli.simulate", "any queueing system, with intervals, until its numbers are precise"),
    "fit": ("forebay.cli.fit", "what model a service is, from the log of a run"),
    "pub": ("forebay.cli.queues", "put messages into a queue: a line of stdin each, or one given"),
    "generate": ("forebay.cli.generate", "believable orders, good and broken, into a queue"),
    "sub": ("forebay.cli.queues", "take messages out of a queue, a line each"),
    "ask": ("forebay.cli.ask", "put a request into a queue and print its answer"),
    "topics": ("forebay.cli.topics", "topics: ls, show, create, rm, purge"),
    "lag": ("forebay.cli.lag", "how many messages are where, and how old the oldest is"),
    "dead": ("forebay.cli.dead", "dead letters: ls, show, return, drop"),
    "draw": ("forebay.cli.draw", "a queueing system as a picture: timeline, backlog, tail, hockey stick, wave"),
    "plan": ("forebay.cli.plan", "how many workers and places keep your promises, and what it costs"),
    "doctor": ("forebay.cli.doctor", "what is here, and which settings of a broker lose messages"),
    "settings": ("forebay.cli.settings", "every value, and where it comes from"),
}
"""Name of a command: the module that has it, and its one line of help, which costs no import."""

EXAMPLES = """\b
Examples:
  forebay demo --for 10s
  forebay serve orders --workers 6 --work 100ms
  forebay serve orders --places 0 --limit 50/s
  forebay serve myshop:app --queue kafka://localhost:9092
  forebay dead ls 'sqlite:///forebay.db?topic=orders'
  forebay doctor redis://localhost:6379
  forebay plan --in 'sine(0, 100, 60s)' --service 80ms --promise 'p99<5s'
  forebay draw 'D/D/1/1' --in 2/ms --service 0.5ms
  forebay fire http://127.0.0.1:8080/orders --ammo forebay:orders --profile 'sine(0, 100, 60s)' --out run

\b
Exit codes:
"""


class _Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader of a pipe has seen enough, which is no failure (to click it is one)
            silence()

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES + "\n".join(f"  {code}  {meaning}" for code, meaning in EXIT_CODES.items()),
)
@click.version_option(__version__, prog_name="forebay")
def program() -> None:
    """Load levelling: accept a peak durably, work it off at your own pace, lose nothing, prove it."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _open_closed_streams()
    try:
        code = program.main(standalone_mode=False) or 0  # what a command ended with by click's Exit
        flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except ForebayError as error:
        code = fail(error)
    except BrokenPipeError:
        silence()
        code = 0
    except OSError as error:
        if (told := failure(error)) is None:
            raise
        code = fail(told)
        flush_or_silence()
    sys.exit(code)


def _open_closed_streams() -> None:
    """Give a standard stream that is closed to the null device: else a socket takes its number, and libuv aborts."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
