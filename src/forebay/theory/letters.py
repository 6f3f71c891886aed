"""The letters of the notation: what one part of ``A/B/n/q`` says of a law, read and with hints.

M  D  U         exponential, always the same, uniform
E3 or E_3       Erlang of 3 stages
H2(4)           hyperexponential of c² = 4
G(2)            general of c² = 2
G(work.csv)     samples of a file: seconds, one a line, or the first column
MMPP(100/s, 0/s, 1s, 1s)    arrivals only: bursts of 100 a second and silence, of a second each on average
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path

from forebay.errors import UsageError
from forebay.quantity import duration, rate
from forebay.theory.laws import (
    Deterministic,
    Erlang,
    Exponential,
    General,
    Hyperexponential,
    Law,
    Samples,
    Uniform,
)
from forebay.theory.system import Markovian, Trace

KNOWN = "the laws are M, D, E3, H2(4), U, G(2) and G(file.csv)"
_LETTER = re.compile(r"(?P<name>[A-Za-z]+)(?:_?(?P<index>[0-9]+))?(?:\s*\((?P<inside>.*)\))?")
_PLAIN: dict[str, Callable[[float], Law]] = {"M": Exponential, "D": Deterministic, "U": Uniform}


def law(text: str, mean: float | None) -> Law:
    """Return the law that a letter names.

    Arguments:
        text: ``M``, ``E3``, ``H2(4)``, ``G(2)``, ``G(work.csv)``.
        mean: seconds; None: samples have their own.

    Raises:
        UsageError: it is no law, or lacks its mean.
    """
    name, index, inside = _taken_apart(text)
    if name in ("G", "GI") and index is None and inside:
        variation = _number(inside)
        if variation is None:
            found = samples(inside)
            return found if mean is None else found.with_mean(mean)
        return General(_needed(mean, text), variation)
    if name == "H" and index in (None, "2") and inside and (variation := _number(inside)) is not None:
        return Hyperexponential(_needed(mean, text), variation)
    if name == "E" and index is not None and inside is None:
        return Erlang(_needed(mean, text), int(index))
    if name in _PLAIN and index is None and inside is None:
        return _PLAIN[name](_needed(mean, text))
    raise _unknown(text, name)


def timed(text: str, plain: Callable[[float], Law] = Deterministic) -> Law:
    """Return the law of a time that is written with its mean: ``M(2s)``, ``E3(2s)``, ``H2(4, 2s)``.

    Arguments:
        plain: what ``2s`` alone is.

    Raises:
        UsageError: it is neither a duration nor a law with a mean.
    """
    match = _LETTER.fullmatch(text.strip())
    if match is None or match["inside"] is None:
        return plain(_duration(text))
    *parameters, last = (part.strip() for part in match["inside"].split(","))
    if not parameters and match["name"] == "G" and not re.match(r"[0-9.]", last):
        return samples(last)
    index = match["index"] or ""
    letter = f"{match['name']}{index}" + (f"({', '.join(parameters)})" if parameters else "")
    return law(letter, _duration(last))


def batch(text: str) -> tuple[str, int]:
    """Return the letter and how many come together: ``D(2)`` is D, 2.

    Raises:
        UsageError: the number in the parentheses is not a whole one from 1.
    """
    name, index, inside = _taken_apart(text)
    if inside is None or name not in ("M", "D", "U", "E"):
        return text, 1
    if not (inside.isascii() and inside.isdigit() and int(inside) > 0):
        raise UsageError(
            f"{text!r} does not say how many come together", f"write {name}(2) for two; a mean is given beside"
        )
    return name + (index or ""), int(inside)


def samples(file: str) -> Samples:
    """Return the law of the times in a file; see `column`."""
    return Samples.of(column(file), file)


def trace(file: str) -> Trace:
    """Return the arrivals of a file, whose numbers are their instants; see `column`.

    Raises:
        UsageError: there are less than two, or time goes back.
    """
    instants = column(file)
    if len(instants) < 2 or any(b < a for a, b in itertools.pairwise(instants)):
        raise UsageError(f"{file}: these are not the instants of arrivals", "at least two, in seconds, rising")
    return Trace(tuple(instants), file)


def column(file: str) -> list[float]:
    """Return the seconds of a file: one a line, or the first column; a heading is passed over.

    Raises:
        UsageError: the file cannot be read, or a line of it is not a number.
    """
    try:
        with Path(file).open(encoding="utf-8", newline="") as lines:
            cells = [row[0].strip() for row in csv.reader(lines) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file}: cannot be read: {error}", "a file of seconds, one a line; G also takes c²: G(2)"
        ) from error
    numbers = [_number(cell) for cell in cells]
    if numbers and numbers[0] is None:
        numbers, cells = numbers[1:], cells[1:]
    if None in numbers:
        raise UsageError(f"{file}: {cells[numbers.index(None)]!r} is not a time", "seconds, one a line, as 0.083")
    return [number for number in numbers if number is not None]


def modulated(inside: str) -> Markovian:
    """Return the MMPP of ``100/s, 0/s, 1s, 1s``: rates, then as many mean sojourns; each state moves on to the next.

    Raises:
        UsageError: it is not as many rates as durations.
    """
    parts = [part.strip() for part in inside.split(",")]
    half = len(parts) // 2
    try:
        if len(parts) < 4 or len(parts) % 2:
            raise UsageError("as many rates as mean sojourns are needed")
        rates, leave = [rate(part) for part in parts[:half]], [1 / _duration(part) for part in parts[half:]]
    except (UsageError, ZeroDivisionError) as error:
        raise UsageError(f"MMPP({inside}): {error}", "write MMPP(100/s, 0/s, 1s, 1s)") from error
    D0 = [[0.0] * half for _ in range(half)]  # noqa: N806 - the letters of the formulas
    for i, (arrive, move) in enumerate(zip(rates, leave, strict=True)):
        D0[i][(i + 1) % half] = move
        D0[i][i] = -arrive - move
    D1 = tuple(tuple(rates[i] if i == j else 0.0 for j in range(half)) for i in range(half))  # noqa: N806
    return Markovian(tuple(map(tuple, D0)), D1, f"MMPP({inside})")


def split(text: str, sign: str) -> list[str]:
    """Return the parts of a text between the signs that stand in no parentheses.

    Raises:
        UsageError: the parentheses do not match.
    """
    depths = list(itertools.accumulate((c == "(") - (c == ")") for c in text))
    if depths and (depths[-1] or min(depths) < 0):
        raise UsageError(f"{text!r}: the parentheses do not match", "as in H2(4)/M/2")
    cuts = [i for i, depth in enumerate(depths) if not depth and text.startswith(sign, i)]
    starts = [0, *(i + len(sign) for i in cuts)]
    return [text[start:end].strip() for start, end in zip(starts, [*cuts, len(text)], strict=True)]


def _taken_apart(text: str) -> tuple[str, str | None, str | None]:
    match = _LETTER.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a law", KNOWN)
    inside = match["inside"]
    return match["name"], match["index"], None if inside is None else inside.strip()


def _unknown(text: str, name: str) -> UsageError:
    nearest = {
        "E": "write E3 for Erlang of 3 stages",
        "H": "write H2(4) for two branches of c² = 4",
        "G": "write G(2) for c² = 2, or G(file.csv) for samples",
    }
    if name in _PLAIN:
        return UsageError(f"{text!r} is not a law: {name} has no parameter", f"write {name}; {KNOWN}")
    return UsageError(f"{text!r} is not a law", nearest.get(name[:1].upper(), KNOWN))


def _needed(mean: float | None, text: str) -> float:
    if mean is None:
        raise UsageError(
            f"{text} lacks its mean", "give a rate (--in 6/s) to arrivals, a time (--service 80ms) to work"
        )
    return mean


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _duration(text: str) -> float:
    found = duration(text)
    if not math.isfinite(found):
        raise UsageError(f"a mean of {text} is not possible", "write it as 80ms or 2s")
    return found
