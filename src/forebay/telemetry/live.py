"""The live view in a terminal: bars of the last seconds, sums, progress; without a terminal a line now and then."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from forebay.telemetry.ring import Second, Snapshot

BARS = " ▁▂▃▄▅▆▇█"
PLAIN_BARS = " .:-=+*#%"
_ROWS = (
    ("accepted", "accepted", "green", "a second"),
    ("waiting", "waiting", "yellow", "now"),
    ("in work", "in_work", "cyan", "now"),
    ("done", "done", "blue", "a second"),
    ("refused", "refused", "red", "a second"),
)


def bars(values: Sequence[float], width: int, signs: str = BARS) -> str:
    """Return one sign a value, the last `width` of them, as high as the value is to the largest shown.

    A value above 0 never looks like 0.
    """
    shown = list(values)[-width:] if width > 0 else []
    top, highest = max(shown, default=0), len(signs) - 1
    heights = [max(1, math.ceil(value / top * highest)) if value > 0 else 0 for value in shown]
    return "".join(signs[height] for height in heights).rjust(width)


def line(elapsed: float, snapshot: Snapshot) -> str:
    """Return one line that says how things stand, for logs and pipes."""
    total, last = snapshot.total, _last_whole(snapshot)
    return (
        f"{elapsed:5.0f}s  in {last.accepted}/s  out {last.done}/s  "
        f"waiting {total.waiting:,}  in work {total.in_work:,}  "
        f"accepted {total.accepted:,}  done {total.done:,}  dead {total.dead:,}  refused {total.refused:,}"
    )


def _last_whole(snapshot: Snapshot) -> Second:
    """Return the last second that is over."""
    return snapshot.recent[-2] if len(snapshot.recent) > 1 else snapshot.recent[-1]


def picture_on(out: TextIO, environment: Mapping[str, str]) -> Live | None:
    """Return what moves on a terminal, without colour when NO_COLOR is set; None where nothing can move."""
    if not out.isatty() or environment.get("TERM") in {"dumb", "unknown"}:
        return None
    console = Console(file=out, no_color=bool(environment.get("NO_COLOR")))
    return Live(console=console, auto_refresh=False, transient=False)


class LiveView:
    """Shows snapshots while something runs; a context manager that leaves the last picture standing.

    It moves only on a terminal (not a dumb one), and has no colour when NO_COLOR is set.

    Arguments:
        total_seconds: the planned length, for the progress bar.
        out: where to; None: standard error.
        every: seconds between two lines where there is no terminal.
        environment: None: that of this process.
    """

    def __init__(
        self,
        total_seconds: float,
        out: TextIO | None = None,
        *,
        every: float = 10.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        environment = os.environ if environment is None else environment
        self._total_seconds = total_seconds
        self._out = sys.stderr if out is None else out
        self._every = every
        self._next_line = 0.0
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

    def tick(self, elapsed: float, snapshot: Snapshot, note: str = "") -> None:
        """Show how things stand.

        Arguments:
            elapsed: seconds since the beginning.
            snapshot: what to show.
            note: a word on what is going on, as in ``draining``.
        """
        if self._live is not None:
            self._live.update(self._picture(elapsed, snapshot, note, self._live.console), refresh=True)
        elif elapsed >= self._next_line:
            self._next_line = elapsed - elapsed % self._every + self._every
            print(line(elapsed, snapshot) + (f"  {note}" if note else ""), file=self._out, flush=True)

    def _picture(self, elapsed: float, snapshot: Snapshot, note: str, console: Console) -> Group:
        signs = BARS if console.encoding.startswith("utf") else PLAIN_BARS
        width = max(10, min(60, console.width - 36))
        table = Table.grid(padding=(0, 1))
        for name, part, colour, unit in _ROWS:
            values = [getattr(second, part) for second in snapshot.recent]
            now = values[-1] if unit == "now" else getattr(_last_whole(snapshot), part)
            whole = values if unit == "now" else values[:-1]  # a second that is not over would always seem to fall
            table.add_row(name, Text(bars(whole, width, signs), style=colour), Text(f"{now:>7,}", style="bold"), unit)
        return Group(self._progress(elapsed, note, width), table, Text(_sums(snapshot)))

    def _progress(self, elapsed: float, note: str, width: int) -> Table:
        progress = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=self._total_seconds, completed=min(elapsed, self._total_seconds), width=width)
        progress.add_row(Text("elapsed "), bar, f"{elapsed:.0f} of {self._total_seconds:.0f} s", note)
        return progress


def _sums(snapshot: Snapshot) -> str:
    total = snapshot.total
    return (
        f"accepted {total.accepted:,}   done {total.done:,}   dead {total.dead:,}   refused {total.refused:,}   "
        f"peak backlog {snapshot.peak_backlog:,}"
    )
