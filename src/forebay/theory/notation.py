"""The notation A/B/n/q, read and written: who comes, what the work is, how many workers, how many waiting places.

    M/M/3            three workers, as many waiting places as it takes
    M/M/3/8          eight waiting places; M/M/3/0: whoever finds no free worker is lost
    M/M/inf          a worker for everyone
    M/M/4+M          who waits loses patience: exponentially; M/M/4/10+D: after a fixed time
    M/M/2//10        ten customers in all, who think, come, wait and think again (wrk -c 10)
    D(2)/D/1/1       two at a time
    M/M/1 -> M/M/2   one station behind the other

The letters of the laws are in `letters`. Rates and times are given beside: ``read("M/M/3", "6/s", "80ms")``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.quantity import duration, rate
from forebay.theory import letters
from forebay.theory.laws import Deterministic, Exponential, General, Law, Samples
from forebay.theory.system import Arrivals, Class, Load, Markovian, System, Trace, Varying

Coming = float | str | Arrivals | Load
"""Arrivals as they may be given: per second, ``6/s``, a load, a law."""
Time = float | str | Law
"""A time as it may be given: seconds, ``80ms``, a law."""

FORM = "write A/B/n, A/B/n/q, A/B/n//population or A/B/n+patience, as M/M/3/8"
_RATE = re.compile(r"\s*(\d+)\s*/\s*([a-zµ]+)\s*")
_MODULATED = re.compile(r"MMPP\s*\((.*)\)")


@dataclass(frozen=True, slots=True)
class _Form:
    """The parts of A/B/n/q//population+patience as they are written."""

    arrivals: str
    service: str
    n: float
    q: float
    population: float
    patience: str


_GENERAL = "G"
"""Without c² or a file it says nothing but that the law is given otherwise."""


def read(
    text: str, arrivals: Coming | None = None, service: Time | None = None, *, apart: bool = False, **given: Any
) -> System:
    """Return the system that a text names.

    Arguments:
        text: see the top of this module.
        arrivals: customers a second, ``6/s``, a load or a law; with a finite population: how long each thinks. In
            D/D/n/q ``2/ms`` is two together at the beginning of every millisecond.
        service: seconds, ``80ms``, or a law.
        apart: D/D/n/q with arrivals at equal distances all the same.
        given: what else `System` takes; `patience` as `service`, `classes` also as ``1/s 250ms``.

    Raises:
        UsageError: names what cannot be read, and the nearest right form.
    """
    form = _form(text)
    classes = tuple(_class(one, form.service) for one in given.pop("classes", ()))
    if classes:
        arrivals, service = _together(classes, arrivals, service, form.arrivals)
        given.setdefault("discipline", Discipline.PRIORITY)
    patience = _patience(form.patience, given.pop("patience", None))
    work = _law(form.service, service, "service", "--service 80ms")
    coming, together = _coming(form, arrivals, apart)
    numbers = {"n": form.n, "q": form.q, "population": form.population, "batch": together}
    return System(coming, work, **{**numbers, "patience": patience, "classes": classes, **given})


def read_tandem(
    text: str, arrivals: Coming | None = None, service: Sequence[Time] | Time | None = None, **given: Any
) -> tuple[System, ...]:
    """Return the stations of ``M/M/1 -> M/M/2``, in order; every one gets the arrivals of the first.

    Arguments:
        service: one for each station, or the same for all.

    Raises:
        UsageError: as `read`, or there are not as many services as stations.
    """
    stations = text.replace("→", "->").split("->")
    services = [service] if service is None or isinstance(service, float | int | str | Law) else list(service)
    if len(services) == 1:
        services *= len(stations)
    if len(services) != len(stations):
        raise UsageError(
            f"{len(services)} services for {len(stations)} stations", "give --service once, or once for each station"
        )
    return tuple(read(one, arrivals, time, **given) for one, time in zip(stations, services, strict=True))


def write(system: System) -> str:
    """Return the system in the notation: ``M/M/3/8``."""
    coming = system.arrivals
    letter = coming.letter if isinstance(coming, Law) else _letter_of(coming)
    letter += f"({system.batch})" if system.batch > 1 else ""
    limit = f"/{system.q:.0f}" if math.isfinite(system.q) else ""
    crowd = "" if math.isinf(system.population) else f"//{system.population:.0f}"
    patience = f"+{system.patience.letter}" if system.patience else ""
    n = f"{system.n:.0f}"
    return f"{letter}/{system.service.letter}/{n}{limit}{crowd}{patience}"


def _letter_of(coming: Varying | Markovian | Trace) -> str:
    if isinstance(coming, Varying):
        return "Mt" if coming.poisson else "Dt"
    return coming.name if isinstance(coming, Markovian) else f"G({coming.name})"


def _form(text: str) -> _Form:
    if "->" in text or "→" in text:
        raise UsageError(f"{text!r} has more than one station", "solve takes such a row; here one of them is meant")
    body, *patience = letters.split(text.strip(), "+")
    front, *crowd = letters.split(body, "//")
    parts = letters.split(front, "/")
    if len(patience) > 1 or len(crowd) > 1 or not 3 <= len(parts) <= 4 or "" in parts:
        raise UsageError(f"{text!r} is not A/B/n/q", FORM)
    n = _count(text, parts[2], "workers", 1)
    q = _count(text, parts[3], "waiting places", 0) if parts[3:] else math.inf
    population = _count(text, crowd[0], "customers", 1) if crowd else math.inf
    return _Form(parts[0], parts[1], n, q, population, patience[0] if patience else "")


def _count(text: str, part: str, of: str, least: int) -> float:
    if part in ("inf", "∞"):
        return math.inf
    if not (part.isascii() and part.isdigit()):
        raise UsageError(f"{text!r}: {part!r} is not a number of {of}", f"a whole number from {least}, or inf; {FORM}")
    if int(part) < least:
        raise UsageError(f"{text!r} has no {of}", f"{of}: a whole number from {least}, or inf")
    return int(part)


def _coming(form: _Form, arrivals: Coming | None, apart: bool) -> tuple[Arrivals, int]:
    """Return A and how many come together."""
    if match := _MODULATED.fullmatch(form.arrivals):
        if arrivals is not None:
            raise UsageError(f"{form.arrivals} has its rates already", "leave --in out")
        return letters.modulated(match[1]), 1
    letter, together = letters.batch(form.arrivals)
    given = isinstance(arrivals, Law | Varying | Markovian | Trace)
    if not (given and letter == _GENERAL):
        letters.law(letter, 1.0)  # an unknown letter is told first
    if isinstance(arrivals, Law | Varying | Markovian | Trace):
        return arrivals, together
    if math.isfinite(form.population):
        if not (
            arrivals is None or isinstance(arrivals, float | int) or (isinstance(arrivals, str) and "/" not in arrivals)
        ):
            raise UsageError("a finite population has no rate of its own", "say how long each thinks: --think 5s")
        return _law(letter, arrivals, "thinking", "--think 5s"), together
    if arrivals is not None and not isinstance(arrivals, float | int | str):
        if letter not in ("M", "D"):
            raise UsageError(
                f"a load is followed at random or by a clock, not by {letter}", "write M/... or D/... for the arrivals"
            )
        return Varying(arrivals, poisson=letter == "M"), together
    if letter == form.service == "D" and together == 1 and not apart and isinstance(arrivals, str):
        return _lecture(arrivals)
    return letters.law(letter, _apart(arrivals, together, letter)), together


def _lecture(arrivals: str) -> tuple[Law, int]:
    """Return ``2/ms`` as the lecture means it: two together, every millisecond."""
    match = _RATE.fullmatch(arrivals)
    if match is None or int(match[1]) == 0:
        return Deterministic(_apart(arrivals, 1, "D") or 0.0), 1
    return Deterministic(1 / rate(f"1/{match[2]}")), int(match[1])


def _apart(arrivals: float | str | None, together: int, letter: str) -> float | None:
    """Return the seconds between two arrivals."""
    if arrivals is None:
        if isinstance(letters.law(letter, 1.0), Samples):
            return None
        raise UsageError("nothing says how many come", "give their rate: --in 6/s")
    per_second = rate(arrivals) if isinstance(arrivals, str) else float(arrivals)
    if not 0 < per_second < math.inf:
        raise UsageError(f"{per_second:g} arrivals a second are not possible", "give a rate above 0: --in 6/s")
    return together / per_second


def _law(letter: str, time: Any, of: str, hint: str) -> Law:
    """Return the law of a time: its letter as written, its mean as given; a law that is given is taken as it is."""
    if letter == _GENERAL and (isinstance(time, Law) or (isinstance(time, str) and "(" in time)):
        return time if isinstance(time, Law) else letters.timed(time)
    named = letters.law(letter, 1.0)
    if isinstance(time, Law):
        return time
    if time is None:
        if isinstance(named, Samples):
            return letters.law(letter, None)
        raise UsageError(f"nothing says how long {of} takes", f"give its mean: {hint}")
    if isinstance(time, str) and "(" in time:
        return letters.timed(time)
    seconds = duration(time) if isinstance(time, str) else float(time)
    return Deterministic(0.0) if seconds == 0 else letters.law(letter, seconds)


def _patience(letter: str, given: Any) -> Law | None:
    if letter:
        return _law(letter, given, "patience", "--patience 2s")
    if given is None or isinstance(given, Law):
        return given
    return letters.timed(given) if isinstance(given, str) else Deterministic(float(given))


def _class(given: Class | str, letter: str) -> Class:
    if isinstance(given, Class):
        return given
    words = given.split(maxsplit=1)
    if len(words) != 2:
        raise UsageError(f"{given!r} is not a class", "its rate and its service: '1/s 250ms'")
    return Class(rate(words[0]), _law(letter, words[1], "service", "--class '1/s 250ms'"))


def _together(
    classes: Sequence[Class], arrivals: Coming | None, service: Time | None, letter: str
) -> tuple[Coming, Time]:
    """Return the arrivals and the service of all classes together; a load is theirs by the shares of their rates."""
    if service is not None:
        raise UsageError("each class has its own work", "leave --service out: --class '1/s 250ms'")
    if isinstance(arrivals, float | int | str):
        raise UsageError("each class has its own rate", "leave --in out: --class '1/s 250ms'")
    if arrivals is None and letter != "M":
        raise UsageError(f"classes come at random, not by {letter}", "write M/... for the arrivals")
    total = math.fsum(one.arrival_rate for one in classes)
    if not all(0 < one.arrival_rate < math.inf for one in classes):
        raise UsageError("a class of which nobody comes", "each class has a rate above 0: '1/s 250ms'")
    shares = [(one.arrival_rate / total, one.service) for one in classes]
    if arrivals is None:
        arrivals = Exponential(1 / total)
    mean = math.fsum(share * law.mean for share, law in shares)
    second = math.fsum(share * (1 + law.c2) * law.mean**2 for share, law in shares)
    same = all(law == classes[0].service for _, law in shares)
    return arrivals, classes[0].service if same else General(mean, max(0.0, second / mean**2 - 1))
