"""Validity: whether a run measured its target, or the generator itself.

A shot that the engine takes up late was late by its own fault: the process had no core, or could not keep up
with the plan. A shot that waits for a free connection was not: there the target was slow, or `connections` too few. So
validity is judged by `late` alone, and by whether the whole plan was fired. The response time contains what was late in
any case; a run that is not valid is too slow, never too fast.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.load.run import Run
from forebay.quantity import show_seconds

LATE_SECONDS = 0.010
"""A generator whose p99 is later than this ..."""
LATE_SHARE = 0.25
"""... and than this share of the p99 of the response, has measured itself."""


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


def validity(run: Run) -> Validity:
    """Judge a run that has ended."""
    return Validity(tuple(_reasons(run)), tuple(_cautions(run)))


def _reasons(run: Run) -> list[str]:
    if not run.total.planned:
        return [] if run.interrupted else ["not one shot was fired"]
    late, response = run.late.percentile(99), run.response.percentile(99)
    if late > LATE_SECONDS and (not run.response.count or late > LATE_SHARE * response):
        return [
            f"the generator was the limit: 1 of 100 shots was {show_seconds(late)} late or more, of a response "
            f"time of {show_seconds(response)}; give it --processes, a core of its own, or a lower rate"
        ]
    return []


def _cautions(run: Run) -> list[str]:
    if not run.lag.count:
        return []
    waited = run.lag.percentile(99) - run.late.percentile(99)
    if waited > LATE_SECONDS:
        return [
            f"1 of 100 shots waited {show_seconds(waited)} or more for a free connection: that is in the response time"
        ]
    return []
