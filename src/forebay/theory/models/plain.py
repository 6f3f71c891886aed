"""Plain systems: A/B/n/q and nothing else asked; how a few numbers become their Solution."""

# ruff: noqa: N803 - the letters of the formulas
from __future__ import annotations

from forebay.disciplines import Discipline
from forebay.theory.laws import Exponential
from forebay.theory.models.steady import asked, growing, steady, too_much
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.system import System, Varying

UNORDERED = "the means hold for every order of service that does not look at the work; the percentiles are of FIFO only"


def plain(system: System) -> bool:
    """Return whether nothing but A/B/n/q is asked; LIFO and random order are plain, as far as means go."""
    return asked(system) <= {"discipline"} and not isinstance(system.arrivals, Varying)


def plain_poisson(system: System) -> bool:
    """Return whether a system is plain, and its arrivals are a Poisson process."""
    return plain(system) and isinstance(system.arrivals, Exponential)


def stable(system: System) -> bool:
    """Return whether the workers are enough without a limit to the queue: a < n."""
    return not too_much(system.offered_load, system.n)


def answer(
    system: System,
    formula: str,
    source: str,
    Lq: float,
    p0: float | None = None,
    p_wait: float | None = None,
    loss: float = 0.0,
    tails: tuple[Tail | None, Tail | None] = (None, None),
    error: str = "",
    notes: tuple[str, ...] = (),
) -> Solution:
    """Return the Solution of a plain system that has a steady state.

    Arguments:
        tails: P(Wq > t) and P(W > t) under FIFO; they are left out for another order of service.
        error: what to expect of an approximation; "" where the formula is exact.
    """
    loss = max(loss, 1 - system.n / system.offered_load)  # a rounded loss has nobody served beyond what n can do
    fifo = system.discipline is not Discipline.LIFO and system.discipline is not Discipline.RANDOM
    wait_tail, sojourn_tail = tails if fifo else (None, None)
    return steady(
        system,
        formula,
        source,
        Wq=Lq / (system.arrival_rate * (1 - loss)),
        loss=loss,
        p0=p0,
        p_wait=p_wait,
        wait_tail=wait_tail,
        sojourn_tail=sojourn_tail,
        exact=not error,
        error=error,
        notes=notes if fifo else (*notes, UNORDERED),
    )


def overloaded(system: System, formula: str, source: str, error: str = "") -> Solution:
    """Return the Solution of a plain system with q = inf and ρ >= 1."""
    growth = system.arrival_rate - system.n / system.service.mean
    return growing(system, formula, source, growth, exact=not error, error=error)
