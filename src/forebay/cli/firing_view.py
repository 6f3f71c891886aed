"""The live line of a run: how it goes, in a picture that moves; without a terminal a line now and then."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from forebay.histogram import Histogram
from forebay.load.results.run import Run
from forebay.quantity import show_seconds
from forebay.telemetry.live import BARS, PLAIN_BARS, bars, picture_on

_ROWS = (("planned", "cyan"), ("sent", "blue"), ("answered", "green"), ("failed", "red"))
_KEPT = 60
"""Looks at the run that are drawn."""
_SHORTEST = 0.5
"""Seconds between two looks from which a rate is made: one over less would jump."""


class FiringView:
    """Shows a run while it goes on; a context manager that leaves the last picture standing.

    It moves only on a terminal (not a dumb one), and has no colour when NO_COLOR is set.

    Arguments:
        seconds: the planned length.
        out: where to; None: standard error.
        every: seconds between two lines where there is no terminal.
        environment: None: that of this process.
    """

    def __init__(
        self,
        seconds: float,
        out: TextIO | None = None,
        *,
        every: float = 10.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        environment = os.environ if environment is None else environment
        self._seconds = seconds
        self._out = sys.stderr if out is None else out
        self._every = self._next_line = every
        self._counts = dict.fromkeys((name for name, _ in _ROWS), 0)
        self._rates: dict[str, list[float]] = {name: [] for name, _ in _ROWS}
        self._looked = 0.0
        self._told = False
        self._live = picture_on(self._out, environment)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            print(file=self._out)  # the report comes below

    def tick(self, elapsed: float, run: Run) -> None:
        """Show how things stand.

        Arguments:
            elapsed: seconds since the first shot.
            run: its figures so far.
        """
        self._count(elapsed, run)
        if self._live is not None:
            self._live.update(self._picture(elapsed, run, self._live.console), refresh=True)
        elif elapsed >= self._next_line or (run.interrupted and not self._told):
            self._told = run.interrupted
            self._next_line = elapsed - elapsed % self._every + self._every
            print(line(elapsed, self._seconds, run), file=self._out, flush=True)

    def _count(self, elapsed: float, run: Run) -> None:
        since = elapsed - self._looked
        if since < _SHORTEST:
            return
        self._looked = elapsed
        for name, rates in self._rates.items():
            before, self._counts[name] = self._counts[name], _counted(run, name)
            rates.append(max(0, self._counts[name] - before) / since)  # a gun may take back that a shot was sent
            del rates[:-_KEPT]

    def _picture(self, elapsed: float, run: Run, console: Console) -> Group:
        signs = BARS if console.encoding.startswith("utf") else PLAIN_BARS
        width = max(10, min(_KEPT, console.width - 34))
        table = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=self._seconds, completed=min(elapsed, self._seconds), width=width)
        table.add_row("elapsed", bar, Text(f"{elapsed:.0f} of {self._seconds:.0f} s"))
        for name, colour in _ROWS:
            drawn = bars(self._rates[name], width, signs)
            now = self._rates[name][-1] if self._rates[name] else 0
            table.add_row(name, Text(drawn, style=colour), Text(f"{now:,.0f}/s", style="bold"))
        rest = [f"{name} {_counted(run, name):,}" for name, _ in _ROWS]
        times = f"{_times('response', run.response)}   {_times('lag', run.lag)}   in flight {run.in_flight:,}"
        return Group(table, Text("   ".join(rest)), Text(times + _note(run)))


def line(elapsed: float, seconds: float, run: Run) -> str:
    """Return one line that says how a run goes, for logs and pipes."""
    counts = "  ".join(f"{name} {_counted(run, name):,}" for name, _ in _ROWS)
    times = f"{_times('response', run.response)}  {_times('lag', run.lag)}"
    return f"{elapsed:5.0f} of {seconds:.0f} s  {counts}  {times}{_note(run)}"


def _counted(run: Run, name: str) -> int:
    return run.total.failed if name == "failed" else int(getattr(run, name))


def _times(name: str, histogram: Histogram) -> str:
    if not histogram.count:
        return f"{name} –"
    p50, p99 = histogram.percentiles([50, 99])
    return f"{name} p50 {show_seconds(p50)} p99 {show_seconds(p99)}"


def _note(run: Run) -> str:
    return f"  stopping: {run.in_flight:,} in flight are waited for, Ctrl-C ends it at once" if run.interrupted else ""
