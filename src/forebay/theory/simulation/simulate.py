"""`simulate`: any system, until its numbers are precise enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from forebay.errors import UsageError
from forebay.theory import notation
from forebay.theory.notation import Coming, Time
from forebay.theory.path import Path
from forebay.theory.simulation.audit import audit
from forebay.theory.simulation.block import Overgrown
from forebay.theory.simulation.draws import Seed
from forebay.theory.simulation.effort import MOST, Effort, Progress
from forebay.theory.simulation.engine import compiled_available
from forebay.theory.simulation.rules import Rules
from forebay.theory.simulation.run import Run
from forebay.theory.simulation.simulation import QUANTITIES, Simulation
from forebay.theory.simulation.stability import at_its_limit, growth, overloaded
from forebay.theory.simulation.steady import Growing, Steady
from forebay.theory.simulation.waves import again, periodic
from forebay.theory.solution import AT_ITS_LIMIT
from forebay.theory.system import System, Trace, Varying

_AUDITED = 2_000
_HEAD = 200_000
"""Customers from the beginning of a run, for the growth of what has no steady state, and for the path of what has."""

_HEAD_WITH_RETRIES = 2_000
"""The same where everybody in a growing crowd comes again and again: the work is the square of it."""


def simulate(
    system: System | str,
    arrivals: Coming | None = None,
    service: Time | None = None,
    *,
    precision: float | None = 0.01,
    customers: int | None = None,
    seconds: float | None = None,
    replications: int | None = None,
    works: Sequence[float] | None = None,
    of: str | None = None,
    seed: int = 1,
    timeout: float = 60.0,
    compiled: bool | None = None,
    progress: Progress | None = None,
    keep_path: bool = False,
    **given: Any,
) -> Simulation:
    """Return what a system does, with intervals of 95 % and without its warm-up.

    Arguments:
        system: a `System`, or its notation; then the rest says what `notation.read` takes.
        precision: the run ends when half of the interval is this share of the value; None: at `customers`.
        customers: at most so many; None: no limit.
        seconds: only what happens to those who come before this instant, from the beginning, again and again; None:
            the steady state, or that of each period of a load with an attribute `period`.
        replications: how often again, whatever the precision; None: until the peak of the backlog is precise enough.
            A trace is followed once.
        works: seconds of work of each customer, in the order of arrival: a trace, in place of the law.
        of: the quantity whose precision is meant, a name of `QUANTITIES`; None: the wait, where anybody waits, and with
            `seconds` the peak of the backlog.
        seed: the same seed gives the same numbers.
        timeout: seconds of time on the wall after which it ends, precise or not; to compile is not counted.
        compiled: True or False forces the compiled or the pure engine; the numbers are the same.
        progress: called with (customers so far, Estimate of what decides).
        keep_path: whether the answer has a path; of a steady state, that of its first customers.

    Raises:
        UsageError: the text cannot be read, or the system cannot be simulated so.
        Missing: compiled is asked for, and numba is not installed.
        Broken: the engine breaks a law that holds on every path.
    """
    if isinstance(system, str):
        system = notation.read(system, arrivals, service, **given)
    _check(system, of, works)
    seconds, replications = _length(system, works, seconds, replications)
    precision = None if replications else precision
    effort = Effort(precision, MOST if replications else customers, timeout, progress)
    rules = Rules.of(system, own_work=bool(system.classes) or works is not None)
    first = Run(system, rules, Seed(seed), works=works, compiled=compiled)
    audit(first.first(_AUDITED), rules, first.work)
    effort.begin()
    if seconds is not None:
        found = again(system, rules, seed, effort, seconds, replications, works, of, compiled)
    else:
        found = _endless(system, rules, seed, effort, of, compiled)
    path = found.pop("path", None)
    if keep_path:
        found["path"] = path or _head(system, rules, seed, compiled)
    told = {
        "system": notation.write(system),
        "engine": "pure" if compiled is False or not compiled_available() else "compiled",
        "seed": seed,
        "precision": precision or 0.0,
    }
    return _simulation(told, found, fixed=precision is None)


def _check(system: System, of: str | None, works: Sequence[float] | None) -> None:
    """Refuse the precision of what never happens, and works that are not those of the arrivals."""
    if of is not None and of not in QUANTITIES:
        raise UsageError(f"{of!r} is not simulated", f"one of {', '.join(QUANTITIES)}")
    kept = system.breaking is None or system.breaking.redelivery != math.inf
    never = {"loss": kept and system.places >= system.population, "abandoned": system.patience is None}
    if of is not None and never.get(of):
        raise UsageError(f"{of} is always 0 here", "leave --of out, or ask for the precision of W")
    if works is not None and isinstance(system.arrivals, Trace) and len(works) != len(system.arrivals.instants):
        raise UsageError(
            f"{len(system.arrivals.instants):,} arrivals and {len(works):,} works", "one work for each, in their order"
        )


def _length(
    system: System, works: Sequence[float] | None, seconds: float | None, replications: int | None
) -> tuple[float | None, int | None]:
    """Return how long customers come, and how often that is repeated: a trace comes to its end, once."""
    finite = isinstance(system.arrivals, Trace) or works is not None
    if replications is not None and replications < 1:
        raise UsageError("nothing would be simulated", "give one replication or more")
    if finite:
        return (math.inf if seconds is None else seconds), replications or 1
    if seconds is None and replications is not None:
        raise UsageError("a steady state has no replications", "say how long each is: --for 2m")
    if seconds is not None and not 0 < seconds < math.inf:
        raise UsageError(f"a run of {seconds:g} s is not possible", "a time above 0: --for 2m")
    if seconds is None and isinstance(system.arrivals, Varying) and _period(system) is None:
        raise UsageError("this load has no period, and so no steady state", "say how long it lasts: --for 2m")
    return seconds, replications


def _period(system: System) -> float | None:
    period: float | None = getattr(getattr(system.arrivals, "load", None), "period", None)
    return period


def _endless(
    system: System, rules: Rules, seed: int, effort: Effort, of: str | None, compiled: bool | None
) -> dict[str, Any]:
    """Return the fields of a system that goes on for ever."""
    if overloaded(system):
        return _growing(system, rules, seed, compiled)
    period = _period(system)
    try:
        if period is not None:
            return periodic(system, rules, seed, effort, period, of, compiled)
        return Steady(system, rules, Run(system, rules, Seed(seed), compiled=compiled), effort, of).fields()
    except (Growing, Overgrown):
        return _growing(system, rules, seed, compiled)


def _growing(system: System, rules: Rules, seed: int, compiled: bool | None) -> dict[str, Any]:
    """Return the fields of a system without a steady state: its growth, from a run of its own."""
    path = _head(system, rules, seed, compiled)
    note = "more comes than can be worked off: there is no steady state"
    if at_its_limit(system):
        note = f"just as much comes as can be worked off: {AT_ITS_LIMIT}"
    return {"growth": growth(path), "customers": len(path), "warmup": 0, "batches": 1, "of": "growth", "notes": (note,)}


def _head(system: System, rules: Rules, seed: int, compiled: bool | None) -> Path:
    size = _HEAD_WITH_RETRIES if system.retrying else _HEAD
    return Run(system, rules, Seed(seed), compiled=compiled).first(size)


def _simulation(told: dict[str, Any], found: dict[str, Any], fixed: bool) -> Simulation:
    """Return the answer; a run of a given length has reached what was asked of it."""
    parts = tuple((name, _simulation(told, part, fixed)) for name, part in found.pop("parts", ()))
    reached = bool(found.pop("reached", False)) or fixed
    return Simulation(**told, **found, parts=parts, reached=reached)
