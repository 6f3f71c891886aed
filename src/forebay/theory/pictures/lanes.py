"""The timeline of the lecture: arrivals above, the waiting places, a lane for every worker, exact times below."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial, reduce
from itertools import groupby
from typing import Any

from forebay.theory.path import Fate
from forebay.theory.pictures import lanes_svg, lanes_text
from forebay.theory.pictures.axes import Axis
from forebay.theory.pictures.lettering import plain, seconds, share, unit_of
from forebay.theory.pictures.picture import Picture
from forebay.theory.pictures.staff import Lane, Staff, Tick
from forebay.theory.timelines.exact import show, show_number
from forebay.theory.timelines.timeline import Timeline, Visit

MOST_PLACES = 12
MOST_WORKERS = 24
_MOST_TICKS = 16
_NAMED = 6
"""How many requests are named one by one."""


def draw_timeline(timeline: Timeline) -> Picture:
    """Return the picture of a timeline."""
    staff = Staff(
        title=timeline.name or "timeline",
        subtitle=timeline.note,
        timeline=timeline,
        lanes=[*_places(timeline), *_workers(timeline)],
        ticks=_ticks(timeline),
        unit=unit_of(float(timeline.end))[0],
        told=list(_told(timeline)),
    )
    svg = lanes_svg.draw(staff)
    return Picture("timeline", staff.title, svg, _data(timeline), partial(lanes_text.draw, staff))


def _places(timeline: Timeline) -> Iterator[Lane]:
    """Yield the places that were held, or all where there are few; who is next lies nearest to the work."""
    few = timeline.places <= MOST_PLACES
    count = int(timeline.places) if few else min(timeline.deepest, MOST_PLACES)
    hidden = timeline.deepest - count
    for place in range(count, 0, -1):
        held = [(stay.begin, stay.end, v.number) for v in timeline.visits for stay in v.stays if stay.place == place]
        beside = f"+{hidden} more" if place == count and hidden > 0 else ""
        yield Lane(f"place {place}", held, works=False, beside=beside)


def _workers(timeline: Timeline) -> Iterator[Lane]:
    for worker in range(1, min(timeline.workers, MOST_WORKERS) + 1):
        done = [
            (v.started, timeline.end if v.ended is None else v.ended, v.number)
            for v in timeline.visits
            if v.worker == worker and v.started is not None
        ]
        beside = _percent(timeline.utilization(worker)) if timeline.named else ""
        yield Lane(f"{'worker' if timeline.named else 'at work'} {worker}", done, works=True, beside=beside)


def _ticks(timeline: Timeline) -> list[Tick]:
    """Return the common measure of all that happens, where that is coarse enough; else round times."""
    begin, end = timeline.begin, timeline.end
    size = Fraction(unit_of(float(end))[1]).limit_denominator(10**9)
    measure = reduce(_common, (time for time in [*timeline.instants, begin, end] if time), Fraction(0))
    if measure and (end - begin) / measure <= _MOST_TICKS:
        first, last = math.ceil(begin / measure), math.floor(end / measure)
        return [(i * measure, show_number(i * measure / size)) for i in range(first, last + 1)]
    axis = Axis("", float(begin), float(end), "time")
    return [(Fraction(value), text) for value, text in axis.ticks(10) if begin <= value <= end]


def _common(a: Fraction, b: Fraction) -> Fraction:
    """Return the largest time that both are multiples of."""
    return Fraction(math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)


def _told(timeline: Timeline) -> Iterator[tuple[str, str]]:
    """Yield what the picture says, in words."""
    yield "served", f"{plain(float(timeline.throughput))}/s{_sojourns(timeline.left)}"
    came, lost = len(timeline.arrivals), len(timeline.lost)
    yield "lost", f"{lost} of {came}, {_percent(timeline.loss)}" if lost else "none"
    gone = sum(visit.fate is Fate.ABANDONED for visit in timeline.arrivals)
    if gone:
        yield "gave up", f"{gone} of {came}"
    if timeline.limited:
        yield "busy", f"{_percent(timeline.utilization())} of the workers' time"
    else:
        yield "at work", f"{plain(float(timeline.at_work()), 3)} on average, {timeline.workers} at most"
    if timeline.workers > MOST_WORKERS:
        yield "not drawn", f"+{timeline.workers - MOST_WORKERS} more workers"


def _sojourns(served: Sequence[Visit]) -> str:
    """Return how long the served were there: each time with its requests, or the range."""
    times = [(visit.sojourn, visit.number) for visit in served if visit.sojourn is not None]
    kinds = Counter(time for time, _ in times)
    if not times:
        return ""
    if len(kinds) == 1:
        return f", each in {show(times[0][0])}"
    if len(kinds) > 3:
        return f", in {seconds(float(min(kinds)))} to {seconds(float(max(kinds)))}"
    grouped = groupby(sorted(times), key=lambda one: one[0])
    return ", in " + " or ".join(f"{show(time)} ({_numbers([n for _, n in one])})" for time, one in grouped)


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_NAMED]))
    return shown + (", ..." if len(numbers) > _NAMED else "")


def _percent(part: Fraction) -> str:
    return share(float(part))


def _data(timeline: Timeline) -> dict[str, Any]:
    return {
        "subtitle": timeline.note,
        "begin": float(timeline.begin),
        "end": float(timeline.end),
        "throughput": float(timeline.throughput),
        "loss": float(timeline.loss),
        "utilization": float(timeline.utilization()) if timeline.limited else None,
        "worker_utilization": [float(timeline.utilization(k)) for k in _named(timeline)],
        "at_work": float(timeline.at_work()),
        "requests": [_visit(visit, timeline.named) for visit in timeline.visits],
    }


def _named(timeline: Timeline) -> range:
    return range(1, timeline.workers + 1 if timeline.named else 1)


def _visit(visit: Visit, named: bool) -> dict[str, Any]:
    return {
        "number": visit.number,
        "fate": visit.fate.name.lower(),
        "worker": visit.worker if named else None,
        "arrived": str(visit.arrived),
        "started": None if visit.started is None else str(visit.started),
        "ended": None if visit.ended is None else str(visit.ended),
        "places": [[stay.place, str(stay.begin), str(stay.end)] for stay in visit.stays],
    }
