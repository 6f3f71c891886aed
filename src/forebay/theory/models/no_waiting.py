"""Systems where nobody waits: M/G/n/0 loses whom it has no worker for, M/G/inf has a worker for everyone.

Neither depends on the law of the work but by its mean. Sources: B. A. Sevastyanov, "An ergodic theorem for Markov
processes and its application to telephone systems with refusals" (1957); L. Takács, "Introduction to the Theory of
Queues" (1962), chapter 3.
"""

from __future__ import annotations

import math

from forebay.theory.laws import General, Law
from forebay.theory.models.erlang import erlang_b
from forebay.theory.models.markov import places
from forebay.theory.models.model import Model
from forebay.theory.models.steady import asked, poisson, steady
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.survival import survival
from forebay.theory.system import System


def work_tail(law: Law) -> Tail | None:
    """Return t -> P(S > t), the whole time where nobody waits; None where two moments are all that is known."""
    return None if isinstance(law, General) else lambda t: survival(law, t)


def _loss(system: System) -> Solution:
    """M/G/n/0."""
    a = system.offered_load
    return steady(
        system,
        "Erlang B: loss = B(n, a), for every law of the work",
        'B. A. Sevastyanov, "An ergodic theorem for Markov processes" (1957)',
        Wq=0.0,
        loss=erlang_b(int(system.n), a),
        p0=places(int(system.n), 0, a).p0,
        p_wait=0.0,
        wait_tail=lambda t: 0.0,
        sojourn_tail=work_tail(system.service),
    )


def _endless(system: System) -> Solution:
    """M/G/inf."""
    return steady(
        system,
        "the number at work is Poisson(a), for every law of the work",
        'L. Takács, "Introduction to the Theory of Queues" (1962), chapter 3',
        Wq=0.0,
        p0=math.exp(-system.offered_load),
        p_wait=0.0,
        wait_tail=lambda t: 0.0,
        sojourn_tail=work_tail(system.service),
    )


def _fits(system: System) -> bool:
    # where nobody waits there is no next one, and no patience is lost
    return poisson(system) and asked(system) <= {"discipline", "patience"}


MODELS = (
    Model("M/G/n/0", lambda system: _fits(system) and math.isfinite(system.n) and system.q == 0, _loss),
    Model("M/G/inf", lambda system: _fits(system) and math.isinf(system.n), _endless),
)
