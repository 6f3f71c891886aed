"""How long the pretended work of a shipped service takes: a duration, or a distribution with its mean."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from forebay.errors import UsageError
from forebay.quantity import duration

_LAW = re.compile(r"(?P<name>D|M|E_?(?P<stages>[1-9][0-9]?)|U)\((?P<mean>[^()]+)\)")


def work_time(text: str, chance: random.Random | None = None) -> Callable[[], float]:
    """Return a source of service times in seconds.

    Arguments:
        text: ``100ms`` or ``D(100ms)``: always the same; ``M(100ms)``: exponential with this mean; ``E_3(100ms)``:
            Erlang of 3 stages; ``U(100ms)``: uniform on 0 to twice the mean. The letters are Kendall's.
        chance: the source of randomness; give a seeded one to repeat a run.

    Raises:
        UsageError: the text is neither a duration nor a law with a mean.
    """
    chance = chance or random.Random()
    match = _LAW.fullmatch(text.strip())
    if match is None:
        mean = _mean(text)
        return lambda: mean
    mean = _mean(match["mean"])
    if match["stages"]:
        stages = int(match["stages"])
        return lambda: chance.gammavariate(stages, mean / stages)
    return {
        "D": lambda: mean,
        "M": lambda: chance.expovariate(1 / mean) if mean else 0.0,
        "U": lambda: chance.uniform(0, 2 * mean),
    }[match["name"]]


def _mean(text: str) -> float:
    try:
        return duration(text)
    except UsageError as error:
        raise UsageError(
            f"{text!r} is not a time of work", "write 100ms, D(100ms), M(100ms), E_3(100ms) or U(100ms)"
        ) from error
