"""How long the pretended work of a shipped service takes: a duration, or a distribution with its mean."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from forebay import UsageError
from forebay.quantity import duration

HINT = "write 100ms, D(100ms), M(100ms), E_3(100ms) or U(100ms)"
_LAW = re.compile(r"(?P<name>D|M|E|U)(?:_?(?P<stages>[1-9][0-9]?))?\((?P<mean>[^()]+)\)")


@dataclass(frozen=True, slots=True)
class WorkTime:
    """A source of service times.

    Arguments:
        mean: E[S], seconds.
        cs2: the squared coefficient of variation, Var[S]/E[S]^2.
        draw: returns one service time in seconds.
    """

    mean: float
    cs2: float
    draw: Callable[[], float]


def work_time(text: str, chance: random.Random | None = None) -> WorkTime:
    """Return the service times that a text names.

    Arguments:
        text: ``100ms`` or ``D(100ms)``: always the same; ``M(100ms)``: exponential with this mean; ``E_3(100ms)``:
            Erlang of 3 stages; ``U(100ms)``: uniform on 0 to twice the mean. The letters are Kendall's.
        chance: the source of randomness; give a seeded one to repeat a run.

    Raises:
        UsageError: the text is neither a duration nor a law with a mean.
    """
    chance = chance or random.Random()
    match = _LAW.fullmatch(text.strip())
    name, mean = (match["name"], _mean(match["mean"])) if match else ("D", _mean(text))
    k = int(match["stages"] or 1) if match else 1
    if match and (match["stages"] is not None) != (name == "E"):
        raise UsageError(f"{text!r} is not a time of work", f"only E has stages, and needs them; {HINT}")
    if name == "D" or not mean:
        return WorkTime(mean, 0.0, lambda: mean)
    if name == "U":
        return WorkTime(mean, 1 / 3, lambda: chance.uniform(0, 2 * mean))
    return WorkTime(mean, 1 / k, lambda: chance.gammavariate(k, mean / k))


def _mean(text: str) -> float:
    try:
        if math.isfinite(mean := duration(text)):
            return mean
        reason = None
    except UsageError as error:
        reason = error
    raise UsageError(f"{text!r} is not a time of work", HINT) from reason
