"""What a suggested model says of the very run that it was made from, beside what that run measured.

In the order in which they are to be believed of a run: its own trace, replayed; the forward equations where the rate
moves, with the fluid beside them where it exceeds the capacity; the formula of the steady state; a simulation where
there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from forebay.errors import UsageError
from forebay.theory import notation
from forebay.theory.fit.arrivals import ArrivalFit, Kind
from forebay.theory.fit.log import Log
from forebay.theory.fit.model import Model
from forebay.theory.fit.overheads import Overheads
from forebay.theory.fit.service import ServiceFit
from forebay.theory.path import Path
from forebay.theory.system import System
from forebay.theory.varying.fluid import predict

PERCENTS = (50.0, 95.0, 99.0)
_BATCHES = 20
_STUDENT = 2.093
"""97.5 % of Student's law with 19 degrees of freedom."""
_LOOKS = 500
"""Instants at which the rate is compared with the capacity."""
_PURE = 300_000
"""Customers up to which the pure engine replays: the compiled one takes as long to load."""

Figures = dict[str, float]
"""By name: `wait p50` and the like in seconds, `loss` as a share."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one way of predicting says.

    Arguments:
        name: of the way. figures: what it says. low, high: the same at both ends of the interval of 95 % that the
            errors of rate and mean work leave; empty where nothing was estimated.
        note: what it assumes.
    """

    name: str
    figures: Figures
    low: Figures
    high: Figures
    note: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What the run itself had; `low` and `high` are the interval of 95 % from batches, where there are enough."""

    figures: Figures
    low: Figures
    high: Figures


def measured(log: Log, *, steady: bool = True) -> Measured:
    """Return the percentiles of wait and latency, and the loss.

    Arguments:
        log: what was read.
        steady: whether the rate stands still; if not, batches differ for another reason than chance.
    """
    figures: Figures = {}
    low: Figures = {}
    high: Figures = {}
    for name, times in (("wait", log.waits), ("latency", log.latencies)):
        for percent in PERCENTS if len(times) else ():
            key = f"{name} p{percent:g}"
            figures[key] = float(np.percentile(times, percent))
            if steady and len(times) >= _BATCHES * 100:
                # Batches in the order of time: what waits together is alike, and no evidence of its own.
                parts = [float(np.percentile(part, percent)) for part in np.array_split(times, _BATCHES)]
                half = _STUDENT * float(np.std(parts, ddof=1)) / math.sqrt(_BATCHES)
                low[key], high[key] = max(0.0, figures[key] - half), figures[key] + half
    if log.path is not None and len(log.latencies):
        figures["loss"] = log.path.loss
    return Measured(figures, low, high)


def forecasts(log: Log, arrivals: ArrivalFit, service: ServiceFit, model: Model) -> list[Forecast]:
    """Return what each way says that there is for this run; the first is to be believed most."""
    found = [_replay(log, service, model)]
    if not arrivals.moves:
        found.append(_steady(arrivals, service, model))
    elif arrivals.kind is not Kind.CLOCK:
        found.append(_moving(arrivals, service, model))
    found += _fluid(arrivals, service, model.system)
    return [_with_overheads(one, model.overheads) for one in found]


def _with_overheads(forecast: Forecast, overheads: Overheads) -> Forecast:
    """Return a forecast with the hand-over in every time; a message does not see the turnaround of its worker."""
    more = {"wait": overheads.handover, "latency": overheads.handover - overheads.turnaround, "loss": 0.0}

    def longer(figures: Figures) -> Figures:
        return {name: max(0.0, value + more[name.partition(" ")[0]]) for name, value in figures.items()}

    low, high = longer(forecast.low), longer(forecast.high)
    return replace(forecast, figures=longer(forecast.figures), low=low, high=high)


def _replay(log: Log, service: ServiceFit, model: Model) -> Forecast:
    """Let the same arrivals bring the same work to n workers with q places."""
    from forebay.theory.simulation import engine
    from forebay.theory.simulation.rules import Rules

    assert log.path is not None
    path = log.path
    works = path.ended - path.started + model.overheads.turnaround
    unknown = np.isnan(works)
    works[unknown] = np.random.default_rng(1).choice(service.times, int(unknown.sum()))
    rules = Rules(n=model.system.n, q=model.system.q, own_work=True)
    replayed = engine.run(rules, path.arrived, works, compiled=False if len(path) <= _PURE else None)
    note = "the same arrivals with the same work, first come first served: exact for this load alone"
    return Forecast("replay", _of_path(replayed), {}, {}, note)


def _of_path(path: Path) -> Figures:
    figures = {
        f"{name} p{p:g}": float(np.percentile(times, p)) if len(times) else 0.0
        for name, times in (("wait", path.waits), ("latency", path.sojourns))
        for p in PERCENTS
    }
    return figures | {"loss": path.loss}


def _moving(arrivals: ArrivalFit, service: ServiceFit, model: Model) -> Forecast:
    from forebay.theory.varying.evolving import evolve

    work, n, q = model.system.service, int(model.system.n), model.system.q

    def at(factor: float) -> Figures:
        load = work.with_mean(work.mean * factor)
        evolution = evolve(arrivals.trend, load, n, q, seconds=arrivals.seconds)
        return _told(evolution.wait, evolution.sojourn, evolution.loss)

    note = "the forward equations of the rate as it moves, from an empty system"
    return _with_interval(model.name, at, arrivals, service, note)


def _fluid(arrivals: ArrivalFit, service: ServiceFit, system: System) -> Iterator[Forecast]:
    """Yield the fluid where the rate exceeds the capacity, unless a limit of places makes that a steady state."""
    seconds, capacity = arrivals.seconds, system.n / system.service.mean
    highest = max(map(arrivals.trend.rate, np.linspace(0, seconds, _LOOKS).tolist()))
    if highest <= capacity or (math.isfinite(system.q) and not arrivals.moves):
        return
    fluid = predict(arrivals.trend.rate, seconds, capacity, q=system.q + system.n, cs2=service.c2)
    figures = {f"wait p{p}": x for p, x in fluid.wait_percentiles.items()}
    figures["loss"] = fluid.lost / fluid.offered
    yield Forecast("fluid", figures, {}, {}, "a liquid knows no chance: its waits are the least that there will be")


def _steady(arrivals: ArrivalFit, service: ServiceFit, model: Model) -> Forecast:
    from forebay.theory.solving import solve

    work = model.system.service

    def at(factor: float) -> Figures:
        solution = solve(replace(model.system, service=work.with_mean(work.mean * factor)))
        return _told(solution.wait, solution.sojourn, solution.loss)

    try:
        solution = solve(model.system)
    except UsageError:
        return _simulated(service, model.system)
    note = solution.formula if solution.exact else f"{solution.formula}, approximate: {solution.error}"
    return _with_interval(model.name, at, arrivals, service, note)


def _simulated(service: ServiceFit, system: System) -> Forecast:
    from forebay.theory.simulation.simulate import simulate

    measured_work = replace(system, service=service.samples.with_mean(system.service.mean))
    found = simulate(measured_work, precision=0.02, customers=1_000_000, timeout=10.0)

    def value(of: Callable[[float], object]) -> Callable[[float], float]:
        return lambda percent: float(getattr(of(percent), "value", math.nan))

    loss = found.loss.value if found.loss else 0.0
    figures = _told(value(found.wait), value(found.sojourn), loss) if found.stable else _told(_never, _never, loss)
    note = "simulated with the measured times of work: no formula is known"
    return Forecast(notation.write(measured_work), figures, {}, {}, note)


def _never(percent: float) -> float:
    """Return the percentile of a wait that has no end."""
    return math.inf


def _told(wait: Callable[[float], float | None], sojourn: Callable[[float], float | None], loss: float) -> Figures:
    """Return the percentiles that are known."""
    named = (("wait", wait), ("latency", sojourn))
    found = {f"{name} p{p:g}": value for name, of in named for p in PERCENTS if (value := of(p)) is not None}
    return found | {"loss": loss}


def _with_interval(
    name: str, at: Callable[[float], Figures], arrivals: ArrivalFit, service: ServiceFit, note: str
) -> Forecast:
    """Return a forecast with what it says for a load at both ends of its own interval."""
    error = math.hypot(arrivals.rate_error / arrivals.rate, service.mean_error / service.mean)
    low, middle, high = (at(factor) for factor in (max(1 - 1.96 * error, 0.01), 1.0, 1 + 1.96 * error))
    return Forecast(name, middle, low, high, note)


def error_of(forecast: float, measured: float) -> float | None:
    """Return by what share a forecast is above what was measured; None where that cannot be said."""
    if not (math.isfinite(forecast) and math.isfinite(measured)) or measured <= 0:
        return None
    return forecast / measured - 1
