"""Several files of one load made one record: what several machines have fired, as if one had.

Counts and histograms are whole numbers, so nothing is lost. The seconds are laid over each other by the wall clocks of
the machines, rounded to a whole second: start them together, with clocks that agree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from forebay.errors import UsageError
from forebay.load.results.examples import keep
from forebay.load.results.figures import Figures
from forebay.load.results.run import Run, Second
from forebay.load.results.runfile import Record


def merged(records: Sequence[Record]) -> Record:
    """Return one record of all.

    Raises:
        UsageError: there are none, or they were never fired at the same time.
    """
    if len(records) < 2:
        raise UsageError("to merge needs two runs or more", "name the files of all machines")
    runs = [record.run for record in records]
    _check_overlap(runs)
    started_at = min(run.started_at for run in runs)
    seconds = max(run.started_at + run.seconds for run in runs) - started_at
    whole = Run(_all_of(run.url for run in runs), _all_of(run.profile for run in runs), seconds)
    whole.started_at = started_at
    whole.total = Figures().coarser(min(run.response.bits for run in runs))
    for run in runs:
        _add(whole, run, round(run.started_at - started_at))
    return Record(whole, _about(records), all(record.complete for record in records), _all_of(r.name for r in records))


def _check_overlap(runs: Sequence[Run]) -> None:
    begun = max(run.started_at for run in runs)
    ended = min(run.started_at + run.elapsed_seconds for run in runs)
    if begun > ended + 1:
        raise UsageError(
            "these runs were not fired at the same time: they cannot be one",
            "to compare them, name them without --merge",
        )


def _add(whole: Run, run: Run, shift: int) -> None:
    """Add one run that began `shift` seconds after the first."""
    bits = whole.response.bits
    whole.total.merge(run.total.coarser(bits))
    whole.connections += run.connections
    whole.interrupted |= run.interrupted
    whole.elapsed_seconds = max(whole.elapsed_seconds, run.started_at + run.elapsed_seconds - whole.started_at)
    keep(whole.examples, {name: example.later(shift) for name, example in run.examples.items()})
    for tag, figures in run.tags.items():
        whole.tags.setdefault(tag, Figures().coarser(figures.response.bits)).merge(figures)
    for i, second in run.series.items():
        empty = Second(Figures().coarser(second.of_plan.response.bits))
        whole.series.setdefault(i + shift, empty).merge(second)


def _about(records: Sequence[Record]) -> dict[str, Any]:
    """Return what holds of all: sums and maxima of numbers, the words of each, the requirements of any."""
    abouts = [record.about for record in records]
    requirements = dict.fromkeys(text for about in abouts for text in about.get("requirements", ()))
    made: dict[str, Any] = dict(abouts[0]) | {"merged": len(records), "requirements": list(requirements)}
    reduced: dict[str, Callable[[list[Any]], Any]] = {"host": _each, "command": _each, "busy": max}
    reduced |= dict.fromkeys(("connections", "processes"), sum)
    reduced["expected"] = lambda counts: sum(map(math.floor, counts))  # each fires whole shots alone
    for name, reduce in reduced.items():
        values = [about.get(name) for about in abouts]
        made[name] = None if None in values else reduce(values)
    cores = {about.get("host"): about.get("cores") for about in abouts}  # several runs of one machine share its cores
    made["cores"] = None if None in cores.values() else sum(cores.values())
    return made


def _each(texts: Any) -> str:
    """Return different texts once each: several pools are fired by one command on one machine."""
    return " + ".join(dict.fromkeys(texts))


def _all_of(texts: Any) -> str:
    """Return different texts once each, with how often where that is more than once: `2 x const(100)`."""
    counts = Counter(texts)
    return " + ".join(text if count == 1 else f"{count} x {text}" for text, count in counts.items())
