"""Validity: whether a run measured its target, or the generator itself.

A shot that the engine takes up late was late by its own fault: the process had no core, or could not keep up
with the plan. A shot that waits for a free connection was not: there the target was slow, or `connections` too few. So
validity is judged by `late`. Beside a slow target some lateness is forgiven, unless the generator had no core left:
then nobody can tell which of the two was slow. The response time contains what was late in any case; a run that is not
valid is too slow, never too fast. A plan that was not fired whole, because the ammunition was used up, is a caution:
what was fired was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from forebay.errors import UsageError
from forebay.histogram import Histogram
from forebay.load.profiles.notation import parse
from forebay.load.results.run import Run
from forebay.quantity import show_seconds

LATE_SECONDS = 0.010
"""A generator whose p99 is later than this ..."""
LATE_SHARE = 0.25
"""... and than this share of the p99 of the response, has measured itself."""
STILL_SHARE = 0.001
"""A smaller share of shots that were late by `LATE_SECONDS` is not worth a word."""

BUSY_SHARE = 0.95
"""Of a core; who uses more of it may have been the limit."""


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether a run is valid, and why not; cautions are worth knowing, and do not make it invalid."""

    reasons: tuple[str, ...]
    cautions: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether there is no reason against it."""
        return not self.reasons

    def __str__(self) -> str:
        return "valid" if self.valid else "not valid: " + "; ".join(self.reasons)


def validity(run: Run, busy: float = math.nan, expected: float = math.nan) -> Validity:
    """Judge a run that has ended.

    Arguments:
        busy: the share of its core that the busiest process has used; nan: not known.
        expected: shots of the plan, 0 where that is not known before; nan: the profile of the run says it.
    """
    reasons = tuple(_reasons(run, busy))
    cautions = [
        *([] if reasons else _lateness(run)),
        *_waiting(run),
        *_refusals(run),
        *_shortage(run, expected),
        *_business(run, busy),
    ]
    return Validity(reasons, tuple(cautions))


def _reasons(run: Run, busy: float) -> list[str]:
    if not run.total.planned:
        return [] if run.interrupted else ["not one shot was fired"]
    late = run.late.percentile(99)
    if late <= LATE_SECONDS:
        return []
    said = f"the generator was the limit: {_core(busy)}1 of 100 shots was {show_seconds(late)} late or more"
    if run.response.count:
        response = run.response.percentile(99)
        if late <= LATE_SHARE * response and not busy > BUSY_SHARE:
            return []
        said += f", of a response time of {show_seconds(response)}"
    return [f"{said}; give it --processes, a core of its own, or a lower rate"]


def _core(busy: float) -> str:
    return f"it used {busy:.0%} of its core, and " if busy > BUSY_SHARE else ""


def _lateness(run: Run) -> list[str]:
    """Tell of shots that were late, where they are not so many that the run is not valid."""
    if not run.late.count:
        return []
    share = _share_above(run.late, LATE_SECONDS)
    if share > STILL_SHARE:
        return [
            f"{share * 100:.3g}% of the shots were more than {show_seconds(LATE_SECONDS)} late, up to "
            f"{show_seconds(run.late.max)}, by the generator's own fault: that is in the response time"
        ]
    late, response = run.late.percentile(99), run.response.percentile(99)
    if late > max(LATE_SECONDS / 10, LATE_SHARE * response):
        return [
            f"of the p99 of the response time, {show_seconds(response)}, up to {show_seconds(late)} are the "
            "generator's own"
        ]
    return []


def _waiting(run: Run) -> list[str]:
    if not run.lag.count:
        return []
    waited = run.lag.percentile(99) - run.late.percentile(99)
    if waited <= LATE_SECONDS:
        return []
    return [f"1 of 100 shots waited {show_seconds(waited)} or more for a free connection: that is in the response time"]


def _refusals(run: Run) -> list[str]:
    """Tell of shots that are in no percentile: who waited in vain for a connection has no answer to be timed."""
    share = run.refused / max(1, run.total.planned)
    if not run.response.count or share <= STILL_SHARE:
        return []
    return [f"{share * 100:.3g}% of the shots were refused, and no percentile knows how long they waited"]


def _business(run: Run, busy: float) -> list[str]:
    """Tell of a closed loop that had no core left: nothing is late there, since nothing has an instant of its own."""
    if not (run.profile.startswith("closed(") and busy > BUSY_SHARE):
        return []
    return [f"the generator used {busy:.0%} of its core: a faster one, or more --processes, might have fired more"]


def _shortage(run: Run, expected: float) -> list[str]:
    expected = _expected(run) if math.isnan(expected) else expected
    slack = 1.0 if "poisson" not in run.profile else 1 + 5 * math.sqrt(expected)
    if run.interrupted or run.planned >= expected - slack:
        return []
    return [f"{run.planned:,} of the {expected:,.0f} shots of the plan were fired: was the ammunition used up?"]


def _expected(run: Run) -> float:
    """Return how many shots the plan has; 0 where that is not known before: a closed loop, as fast as possible."""
    try:
        return parse(run.profile, run.seconds).cumulative(run.seconds)
    except (UsageError, OSError):
        return 0.0


def _share_above(histogram: Histogram, seconds: float) -> float:
    return sum(count for value, count in histogram.steps() if value > seconds) / histogram.count
