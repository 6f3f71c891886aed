"""The text form of profiles: ``sine(0, 100, 60s)``, ``line(1, 100, 10m) const(100, 5m)``; strict, with hints.

    const(50)                      50 a second; const(50, 5m): for 5 minutes
    line(1, 100)                   from 1 to 100 a second over the whole run; line(1, 100, 30s): in 30 s, then 100
    step(5, 25, 5, 60s)            5, 10, 15, 20, 25 a second, each for 60 s; without it: the run in equal parts
    once(10)                       10 at the first instant
    unlimited(30s)                 whenever a connection is free, for 30 s
    sine(0, 100, 60s)              a wave with a period of 60 s from its trough; phase=15s: that far into it
    expr(50*sin(2*pi*t/60) + 50)   any rate; below 0 it is 0; the bare expression is understood as well
    trace(file.csv)                the instants of a file, in seconds; speed=2: in half the time
    poisson(PROFILE, seed=7)       the same rate with random arrivals

Several, one behind the other, are stages; each but the last says how long it lasts, a wave or an expression so:
``sine(0, 100, 60s, lasting=5m) expr(50 + t, lasting=1m) const(100)``. A rate is a number a second, or has its unit:
3000/m. A duration has its unit (1m30s), or is a number of seconds.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from forebay.errors import UsageError
from forebay.load.profiles.expression import Expression
from forebay.load.profiles.profile import Profile
from forebay.load.profiles.shapes import Const, Line, Once, Sine, Step, Unlimited
from forebay.load.profiles.stages import Poisson, Stages
from forebay.load.profiles.trace import Trace
from forebay.quantity import duration, rate

_NAME = re.compile(r"[\s,]*([a-z]+)\s*\(")
_NAMED = re.compile(r"\s*([a-z]+)\s*=(?!=)(.*)", re.DOTALL)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)$")
_EXAMPLES = {
    "const": "const(50) or const(50, 5m)",
    "line": "line(1, 100) or line(1, 100, 30s)",
    "step": "step(5, 25, 5) or step(5, 25, 5, 60s)",
    "once": "once(10)",
    "unlimited": "unlimited() or unlimited(30s)",
    "sine": "sine(0, 100, 60s) or sine(0, 100, 60s, phase=15s)",
    "expr": "expr(50*sin(2*pi*t/60) + 50) or expr(50 + t, lasting=1m)",
    "trace": "trace(arrivals.csv) or trace(arrivals.csv, speed=2)",
    "poisson": "poisson(sine(0, 100, 60s), seed=7)",
}


def parse(text: str, seconds: float = math.nan) -> Profile:
    """Return the profile that the text names.

    Arguments:
        text: see the top of this module.
        seconds: the length of the run, over which a line or steps without a duration are spread; nan: not said.

    Raises:
        UsageError: names what cannot be read, and shows how it is written.
    """
    calls = _calls(text)
    if calls is None:
        return _bare(text)
    stages = tuple(_read(name, inside, seconds) for name, inside in calls)
    return stages[0] if len(stages) == 1 else Stages(stages)


def _bare(text: str) -> Profile:
    """Return the profile of a text that is no call: a rate, or an expression of t."""
    if re.search(r"\bt\b", text):
        return Expression(text)
    try:
        return Const(_rate(text.strip()))
    except (ValueError, UsageError):
        raise UsageError(f"{text!r} is not a profile", f"write {_EXAMPLES['sine']}") from None


def _calls(text: str) -> list[tuple[str, str]] | None:
    """Return (name, what is in its parentheses) of each stage; None where the text is something else."""
    found, position = [], 0
    while position < len(text.rstrip(" \t\r\n,")):
        match = _NAME.match(text, position)
        if match is None or (match[1] not in _READERS and match[1] in _MATHEMATICS):
            return None
        end = _closing(text, match.end())
        found.append((match[1], text[match.end() : end]))
        position = end + 1
    return found or None


def _closing(text: str, position: int) -> int:
    """Return where the parenthesis that was opened before the position is closed."""
    depth = 1
    for i in range(position, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if not depth:
            return i
    raise UsageError(f"{text.strip()}: the parentheses do not match", f"write {_EXAMPLES['sine']}")


_MATHEMATICS = ("sin", "cos", "tan", "exp", "log", "sqrt", "abs", "min", "max", "floor")


def _read(name: str, inside: str, seconds: float) -> Profile:
    if name not in _READERS:
        near = difflib.get_close_matches(name, _READERS, n=1)
        known = f"did you mean {near[0]}?" if near else f"known: {', '.join(_READERS)}"
        raise UsageError(f"unknown profile {name!r}", known)
    try:
        return _READERS[name](_arguments(inside), seconds)
    except (ValueError, UsageError) as error:
        raise UsageError(f"{name}({inside}): {error}", f"write {_EXAMPLES[name]}") from error


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What stands between the parentheses, by place and by name."""

    places: tuple[str, ...]
    named: Mapping[str, str]

    def expect(self, counts: tuple[int, ...], names: tuple[str, ...] = ()) -> None:
        if len(self.places) not in counts or "" in self.places:
            raise ValueError(f"it takes {' or '.join(map(str, counts))} arguments")
        for name in self.named:
            if name not in names:
                raise ValueError(f"it has no {name!r}")


def _arguments(inside: str) -> _Arguments:
    """Return the arguments between the outermost parentheses."""
    named: dict[str, str] = {}
    places: list[str] = []
    for part in _parts(inside):
        match = _NAMED.fullmatch(part)
        if match is None and named:
            raise ValueError(f"{part.strip()!r} stands behind a named argument")
        if match is None:
            places.append(part.strip())
        elif match[1] in named:
            raise ValueError(f"{match[1]!r} stands twice")
        else:
            named[match[1]] = match[2].strip()
    return _Arguments(() if places == [""] and not named else tuple(places), named)


def _parts(inside: str) -> list[str]:
    """Return what stands between the commas that are in no parentheses of their own."""
    parts, depth = [""], 0
    for sign in inside:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _rate(text: str) -> float:
    """Return a rate a second, at least 0."""
    if "/" in text:
        return rate(text)
    if not re.fullmatch(r"\d+(\.\d+)?|\.\d+", text, re.ASCII):
        raise ValueError(f"{text!r} is not a rate")
    return float(text)


def _period(text: str) -> float:
    """Return a duration above 0, in seconds; a number without a unit at its end counts seconds (27h103m645)."""
    bare = _SECONDS.search(text.strip())
    found = duration(text.strip()[: bare.start()] or "0") + float(bare[1]) if bare else duration(text)
    if not 0 < found < math.inf:
        raise ValueError(f"a duration of {text} is not possible")
    return found


def _spread(seconds: float) -> float:
    """Return the length of the run, over which something without a duration is spread."""
    if math.isnan(seconds):
        raise ValueError("it says no duration, and neither does the run")
    return seconds


def _const(given: _Arguments, seconds: float) -> Profile:
    given.expect((1, 2))
    return Const(_rate(given.places[0]), _period(given.places[1]) if given.places[1:] else math.inf)


def _line(given: _Arguments, seconds: float) -> Profile:
    given.expect((2, 3))
    a, b = map(_rate, given.places[:2])
    return Line(a, b, _period(given.places[2]) if given.places[2:] else _spread(seconds))


def _step(given: _Arguments, seconds: float) -> Profile:
    given.expect((3, 4))
    a, b, h = map(_rate, given.places[:3])
    if h == 0:
        raise ValueError("a step of 0 leads nowhere")
    steps = math.floor(abs(b - a) / h + 1e-9) + 1
    return Step(a, b, h, _period(given.places[3]) if given.places[3:] else _spread(seconds) / steps)


def _once(given: _Arguments, seconds: float) -> Profile:
    given.expect((1,))
    if not (given.places[0].isascii() and given.places[0].isdigit() and int(given.places[0])):
        raise ValueError(f"{given.places[0]!r} is not a number of shots")
    return Once(int(given.places[0]))


def _unlimited(given: _Arguments, seconds: float) -> Profile:
    given.expect((0, 1))
    return Unlimited(_period(given.places[0]) if given.places else math.inf)


def _sine(given: _Arguments, seconds: float) -> Profile:
    given.expect((3,), ("phase", "lasting"))
    low, high = map(_rate, given.places[:2])
    if low > high:
        raise ValueError(f"the trough {low:g} is above the crest {high:g}")
    wave = Sine(low, high, _period(given.places[2]), duration(given.named.get("phase", "0")))
    return replace(wave, lasting=_period(given.named["lasting"])) if "lasting" in given.named else wave


def _expr(given: _Arguments, seconds: float) -> Profile:
    given.expect((1,), ("lasting",))
    return Expression(given.places[0], _period(given.named["lasting"]) if "lasting" in given.named else math.inf)


def _trace(given: _Arguments, seconds: float) -> Profile:
    given.expect((1,), ("speed",))
    return Trace.read(Path(given.places[0]), float(given.named.get("speed", "1")))


def _poisson(given: _Arguments, seconds: float) -> Profile:
    given.expect((1,), ("seed",))
    seed = given.named.get("seed", "0")
    if not (seed.isascii() and seed.isdigit()):
        raise ValueError(f"seed={seed!r} is not a whole number")
    return Poisson(parse(given.places[0], seconds), int(seed))


_READERS: dict[str, Callable[[_Arguments, float], Profile]] = {
    "const": _const,
    "line": _line,
    "step": _step,
    "once": _once,
    "unlimited": _unlimited,
    "sine": _sine,
    "expr": _expr,
    "trace": _trace,
    "poisson": _poisson,
}
