"""Erlang's two formulas, their inverses, and the square-root rule.

    B(n, a)    the share that is lost by M/G/n/n, whatever the law of the work
    C(n, a)    the share that waits in M/M/n

Both by B_0 = 1, B_k = aB_{k−1}/(k + aB_{k−1}), which neither overflows nor cancels; a = λE[S] is the offered load.
Sources: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges" (1917); R. B. Cooper, "Introduction to Queueing Theory" (1981), equations 3.4 to 3.6.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from forebay.errors import UsageError
from forebay.quantity import show_seconds

_PRECISE = 1e-14
_STEPS = 10_000
_MEMORY = 9.0


def erlang_b(n: float, a: float) -> float:
    """Return B(n, a), the share of arrivals that n workers without waiting places lose.

    Arguments:
        n: workers, 0 or more; between two whole numbers by 1/B = a∫e^(−at)(1 + t)^n dt. a: offered load.

    Raises:
        UsageError: n or a is negative or not finite.
    """
    _checked(n, a)
    if a == 0:
        return 1.0 if n == 0 else 0.0
    whole = math.floor(n)
    first = _forgotten(min(n, a), a)
    B = 1.0 if first or whole == n else _between_0_and_1(n - whole, a)
    for k in range(first + 1, whole + 1):
        B = a * B / (n - whole + k + a * B)
        if B == 0:
            break
    return B


def erlang_c(n: int, a: float) -> float:
    """Return C(n, a) = B/(1 − ρ(1 − B)), the share of arrivals that wait for one of n workers; 1 in overload.

    Raises:
        UsageError: n is below 1, or a is negative or not finite.
    """
    _checked(n - 1, a)
    return waiting(n, a, erlang_b(n, a))


def waiting(n: int, a: float, B: float) -> float:
    """Return C(n, a), where B(n, a) is known."""
    return 1.0 if a >= n else B / (1 - a / n * (1 - B))


def erlang_b_workers(a: float, blocking: float) -> int:
    """Return the smallest n with B(n, a) <= blocking.

    Raises:
        UsageError: the blocking is not between 0 and 1.
    """
    _share(blocking)
    return next(n for n, B in _row(a, a * (1 - blocking) - 1) if blocking >= B)  # a(1 − B) <= n


def erlang_c_workers(a: float, waits: float) -> int:
    """Return the smallest n with C(n, a) <= waits.

    Raises:
        UsageError: the share that waits is not between 0 and 1.
    """
    _share(waits)
    return next(n for n, B in _row(a, a - 1) if n > a and waiting(n, a, B) <= waits)


def workers_within(arrival_rate: float, service: float, seconds: float, share: float) -> int:
    """Return the smallest n for which M/M/n lets at least this share of arrivals wait no longer than `seconds`.

    Arguments:
        arrival_rate: per second. service: E[S], seconds. share: the service level, as 0.8.

    Raises:
        UsageError: the share is not between 0 and 1, or a time is negative.
    """
    _share(share)
    if not seconds >= 0:
        raise UsageError(f"a wait of {show_seconds(seconds)} is not possible", "0 or more")
    a = arrival_rate * service
    found = (
        n for n, B in _row(a, a - 1) if n > a and waiting(n, a, B) * math.exp(-(n - a) * seconds / service) <= 1 - share
    )
    return next(found)


def erlang_b_load(n: float, blocking: float) -> float:
    """Return the offered load a with B(n, a) = blocking.

    Raises:
        UsageError: the blocking is not between 0 and 1.
    """
    _share(blocking)
    high = n / (1 - blocking) + 1.0  # carried a(1 − B) is below n
    return _root(lambda a: erlang_b(n, a) / blocking - 1, high)


def erlang_c_load(n: int, waits: float) -> float:
    """Return the offered load a with C(n, a) = waits.

    Raises:
        UsageError: the share that waits is not between 0 and 1.
    """
    _share(waits)
    return _root(lambda a: erlang_c(n, a) / waits - 1, float(n))


def halfin_whitt(beta: float) -> float:
    """Return 1/(1 + βΦ(β)/φ(β)), the share that waits among many workers where n = a + β√a.

    Source: S. Halfin, W. Whitt, "Heavy-traffic limits for queues with many exponential servers" (1981), equation 2.3.
    """
    density = math.exp(-beta * beta / 2) / math.sqrt(2 * math.pi)
    below = math.erfc(-beta / math.sqrt(2)) / 2
    return density / (density + beta * below)


def halfin_whitt_beta(waits: float) -> float:
    """Return the β at which `halfin_whitt` is this share.

    Raises:
        UsageError: the share that waits is not between 0 and 1.
    """
    _share(waits)
    return _root(lambda beta: 1 - halfin_whitt(beta) / waits, 40.0)


def square_root_staffing(a: float, waits: float) -> int:
    """Return ⌈a + β√a⌉, workers for an offered load a so that this share waits.

    Never more than the exact number, and less by at most ⌈(β² + 2)/6⌉, for any load: by 1 where 3 % or more wait, by 2
    where one in a thousand does. Source: S. Borst, A. Mandelbaum, M. Reiman, "Dimensioning large call centers" (2004).

    Raises:
        UsageError: the share that waits is not between 0 and 1.
    """
    return math.ceil(a + halfin_whitt_beta(waits) * math.sqrt(a))


def _forgotten(n: float, a: float) -> int:
    """Return a number of workers from which the recursion may begin with any B: at n <= a nothing is left of it.

    An error of 1/B becomes k/a times as large from k − 1 to k, and e^(−m²/2) times over the last m√a steps before a.
    """
    return max(0, math.floor(n - _MEMORY * math.sqrt(a)))


def _row(a: float, least: float = 0.0) -> Iterator[tuple[int, float]]:
    """Yield (n, B(n, a)) for n = 1, 2, 3, ...; those below `least`, which is at most a, may be missing."""
    _checked(0, a)
    B, n = 1.0, _forgotten(least, a)
    while n < math.floor(least):
        n += 1
        B = a * B / (n + a * B)
    while True:
        n += 1
        B = a * B / (n + a * B)
        yield n, B


def _between_0_and_1(x: float, a: float) -> float:
    """Return B(x, a) = a^x e^(−a)/Γ(x + 1, a), by the series of γ(s, a) or by Legendre's continued fraction of Γ(s, a).

    Source: W. H. Press and others, "Numerical Recipes" (2007), section 6.2.
    """
    s = x + 1
    if a < s + 1:
        term = total = 1 / s
        for k in range(1, _STEPS):
            term *= a / (s + k)
            total += term
            if term < total * _PRECISE / 100:
                break
        return 1 / (math.gamma(s) * math.exp(a - x * math.log(a)) - a * total)
    b = a + 1 - s
    c, d = math.inf, 1 / b
    fraction = d
    for k in range(1, _STEPS):
        b += 2
        d = 1 / (k * (s - k) * d + b)
        c = b + k * (s - k) / c
        fraction *= c * d
        if abs(c * d - 1) < _PRECISE / 10:
            break
    return 1 / (a * fraction)


def _root(f: Callable[[float], float], high: float) -> float:
    """Return where a rising function passes 0 between 0 and high; by false position, halving the end that stays."""
    low, at_low, at_high = 0.0, f(0.0), f(high)
    side = 0
    for _ in range(_STEPS):
        x = (low * at_high - high * at_low) / (at_high - at_low)
        at = f(x)
        if at == 0 or high - low <= _PRECISE * high:
            return x
        if at > 0:
            high, at_high = x, at
            at_low, side = (at_low / 2, 1) if side == 1 else (at_low, 1)
        else:
            low, at_low = x, at
            at_high, side = (at_high / 2, -1) if side == -1 else (at_high, -1)
        if abs(at) < _PRECISE / 10:
            return x
    return (low + high) / 2


def _checked(n: float, a: float) -> None:
    if not (0 <= n < math.inf and 0 <= a < math.inf):
        raise UsageError(
            f"Erlang's formulas know no n = {n:g}, a = {a:g}", "a finite number of workers and of load, >= 0"
        )


def _share(p: float) -> None:
    if not 0 < p < 1:
        raise UsageError(f"{p:g} is not a share", "between 0 and 1, as 0.01")
