"""P(S > t) of the laws: the whole time in a system where nobody waits."""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np

from forebay.theory.laws import Deterministic, Erlang, Exponential, Hyperexponential, Law, Samples, Uniform
from forebay.theory.models.mixing import poisson_steps
from forebay.theory.solution import Tail


def service_tail(law: Law) -> Tail | None:
    """Return t -> P(S > t); None where two moments are all that is known."""
    mean = law.mean
    match law:
        case Exponential():
            return lambda t: math.exp(-t / mean)
        case Deterministic():
            return lambda t: 1.0 if t < mean else 0.0
        case Uniform():
            return lambda t: max(0.0, 1 - t / (2 * mean))
        case Erlang(k=k):
            return poisson_steps(k / mean, lambda i: np.where(i < k, 1.0, 0.0))
        case Hyperexponential():
            return lambda t: sum(p * math.exp(-t / m) for p, m in law.branches)
        case Samples():
            ordered = sorted(law.seconds)
            return lambda t: 1 - bisect_right(ordered, t) / len(ordered)
    return None
