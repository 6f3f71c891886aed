"""The text form of profiles: ``sine(0, 100, 60s)``, ``poisson(line(1, 100), seed=7)``; strict, with hints.

    const(50)                      50 a second
    line(1, 100)                   from 1 to 100 a second over the whole run; line(1, 100, 30s): in 30 s, then 100
    step(5, 25, 5, 60s)            5, 10, 15, 20, 25 a second, each for 60 s; without it: the run in equal parts
    sine(0, 100, 60s)              a wave with a period of 60 s from its trough; phase=15s: that far into it
    poisson(PROFILE, seed=7)       the same rate with random arrivals

A rate is a number a second, or has its unit: 3000/m.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping

from forebay.errors import UsageError
from forebay.load.profile import Const, Line, Poisson, Profile, Sine, Step
from forebay.quantity import duration, rate

_CALL = re.compile(r"\s*([a-z]+)\s*\((.*)\)\s*", re.DOTALL)
_NAMED = re.compile(r"\s*([a-z]+)\s*=(.*)", re.DOTALL)
_EXAMPLES = {
    "const": "const(50)",
    "line": "line(1, 100) or line(1, 100, 30s)",
    "step": "step(5, 25, 5) or step(5, 25, 5, 60s)",
    "sine": "sine(0, 100, 60s) or sine(0, 100, 60s, phase=15s)",
    "poisson": "poisson(sine(0, 100, 60s), seed=7)",
}


def parse(text: str, seconds: float) -> Profile:
    """Return the profile that the text names.

    Arguments:
        text: see the top of this module.
        seconds: the length of the run, over which a line or steps without a duration are spread.

    Raises:
        UsageError: names what cannot be read, and shows how it is written.
    """
    call = _CALL.fullmatch(text)
    if call is None:
        raise UsageError(f"{text!r} is not a profile", f"write {_EXAMPLES['sine']}")
    name, inside = call.groups()
    if name not in _READERS:
        near = difflib.get_close_matches(name, _READERS, n=1)
        known = f"did you mean {near[0]}?" if near else f"known: {', '.join(_READERS)}"
        raise UsageError(f"unknown profile {name!r}", known)
    try:
        positional, named = _arguments(inside)
        return _READERS[name](positional, named, seconds)
    except (ValueError, UsageError) as error:
        raise UsageError(f"{text.strip()}: {error}", f"write {_EXAMPLES[name]}") from error


def _arguments(inside: str) -> tuple[list[str], dict[str, str]]:
    """Return the arguments between the outermost parentheses, by place and by name."""
    parts, depth = [""], 0
    for sign in inside:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            raise ValueError("the parentheses do not match")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    named: dict[str, str] = {}
    positional: list[str] = []
    for part in parts:
        match = _NAMED.fullmatch(part)
        if match is None and named:
            raise ValueError(f"{part.strip()!r} stands behind a named argument")
        if match is None:
            positional.append(part.strip())
        elif match[1] in named:
            raise ValueError(f"{match[1]!r} stands twice")
        else:
            named[match[1]] = match[2].strip()
    return positional, named


def _expect(
    positional: list[str], named: Mapping[str, str], counts: tuple[int, ...], names: tuple[str, ...] = ()
) -> None:
    if len(positional) not in counts or "" in positional:
        raise ValueError(f"it takes {' or '.join(map(str, counts))} numbers")
    for name in named:
        if name not in names:
            raise ValueError(f"it has no {name!r}")


def _rate(text: str) -> float:
    """Return a rate a second, at least 0."""
    if "/" in text:
        return rate(text)
    if not re.fullmatch(r"\d+(\.\d+)?|\.\d+", text, re.ASCII):
        raise ValueError(f"{text!r} is not a rate")
    return float(text)


def _period(text: str) -> float:
    """Return a duration above 0, in seconds."""
    found = duration(text)
    if not 0 < found < math.inf:
        raise ValueError(f"a duration of {text} is not possible")
    return found


def _const(positional: list[str], named: Mapping[str, str], seconds: float) -> Profile:
    _expect(positional, named, (1,))
    return Const(_rate(positional[0]))


def _line(positional: list[str], named: Mapping[str, str], seconds: float) -> Profile:
    _expect(positional, named, (2, 3))
    a, b = map(_rate, positional[:2])
    return Line(a, b, _period(positional[2]) if positional[2:] else seconds)


def _step(positional: list[str], named: Mapping[str, str], seconds: float) -> Profile:
    _expect(positional, named, (3, 4))
    a, b, h = map(_rate, positional[:3])
    if h == 0:
        raise ValueError("a step of 0 leads nowhere")
    steps = math.floor(abs(b - a) / h + 1e-9) + 1
    return Step(a, b, h, _period(positional[3]) if positional[3:] else seconds / steps)


def _sine(positional: list[str], named: Mapping[str, str], seconds: float) -> Profile:
    _expect(positional, named, (3,), ("phase",))
    low, high = map(_rate, positional[:2])
    if low > high:
        raise ValueError(f"the trough {low:g} is above the crest {high:g}")
    return Sine(low, high, _period(positional[2]), duration(named.get("phase", "0")))


def _poisson(positional: list[str], named: Mapping[str, str], seconds: float) -> Profile:
    _expect(positional, named, (1,), ("seed",))
    seed = named.get("seed", "0")
    if not (seed.isascii() and seed.isdigit()):
        raise ValueError(f"seed={seed!r} is not a whole number")
    return Poisson(parse(positional[0], seconds), int(seed))


_READERS: dict[str, Callable[[list[str], Mapping[str, str], float], Profile]] = {
    "const": _const,
    "line": _line,
    "step": _step,
    "sine": _sine,
    "poisson": _poisson,
}
