"""Work that breakdowns interrupt: how long it takes a worker, from the beginning to the end, repairs included.

A worker breaks down after an exponential time (f = 1/its mean) and is back after D.

    resumed        E[C] = E[S](1 + f E[D]),  E[C²] = E[S²](1 + f E[D])² + f E[S] E[D²],  C*(s) = B*(s + f(1 − D*(s)))
    begun anew     E[C] = (M(f) − 1)β,  E[C²] = 2β²(M(2f) − 2M(f) + 1) + (M(f) − 1)(2β/f + E[D²]) − 2β M'(f)

with M(x) = E[e^(xS)] and β = 1/f + E[D]. What is begun anew takes the same time again: where work is sometimes long
against 1/f, it hardly ever ends, and M may be infinite. Sources: B. Avi-Itzhak, P. Naor, "Some queuing problems with
the service station subject to breakdown" (1963); D. P. Gaver, "A waiting line with interrupted service" (1962).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from forebay.errors import UsageError
from forebay.theory.laws import Erlang, Exponential, General, Hyperexponential, Law

_RARE = 1e-3
_TERMS = 12
_STEP = 1e-20


@dataclass(frozen=True, slots=True)
class Completion:
    """The first two moments of a completion time.

    Arguments:
        mean: seconds. second: E[C²], seconds². starts: how often the work is begun on average.
    """

    mean: float
    second: float
    starts: float = 1.0

    @property
    def c2(self) -> float:
        """The squared coefficient of variation."""
        return self.second / self.mean**2 - 1 if math.isfinite(self.second) else math.inf


def resumed(service: Law, f: float, down: Law) -> Completion:
    """Return the completion time of work that is resumed where it stopped.

    Arguments:
        f: breakdowns, per second of work. down: the law of a repair.
    """
    longer = 1 + f * down.mean
    return Completion(service.mean * longer, service.moment(2) * longer * longer + f * service.mean * down.moment(2))


def begun_anew(service: Law, f: float, down: Law) -> Completion:
    """Return the completion time of work that begins anew after every breakdown; inf where it need not end.

    Arguments: as `resumed`.

    Raises:
        UsageError: the law of the work has two moments only.
    """
    if isinstance(service, General) and service.c2 > 0:
        raise UsageError(f"{service.letter} does not say how long work is at most", "name the law: M, D, E_k, H2")
    limit = _limit(service)
    if f >= limit:
        return Completion(math.inf, math.inf, math.inf)
    beta, repair = 1 / f + down.mean, down.moment(2)
    if f * service.mean < _RARE and 2 * f * _TERMS < limit:
        return _rare(service, f, beta, repair)
    excess = service.transform(complex(-f)).real - 1
    if 2 * f >= limit:
        return Completion(excess * beta, math.inf, excess + 1)
    twice = service.transform(complex(-2 * f)).real - 1
    slope = service.transform(complex(-f, -_STEP * f)).imag / (_STEP * f)
    second = 2 * beta**2 * (twice - 2 * excess) + excess * (2 * beta / f + repair) - 2 * beta * slope
    return Completion(excess * beta, second, excess + 1)


def _rare(service: Law, f: float, beta: float, repair: float) -> Completion:
    """Return the same by a series in f, where the closed form would subtract what is nearly equal."""
    b, mean, second, starts = beta * f, 0.0, 0.0, 1.0
    for k in range(1, _TERMS):
        term = f**k * service.moment(k) / math.factorial(k)
        starts += term
        mean += term * beta
        second += term * (repair + (2 * b * b * (2**k - 2) + 2 * b * (1 - k)) / (f * f))
    return Completion(mean, second, starts)


def _limit(service: Law) -> float:
    """Return the x from which on E[e^(xS)] is infinite."""
    if isinstance(service, Exponential):
        return 1 / service.mean
    if isinstance(service, Erlang):
        return service.k / service.mean
    if isinstance(service, Hyperexponential):
        return 1 / max(mean for _, mean in service.branches)
    return math.inf
