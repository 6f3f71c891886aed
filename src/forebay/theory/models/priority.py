"""Priorities: every class waits for those before it, and they do not wait for it.

With σ_k the load of classes 1 to k (1 is the most urgent) and W0 the mean remaining work that an arrival finds begun:

    who is begun is finished      Wq_k = W0/((1 − σ_{k−1})(1 − σ_k)),  W0 = Σ λ_i E[S_i²]/2;  M/M/n: W0 = C/nμ
    the urgent interrupt, n = 1   W_k = E[S_k]/(1 − σ_{k−1}) + Σ_{i≤k} λ_i E[S_i²]/(2(1 − σ_{k−1})(1 − σ_k))
    the urgent interrupt, M/M/n   classes 1 to k together are an M/M/n: W_k = (L_{1..k} − L_{1..k−1})/λ_k

Sources: A. Cobham, "Priority assignment in waiting line problems" (1954); R. W. Conway, W. L. Maxwell, L. W. Miller,
"Theory of Scheduling" (1967), chapter 8; O. Kella, U. Yechiali, "Waiting times in the non-preemptive priority M/M/c
queue" (1985). Where there is too much work the most urgent are served as before, and the rest gets what they leave.
"""

# ruff: noqa: N802, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.theory.laws import Exponential, General
from forebay.theory.models.erlang import erlang_c
from forebay.theory.models.model import Model
from forebay.theory.models.passage import busy_transform, passage_transform, tail_of
from forebay.theory.models.steady import asked, growing, poisson, steady, too_much
from forebay.theory.models.transforms import Complex, Transform, transform
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.system import Class, System

COBHAM = "A. Cobham, Priority assignment in waiting line problems (1954), eq. 7 and 15"
PREEMPTIVE = "R. W. Conway, W. L. Maxwell, L. W. Miller, Theory of Scheduling (1967), section 8-7"
SHARED = "O. Kella, U. Yechiali, Waiting times in the non-preemptive priority M/M/c queue (1985)"


def nonpreemptive_waits(classes: Sequence[Class], n: int = 1) -> list[float]:
    """Return Wq of every class, seconds, where who is begun is finished; inf for those that get too little.

    Arguments:
        classes: the most urgent first. n: workers; above 1 all classes have one and the same exponential service.

    Raises:
        UsageError: n > 1 and the services differ.
    """
    served = effective(classes, n)
    W0 = sum(rate * one.service.moment(2) / 2 for rate, one in zip(served, classes, strict=True))
    if n > 1:
        W0 = _delayed(served, classes, n) * _common(classes) / n
    sigma = _loads(classes, n)
    return [W0 / ((1 - before) * (1 - own)) if not too_much(own, 1) else math.inf for before, own in pairwise(sigma)]


def preemptive_sojourns(classes: Sequence[Class], n: int = 1) -> list[float]:
    """Return W of every class, seconds, where the more urgent interrupt; arguments and errors as before."""
    sigma = _loads(classes, n)
    if n == 1:
        R = list(accumulate(one.arrival_rate * one.service.moment(2) / 2 for one in classes))
        return [
            (one.service.mean + r / (1 - own)) / (1 - before) if not too_much(own, 1) else math.inf
            for one, r, before, own in zip(classes, R, sigma, sigma[1:], strict=False)
        ]
    S = _common(classes)
    Lq = [erlang_c(n, n * rho) * rho / (1 - rho) if not too_much(rho, 1) else math.inf for rho in sigma]
    return [
        S + max(0.0, own - before) / one.arrival_rate if own < math.inf else math.inf
        for one, before, own in zip(classes, Lq, Lq[1:], strict=False)
    ]


def effective(classes: Sequence[Class], n: int = 1) -> list[float]:
    """Return how many of every class are worked off a second: all, or what the more urgent leave of n workers."""
    left, rates = float(n), []
    for one in classes:
        rates.append(min(one.arrival_rate, left / one.service.mean))
        left = max(0.0, left - one.arrival_rate * one.service.mean)
    return rates


def _loads(classes: Sequence[Class], n: int) -> list[float]:
    """Return σ_0 = 0, σ_1, ..., as shares of n workers."""
    return list(accumulate((one.arrival_rate * one.service.mean / n for one in classes), initial=0.0))


def _common(classes: Sequence[Class]) -> float:
    """Return 1/μ of all classes."""
    if not _alike(classes):
        raise UsageError("several workers need one exponential service for all classes", "forebay simulate takes any")
    return classes[0].service.mean


def _alike(classes: Sequence[Class]) -> bool:
    law = classes[0].service
    return isinstance(law, Exponential) and all(one.service == law for one in classes)


def _delayed(served: Sequence[float], classes: Sequence[Class], n: int) -> float:
    """Return P(all workers work)."""
    a = sum(rate * one.service.mean for rate, one in zip(served, classes, strict=True))
    return erlang_c(n, a) if a < n * (1 - 1e-12) else 1.0


def wait_transform(
    classes: Sequence[Class], k: int, n: int = 1, *, preemptive: bool = False
) -> tuple[Transform, Transform]:
    """Return (W*(s), B*(s)) of class k, from 0: of the wait until the work is begun, and of the time from then on.

    M/M/n: who waits finds a geometric number of its class and before it, and each takes a busy period of the more
    urgent. M/G/1: Conway, Maxwell, Miller (1967), sections 8-6 and 8-7.

    Raises:
        UsageError: a law of service has no transform.
    """
    served = effective(classes, n)
    if n > 1 or (_alike(classes) and not preemptive):
        sigma, mu = _loads(classes, n), n / _common(classes)
        waits, delayed = passage_transform(sigma[k] * mu, mu, sigma[k + 1]), _delayed(served, classes, n)
        return lambda s: 1 - delayed + delayed * waits(s), transform(classes[k].service)
    laws = [(rate, transform(one.service)) for rate, one in zip(served, classes, strict=True)]
    urgent, (own, B), later = laws[:k], laws[k], [] if preemptive else laws[k + 1 :]
    idle = 1 - sum(classes[i].service.mean * served[i] for i in range(k + 1 if preemptive else len(classes)))
    longer = _prolonged(urgent)

    def W(s: Complex) -> Complex:
        z = longer(s)
        found = idle * z + sum(rate * (1 - law(z)) for rate, law in later)
        return np.asarray(found / (s - own + own * B(z)))

    return W, (lambda s: B(longer(s))) if preemptive else B


def _prolonged(urgent: Sequence[tuple[float, Transform]]) -> Transform:
    """Return z(s): a time of transform B*(s) takes B*(z(s)) where the urgent go before."""
    before = sum(rate for rate, _ in urgent)
    if not before:
        return lambda s: s
    busy = busy_transform(before, lambda s: sum((rate / before * law(s) for rate, law in urgent), 0 * s))
    return lambda s: s + before * (1 - busy(s))


def _tails(system: System, k: int) -> dict[str, Any]:
    """Return the tails of class k that are known."""
    classes, n, preemptive = system.classes, int(system.n), system.preemptive
    if any(isinstance(one.service, General) and one.service.c2 > 0 for one in classes) or (preemptive and n > 1):
        return {}
    W, B = wait_transform(classes, k, n, preemptive=preemptive)
    sojourn = tail_of(lambda s: W(s) * B(s), 1.0)
    if preemptive:
        return {"sojourn_tail": sojourn}
    return {"wait_tail": tail_of(W, _delayed(effective(classes, n), classes, n)), "sojourn_tail": sojourn}


def solve_priorities(system: System) -> Solution:
    """Return the answer of all together, with one part for each class."""
    parts = [_class(system, k) for k in range(len(system.classes))]
    lam = math.fsum(part.arrival_rate for part in parts)
    named = tuple((f"class {k}", part) for k, part in enumerate(parts, 1))
    told: dict[str, Any] = {
        "arrival_rate": lam,
        "offered_load": math.fsum(part.offered_load for part in parts),
        "parts": named,
        "notes": _notes(system, parts),
    }
    formula, source = parts[0].formula, parts[0].source
    if not all(part.stable for part in parts):
        growth = math.fsum(part.growth for part in parts)
        return growing(system, formula, source, growth, **told, throughput=max(0.0, lam - growth))
    W, Wq = (math.fsum(getattr(part, of) * part.arrival_rate for part in parts) / lam for of in ("W", "Wq"))
    tails: dict[str, Any] = {of: _mixed(parts, of) for of in ("wait_tail", "sojourn_tail")}
    p_wait = None if system.preemptive else parts[0].p_wait
    busy = math.fsum(part.utilization for part in parts)
    more: dict[str, Any] = {
        "throughput": lam,
        "L": lam * W,
        "Lq": lam * Wq,
        "W": W,
        "utilization": busy,
        "p_wait": p_wait,
    }
    return steady(system, formula, source, Wq=Wq, **told, **more, **tails)


def _notes(system: System, parts: Sequence[Solution]) -> tuple[str, ...]:
    notes = ["class 1 is the most urgent"]
    if system.preemptive:
        notes.append("the wait is all the time without work, interruptions too")
    if any(part.stable and part.sojourn_tail is None for part in parts):
        notes.append("no percentiles are known here: forebay simulate")
    return tuple(notes)


def _mixed(parts: Sequence[Solution], of: str) -> Tail | None:
    tails = [(part.arrival_rate, getattr(part, of)) for part in parts]
    if any(tail is None for _, tail in tails):
        return None
    lam = math.fsum(rate for rate, _ in tails)
    return lambda t: math.fsum(rate * tail(t) for rate, tail in tails) / lam


def _class(system: System, k: int) -> Solution:
    """Return the answer for class k (from 0) alone."""
    classes, n, one = system.classes, int(system.n), system.classes[k]
    own = replace(system, arrivals=Exponential(1 / one.arrival_rate), service=one.service, classes=())
    name = "M/G/1" if n == 1 else "M/M/n"
    if system.preemptive:
        formula, source = f"{name} with priorities: the urgent interrupt, work is resumed", PREEMPTIVE
        W = preemptive_sojourns(classes, n)[k]
        Wq = max(0.0, W - one.service.mean)
    else:
        formula, source = f"{name} with priorities: who is begun is finished", COBHAM if n == 1 else SHARED
        Wq = nonpreemptive_waits(classes, n)[k]
        W = Wq + one.service.mean
    if math.isinf(W):
        served = effective(classes, n)[k]
        busy = served * one.service.mean / n
        return growing(own, formula, source, one.arrival_rate - served, utilization=busy, p0=None)
    up_to = k + 1 if system.preemptive else len(classes)
    p_wait = _delayed(effective(classes, n)[:up_to], classes[:up_to], n)
    return steady(own, formula, source, Wq=Wq, W=W, p_wait=p_wait, **_tails(system, k))


def _fits(system: System) -> bool:
    if asked(system) != {"classes"} or math.isfinite(system.q) or math.isinf(system.n):
        return False
    if system.discipline is not Discipline.PRIORITY or not poisson(system):
        return False
    return system.n == 1 or _alike(system.classes)


MODELS = (Model("M/G/1 and M/M/n with priorities", _fits, solve_priorities),)
