"""`solve`: the first exact formula that fits a system, else the first approximation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from forebay.errors import UsageError
from forebay.theory import notation
from forebay.theory.models import (
    batch,
    breakdown,
    clock,
    discipline,
    finite_source,
    gimn,
    impatient,
    mapphn,
    markov,
    mdn,
    mg1,
    mg1k,
    no_waiting,
    priority,
    retrial,
    two_moments,
)
from forebay.theory.models.model import Model
from forebay.theory.models.tandem import in_a_row
from forebay.theory.notation import Coming, Time
from forebay.theory.solution import Solution
from forebay.theory.system import System

MODELS: tuple[Model, ...] = tuple(
    model
    for family in (
        clock,
        priority,
        discipline,
        retrial,
        breakdown,
        batch,
        no_waiting,
        markov,
        impatient,
        finite_source,
        mdn,
        gimn,
        mapphn,
        mg1,
        mg1k,
        two_moments,
    )
    for model in family.MODELS
)
"""Every model that is known, in the order in which they are asked; of two that fit the first is taken."""
_LONG_AFTER = "{} who wait at the beginning are not counted: a steady state is long after it"


def solve(
    system: System | Sequence[System] | str,
    arrivals: Coming | None = None,
    service: Time | Sequence[Time] | None = None,
    **given: Any,
) -> Solution:
    """Return the steady state of a system, or of several in a row: what is done at one goes on to the next.

    Who waits at the beginning is not counted; where some do, a note says so.

    Arguments:
        system: a `System`, some of them, or the notation; then the rest says what `notation.read` takes, and for a row
            `notation.read_tandem`.

    Raises:
        UsageError: the text cannot be read, or no formula is known for the system.
    """
    if isinstance(system, str):
        system = notation.read_tandem(system, arrivals, service, **given)
    stations = (system,) if isinstance(system, System) else system
    found = in_a_row(stations, _alone) if len(stations) > 1 else _alone(stations[0])
    return replace(found, notes=(*found.notes, *_not_counted(stations)))


def _not_counted(stations: Sequence[System]) -> list[str]:
    """Return what is said of a backlog, and who follows it; nothing where there is none."""
    backlog = max(one.backlog for one in stations)
    if not backlog:
        return []
    said = _LONG_AFTER.format(backlog)
    return [said if len(stations) > 1 else f"{said}; forebay simulate --for 1m follows them"]


def _alone(system: System) -> Solution:
    return model_for(system).solve(system)


def model_for(system: System) -> Model:
    """Return the model that solves a system.

    Raises:
        UsageError: none does.
    """
    fitting = [model for model in MODELS if model.fits(system)]
    if not fitting:
        raise UsageError(
            f"no formula is known for {notation.write(system)} with all that is asked of it",
            "forebay simulate takes every system",
        )
    return min(fitting, key=lambda model: not model.exact)
