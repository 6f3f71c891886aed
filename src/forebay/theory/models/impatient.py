"""M/M/n+M and M/M/n+D: who waits too long leaves.

Exponential patience (Erlang A) is birth and death with deaths min(k, n)μ + (k − n)θ. The j + 1 steps before one who
finds j waiting have the rates nμ, nμ + θ, ..., nμ + jθ: the wait V that is offered to it, where it does not leave, has
e^(−θV) of a beta law. Patience τ that is the same for all makes the density of V λe^(λ min(x, τ) − nμx)/(E + λJ), with
1/E = B(n − 1, a) and J = ∫e^(λ min(x, τ) − nμx) dx.

Sources: C. Palm, "Research on telephone traffic carried by full availability groups" (1957); O. Garnett, A. Mandelbaum,
M. Reiman, "Designing a call center with impatient customers" (2002); D. Y. Barrer, "Queuing with impatient customers
and ordered service" (1957); S. Zeltyn, A. Mandelbaum, "Call centers with impatient customers: many-server asymptotics
of the M/M/n+G queue" (2005).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Exponential, Law
from forebay.theory.models.birth_death import from_above, stationary
from forebay.theory.models.erlang import erlang_b
from forebay.theory.models.markov import places
from forebay.theory.models.mixing import Vector, falling_steps, followed_by_exponential
from forebay.theory.models.model import Model
from forebay.theory.models.steady import asked, markovian, steady
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.system import System

_MOST_STATES = 5_000_000
_NOTHING = 750.0
"""e^-750 is less than a float can say."""
_NOTE = "W and Wq are of all that found a place, also of those who left; of those who were served: the part served"


@dataclass(frozen=True, slots=True)
class Impatient:
    """What a steady state with patience comes to, for one group of arrivals: the accepted, or those who are served.

    Arguments:
        p0: P(empty). loss, abandoned: shares of all arrivals.
        p_wait, Wq: P(it waits), mean wait in seconds. wait, sojourn: tails.
        served: the same for those of the group who do not leave.
    """

    p0: float
    loss: float
    abandoned: float
    p_wait: float
    Wq: float
    wait: Tail
    sojourn: Tail
    served: Impatient | None = None


def erlang_a(n: int, q: float, lam: float, mu: float, theta: float) -> Impatient:
    """Return the steady state of M/M/n/q+M.

    Arguments:
        n, q: workers, waiting places; inf: no limit. lam, mu, theta: of arrivals, work and patience, per second.

    Raises:
        UsageError: the queue would be longer than can be computed.
    """
    most = int(q) if math.isfinite(q) else _longest_queue(n, lam, mu, theta)
    k, j = np.arange(n + most, dtype=np.float64), np.arange(most, dtype=np.float64)
    p = stationary(np.full(n + most, lam), np.minimum(k + 1, n) * mu + np.maximum(k + 1 - n, 0) * theta)
    loss = float(p[-1]) if math.isfinite(q) else 0.0
    finds, alpha = p[n : n + most] / (1 - loss), n * mu / theta
    Wq = float(p[n:] @ np.arange(most + 1.0)) / (lam * (1 - loss))
    stays = finds * alpha / (alpha + j + 1)  # and is served
    share = 1 - theta * Wq
    wait = falling_steps(alpha + 1, theta, from_above(stays) / share)
    served = Impatient(
        p0=float(p[0]),
        loss=loss,
        abandoned=theta * Wq * (1 - loss),
        p_wait=float(stays.sum()) / share,
        Wq=float(stays @ np.cumsum(1 / (alpha + 1 + j))) / theta / share,
        wait=wait,
        sojourn=followed_by_exponential(wait, mu, (1 + _spread(finds)) / (n * mu)),
    )
    offered = falling_steps(alpha, theta, from_above(finds))
    return _with_those_who_leave(served, float(finds.sum()), Wq, lambda t: math.exp(-theta * t) * offered(t))


def barrer(n: int, lam: float, mu: float, tau: float) -> Impatient:
    """Return the steady state of M/M/n+D.

    Arguments:
        n: workers. lam, mu: of arrivals and work, per second. tau: patience, seconds.
    """
    delta, B = lam - n * mu, erlang_b(n - 1, lam / mu)
    most = max(0.0, delta * tau)  # all is divided by e^most, which may be more than a float can say
    J = _exponential(delta, 0.0, tau, most) + math.exp(delta * tau - most) / (n * mu)
    E = math.exp(-most) / B if B else math.inf
    idle, c = (E / (E + lam * J), lam / (E + lam * J)) if B else (1.0, 0.0)
    abandoned = c * math.exp(delta * tau - most) / (n * mu)
    share, moment = 1 - abandoned, c * _moment(delta, tau)

    def waits_on(t: float) -> float:  # t < V <= τ
        return c * _exponential(delta, t, tau, most) if t < tau else 0.0

    def stays(t: float) -> float:  # V <= τ, V + S > t
        behind = c * _exponential(delta + mu, 0.0, min(t, tau), most + mu * t)
        return waits_on(t) + behind + idle * math.exp(-mu * t)

    served = Impatient(
        p0=idle * (places(n - 1, 0, lam / mu).p0 if n > 1 else 1.0),
        loss=0.0,
        abandoned=abandoned,
        p_wait=waits_on(0.0) / share,
        Wq=moment / share,
        wait=lambda t: waits_on(t) / share,
        sojourn=lambda t: stays(t) / share,
    )

    def wait(t: float) -> float:
        return waits_on(t) + abandoned if t < tau else 0.0

    return _with_those_who_leave(served, 1 - idle, moment + abandoned * tau, wait)


def _with_those_who_leave(served: Impatient, p_wait: float, Wq: float, wait: Tail) -> Impatient:
    """Return the state of all that are accepted."""
    share = 1 - served.abandoned / (1 - served.loss)

    def sojourn(t: float) -> float:
        return wait(t) + share * max(0.0, served.sojourn(t) - served.wait(t))

    return replace(served, p_wait=p_wait, Wq=Wq, wait=wait, sojourn=sojourn, served=served)


def _longest_queue(n: int, lam: float, mu: float, theta: float) -> int:
    """Return a number of waiting beyond which there is nobody, as far as a float can say."""
    rho = lam / (n * mu)
    most = max(0.0, (lam - n * mu) / theta) + math.sqrt(2 * _NOTHING * lam / theta) + 2 * _NOTHING
    if rho < 1:
        most = min(most, _NOTHING / -math.log(rho) + 1)
    if most > _MOST_STATES:
        raise UsageError(
            f"with so much patience about {most:.2g} wait, too many to compute",
            "leave the patience out, or give a number of waiting places",
        )
    return math.ceil(most)


def _spread(finds: Vector) -> float:
    """Return the standard deviation of how many wait where all work."""
    waits, j = float(finds.sum()), np.arange(len(finds))
    if not waits:
        return 0.0
    mean = float(finds @ j) / waits
    return math.sqrt(max(0.0, float(finds @ (j - mean) ** 2) / waits))


def _exponential(rate: float, start: float, end: float, shift: float) -> float:
    """Return ∫e^(rate v − shift) dv from start to end."""
    x = abs(rate) * (end - start)
    return math.exp(max(rate * start, rate * end) - shift) * (end - start) * (-math.expm1(-x) / x if x else 1.0)


def _moment(delta: float, tau: float) -> float:
    """Return ∫v e^(δv) dv from 0 to τ, divided by e^(δτ) where δ > 0."""
    x = abs(delta) * tau
    if x > 1:
        falling = (1 - math.exp(-x) * (1 + x)) / (x * x)
    else:
        falling = math.fsum((-x) ** k / (math.factorial(k) * (k + 2)) for k in range(20))
    return tau * tau * (falling if delta <= 0 else (-math.expm1(-x) / x) - falling)


def _solved(system: System, state: Impatient, formula: str, source: str) -> Solution:
    S, per_worker = system.service.mean, system.service.mean / system.n
    throughput = system.arrival_rate * (1 - state.loss - state.abandoned)
    shared = {"p0": state.p0, "throughput": throughput, "utilization": throughput * per_worker}

    def answer(group: Impatient, W: float, **more: Any) -> Solution:
        told: dict[str, Any] = {name: getattr(group, name) for name in ("loss", "abandoned", "p_wait", "Wq")}
        return steady(
            system, formula, source, W=W, wait_tail=group.wait, sojourn_tail=group.sojourn, **told, **shared, **more
        )

    assert state.served is not None
    share, among = 1 - state.abandoned / (1 - state.loss), state.served
    W = among.Wq + S
    served = answer(among, W, L=throughput * W, Lq=throughput * among.Wq)
    return answer(state, state.Wq + share * S, notes=(_NOTE,), parts=(("served", served),))


def _random(system: System) -> Solution:
    """M/M/n/q+M."""
    rates = system.arrival_rate, 1 / system.service.mean, 1 / _patience(system).mean
    return _solved(
        system,
        erlang_a(int(system.n), system.q, *rates),
        "Erlang A: deaths min(k, n)μ + (k − n)θ",
        'O. Garnett, A. Mandelbaum, M. Reiman, "Designing a call center with impatient customers" (2002)',
    )


def _fixed(system: System) -> Solution:
    """M/M/n+D."""
    return _solved(
        system,
        barrer(int(system.n), system.arrival_rate, 1 / system.service.mean, _patience(system).mean),
        "the wait that is offered has the density λe^(λ min(x, τ) − nμx)/(E + λJ)",
        'D. Y. Barrer, "Queuing with impatient customers and ordered service" (1957)',
    )


def _patience(system: System) -> Law:
    assert system.patience is not None
    return system.patience


def _fits(system: System, law: type[Law]) -> bool:
    alone = asked(system) == {"patience"} and system.q > 0
    return markovian(system) and math.isfinite(system.n) and alone and isinstance(system.patience, law)


MODELS = (
    Model("M/M/n/q+M", lambda system: _fits(system, Exponential), _random),
    Model("M/M/n+D", lambda system: _fits(system, Deterministic) and math.isinf(system.q), _fixed),
)
