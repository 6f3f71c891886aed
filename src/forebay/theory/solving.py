"""`solve`: the first exact formula that fits a system, else the first approximation."""

from __future__ import annotations

from collections.abc import Sequence
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


def solve(
    system: System | Sequence[System] | str,
    arrivals: Coming | None = None,
    service: Time | Sequence[Time] | None = None,
    **given: Any,
) -> Solution:
    """Return the steady state of a system, or of several in a row: what is done at one goes on to the next.

    Arguments:
        system: a `System`, some of them, or the notation; then the rest says what `notation.read` takes, and for a row
            `notation.read_tandem`.

    Raises:
        UsageError: the text cannot be read, or no formula is known for the system.
    """
    if isinstance(system, str):
        system = notation.read_tandem(system, arrivals, service, **given)
    if not isinstance(system, System):
        return in_a_row(system, solve) if len(system) > 1 else solve(system[0])
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
