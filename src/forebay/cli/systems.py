"""A queueing system on the command line: SPEC and the options that say the rest, the same for every command."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.quantity import duration

if TYPE_CHECKING:
    from forebay.theory.notation import Coming, Time
    from forebay.theory.system import Breaking, Retrying, System

RUN_SECONDS = 60.0
"""Over which a line or steps without a duration of their own are spread, where the command has no length of a run."""

_OPTIONS = (
    click.option(
        "--in", "coming", metavar="RATE|LOAD", help="arrivals: 6/s, sine(0, 100, 60s), or a file of instants in seconds"
    ),
    click.option(
        "--service", "services", metavar="TIME", multiple=True, help="mean time of the work on one; again: next station"
    ),
    click.option("--apart", is_flag=True, help="D/D/n/q: at equal distances, where 2/ms is else two at once every ms"),
    click.option("--think", metavar="TIME", help="A/B/n//N: how long each of the N is away before it comes again"),
    click.option("--patience", metavar="TIME", help="who waits longer leaves: 2s for all, M(2s) random"),
    click.option(
        "--class",
        "classes",
        metavar="'RATE TIME'",
        multiple=True,
        help="'1/s 250ms': a priority; the most urgent first",
    ),
    click.option("--preemptive", is_flag=True, help="the more urgent interrupts work, which is resumed later"),
    click.option("--retry-after", metavar="TIME", help="who finds no place comes again after M(TIME)"),
    click.option("--retry-share", type=click.FloatRange(0, 1), default=1.0, help="the share that does  [1]"),
    click.option("--retry-attempts", type=click.IntRange(1), help="how often one comes at most  [no limit]"),
    click.option("--breaks", metavar="TIME", help="a worker breaks down after M(TIME)"),
    click.option("--repair", metavar="TIME", help="a broken worker is back after M(TIME)"),
    click.option("--redelivery", metavar="TIME", help="its work is begun anew by another after this time"),
    click.option("--backlog", type=click.IntRange(0), default=0, help="how many wait at the beginning  [0]"),
    click.option(
        "--discipline",
        type=click.Choice([one.value for one in Discipline]),
        help="which of the waiting is next  [fifo; priority with --class]",
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the shared options say, as it was typed; an option that was not given is None, empty or False."""

    coming: str | None
    services: tuple[Time, ...]
    apart: bool
    think: str | None
    patience: str | None
    classes: tuple[str, ...]
    preemptive: bool
    retry_after: str | None
    retry_share: float
    retry_attempts: int | None
    breaks: str | None
    repair: str | None
    redelivery: str | None
    backlog: int
    discipline: str | None

    def system(self, spec: str, seconds: float = RUN_SECONDS) -> System:
        """Return the system of one station.

        Arguments:
            seconds: the length of the run, for loads that are spread over it.

        Raises:
            UsageError: SPEC or an option cannot be read, or they do not go together.
        """
        from forebay.theory.notation import read

        if len(self.services) > 1:
            raise UsageError("--service is given more than once", "one for each station of 'M/M/1 -> M/M/2'")
        service = self.services[0] if self.services else None
        return read(spec, self._arrivals(spec, seconds), service, apart=self.apart, **self._rest())

    def stations(self, spec: str, seconds: float = RUN_SECONDS) -> tuple[System, ...]:
        """Return the stations of ``A/B/n -> A/B/n``, in order; one, where there is no arrow.

        Raises:
            UsageError: as `system`.
        """
        from forebay.theory.notation import read_tandem

        if "->" not in spec and "→" not in spec:
            return (self.system(spec, seconds),)
        return read_tandem(spec, self._arrivals(spec, seconds), self.services or None, apart=self.apart, **self._rest())

    def _arrivals(self, spec: str, seconds: float) -> Coming | None:
        from forebay.theory import letters

        finite = len(letters.split(spec, "//")) > 1
        if self.think is None:
            if self.coming is not None and finite:
                raise UsageError("a finite population has no rate of its own", "say how long each thinks: --think 5s")
            return None if self.coming is None else arrivals(self.coming, seconds)
        if self.coming is not None or not finite:
            raise UsageError("--think is for a finite population", "write it as M/M/2//10, and leave --in out")
        return self.think

    def _rest(self) -> dict[str, Any]:
        if self.preemptive and not self.classes:
            raise UsageError("without classes nobody is more urgent", "give --class '1/s 250ms' for each of them")
        rest: dict[str, Any] = {
            "classes": self.classes,
            "preemptive": self.preemptive,
            "backlog": self.backlog,
            "retrying": self._retrying(),
            "breaking": self._breaking(),
            "patience": self.patience,
        }
        return rest | ({"discipline": Discipline(self.discipline)} if self.discipline else {})

    def _retrying(self) -> Retrying | None:
        if self.retry_after is None:
            if self.retry_share != 1 or self.retry_attempts is not None:
                raise UsageError("nothing says when those who find no place come again", "give --retry-after 1s")
            return None
        from forebay.theory.laws import Exponential
        from forebay.theory.letters import timed
        from forebay.theory.system import Retrying

        return Retrying(timed(self.retry_after, Exponential), self.retry_share, self.retry_attempts or math.inf)

    def _breaking(self) -> Breaking | None:
        if self.breaks is None and self.repair is None and self.redelivery is None:
            return None
        if self.breaks is None or self.repair is None:
            raise UsageError("a worker that breaks needs both times", "give --breaks 1h and --repair 30s")
        from forebay.theory.laws import Exponential
        from forebay.theory.letters import timed
        from forebay.theory.system import Breaking

        redelivery = None if self.redelivery is None else duration(self.redelivery)
        return Breaking(timed(self.breaks, Exponential), timed(self.repair, Exponential), redelivery)


def system_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the shared options; it takes them together, as its argument `asked: Asked`."""

    @functools.wraps(command)
    def with_asked(*args: Any, **options: Any) -> Any:
        _one_thread()
        asked = Asked(**{name: options.pop(name) for name in Asked.__slots__})
        return command(*args, asked=asked, **options)

    for option in reversed(_OPTIONS):
        with_asked = option(with_asked)
    return with_asked


def _one_thread() -> None:
    """Let numpy, which is not imported yet, keep to one thread: on matrices as small as ours several only wait."""
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def arrivals(text: str, seconds: float = RUN_SECONDS) -> Coming:
    """Return what --in says: a rate as it is written, a load, or the instants of a file.

    Arguments:
        seconds: the length of the run, over which a line or steps without a duration are spread.

    Raises:
        UsageError: it is none of them.
    """
    if "(" in text:
        return _load(text, seconds)
    if Path(text).is_file():
        from forebay.theory.letters import trace

        return trace(text)
    if "/" not in text:
        raise UsageError(
            f"{text!r} is not a rate, nor a file that is here",
            "write it as 50/s, 3000/m or 2/ms; a load as 'sine(0, 100, 60s)'",
        )
    return text


def _load(text: str, seconds: float) -> Coming:
    from forebay.load.profiles.notation import parse
    from forebay.load.profiles.shapes import Const, Once, Unlimited
    from forebay.load.profiles.stages import Poisson, Stages
    from forebay.load.profiles.trace import Trace as Measured
    from forebay.theory.laws import Exponential
    from forebay.theory.system import Trace, Varying

    load = parse(text, seconds)
    if any(isinstance(part, Once | Unlimited) for part in (load.parts if isinstance(load, Stages) else (load,))):
        raise UsageError(f"{load} has no rate to reckon with", "const, line, step, sine, expr or poisson")
    if isinstance(load, Measured):
        return Trace(tuple(instant / load.speed for instant in load.instants), load.name)
    if isinstance(load, Const) and math.isinf(load.T):
        return load.R
    if not isinstance(load, Poisson):
        return load
    endless = isinstance(load.profile, Const) and math.isinf(load.profile.T)
    return Exponential(1 / load.profile.rate(0)) if endless else Varying(load.profile, poisson=True)
