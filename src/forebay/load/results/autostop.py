"""Autostop: a run ends before its time when it has gone wrong for long enough; the words are those of Yandex.Tank.

    time(1500, 15)            the mean response time was above 1500 ms for 15 s; or time(1s500ms, 15s)
    quantile(95, 100ms, 10)   1 of 20 responses was longer than 100 ms, for 10 s
    http(5xx, 25%, 10)        25 % or more of the answers had such a status, for 10 s; http(404, 10, 15): 10 or more
    net(xx, 1, 30)            1 shot or more in each second had no answer; net(110, 5%, 30): the number of the error
    instances(80%, 1m)        80 % or more of the connections were in use; instances(50, 1m): more than 50 in flight
    limit(10m)                the run has lasted for so long

    total_http(5xx, 10%, 10s)       10 % or more of all that ended within 10 s, however they were spread over it
    total_net(11x, 10%, 10s)        the same of errors; total_time(300ms, 70%, 3s): of responses longer than 300 ms
    negative_http(2xx, 10%, 10s)    10 % or more within 10 s were none of these; negative_net(0, 10%, 10s)

Several stand one behind the other; the first that comes true stops the run. A second is judged by what ended in it; one
in which nothing ended neither counts for the first three nor breaks their row.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from forebay.errors import UsageError
from forebay.histogram import Histogram, edges
from forebay.load.results.run import Run
from forebay.load.shot import Kind
from forebay.load.shots.forms import net_code
from forebay.quantity import duration, show_seconds

_CRITERION = re.compile(r"[\s,;]*([a-z_]+)\s*\(([^()]*)\)")
_EXAMPLES = {
    "time": "time(1500, 15) or time(1s500ms, 15s)",
    "quantile": "quantile(95, 100ms, 10)",
    "http": "http(5xx, 25%, 10) or http(404, 10, 15)",
    "net": "net(xx, 1, 30)",
    "instances": "instances(80%, 1m)",
    "limit": "limit(10m)",
    "total_time": "total_time(300ms, 70%, 3s)",
    "total_http": "total_http(5xx, 10%, 10s)",
    "total_net": "total_net(11x, 10%, 10s)",
    "negative_http": "negative_http(2xx, 10%, 10s)",
    "negative_net": "negative_net(0, 10%, 10s)",
}


class Lately:
    """What has ended since the second before.

    Arguments:
        run: as it is now. before: the counts of the second before.
    """

    def __init__(self, run: Run, before: _Counts) -> None:
        now = _Counts(run)
        self.now = now
        self.in_flight = run.in_flight
        self.statuses = now.statuses - before.statuses
        self.reasons = now.reasons - before.reasons
        self._cells = now.cells - before.cells
        self._bits = run.response.bits
        self._sum = now.sum - before.sum
        self.responses = self._cells.total()

    @property
    def ended(self) -> int:
        """How many were answered, refused or given up."""
        return self.statuses.total() + self.reasons.total()

    @property
    def mean(self) -> float:
        """Of the response times, seconds."""
        return self._sum / self.responses

    def longer(self, seconds: float) -> int:
        """Return how many responses took longer."""
        return sum(count for cell, count in self._cells.items() if sum(edges(cell, self._bits)) / 2e9 > seconds)

    def percentile(self, percent: float) -> float:
        """Return a percentile of the response times, seconds."""
        wanted, seen, value = percent / 100 * self.responses, 0, 0.0
        for cell in sorted(self._cells):
            seen, value = seen + self._cells[cell], sum(edges(cell, self._bits)) / 2e9
            if seen >= wanted:
                break
        return value


class _Counts:
    """What a run had counted at some instant."""

    def __init__(self, run: Run | None = None) -> None:
        response = run.response if run else Histogram()
        self.cells = Counter(response.counts)
        self.sum = response.mean * response.count if response.count else 0.0
        self.statuses = Counter(run.statuses) if run else Counter[int]()
        self.reasons = Counter(run.reasons) if run else Counter[str]()


Judge = Callable[[Lately], bool | None]
"""Whether it goes wrong; None: nothing can be said."""


@dataclass(slots=True)
class Criterion:
    """One reason to stop.

    Arguments:
        text: as it was written. seconds: how long it has to go wrong, without a break. judge: says whether it does.
    """

    text: str
    seconds: float
    judge: Judge
    counted: float = field(init=False, default=0.0)
    """Seconds for which it has gone wrong."""

    def met(self, lately: Lately, seconds: float) -> bool:
        """Judge what has ended within so many seconds; return whether it has gone wrong for long enough."""
        wrong = self.judge(lately)
        if wrong is not None:
            self.counted = self.counted + seconds if wrong else 0.0
        return bool(wrong) and self.counted >= self.seconds


@dataclass(slots=True)
class Total:
    """One reason to stop that adds up what has ended within a time.

    Arguments:
        text: as it was written. seconds: the time. level: a number, or a share of all where it ends with %.
        counted, whole: how many went wrong, of how many.
    """

    text: str
    seconds: float
    level: str
    counted: Callable[[Lately], int]
    whole: Callable[[Lately], int]
    window: deque[tuple[float, int, int]] = field(init=False, default_factory=deque)
    """Seconds, counted, of how many."""

    def met(self, lately: Lately, seconds: float) -> bool:
        """Add what has ended within so many seconds; return whether too much went wrong in the whole time."""
        self.window.append((seconds, self.counted(lately), self.whole(lately)))
        while sum(lasted for lasted, _, _ in self.window) - self.window[0][0] >= self.seconds:
            self.window.popleft()
        counted, whole = sum(n for _, n, _ in self.window), sum(n for _, _, n in self.window)
        if sum(lasted for lasted, _, _ in self.window) < self.seconds or not whole:
            return False
        return counted >= (_percent(self.level) / 100 * whole if self.level.endswith("%") else _number(self.level))


class Autostop:
    """Says whether a run has to end; it is asked about once a second.

    Arguments:
        criteria: any of them is enough.
    """

    def __init__(self, criteria: tuple[Criterion | Total, ...]) -> None:
        self.criteria = criteria
        self._before = _Counts()

    def __call__(self, run: Run, seconds: float = 1.0) -> str | None:
        """Return why the run has to end, or None.

        Arguments:
            run: as it is now. seconds: since it was asked before.
        """
        lately = Lately(run, self._before)
        self._before = lately.now
        met = [criterion for criterion in self.criteria if criterion.met(lately, seconds)]
        return f"{met[0].text} came true, for {show_seconds(met[0].seconds)}" if met else None


def autostop(text: str, connections: int) -> Autostop:
    """Return what a text of criteria says; see the top of this module.

    Arguments:
        connections: of the run, of which `instances` may name a share.

    Raises:
        UsageError: names what cannot be read, and shows how it is written.
    """
    found, position = list[Criterion | Total](), 0
    while position < len(text.rstrip(" \t\r\n,;")):
        match = _CRITERION.match(text, position)
        if match is None:
            raise UsageError(f"{text[position:].strip()!r} is no reason to stop", f"write {_EXAMPLES['http']}")
        found.append(_read(match[1], [part.strip() for part in match[2].split(",")], connections))
        position = match.end()
    if not found:
        raise UsageError("there is no reason to stop", f"write {_EXAMPLES['http']}")
    return Autostop(tuple(found))


def _read(name: str, places: list[str], connections: int) -> Criterion | Total:
    if name not in _EXAMPLES:
        near = difflib.get_close_matches(name, _EXAMPLES, n=1)
        raise UsageError(
            f"unknown reason to stop {name!r}", f"did you mean {near[0]}?" if near else ", ".join(_EXAMPLES)
        )
    text, wanted = f"{name}({', '.join(places)})", _EXAMPLES[name].split(" or ")[0].count(",") + 1
    try:
        if len(places) != wanted or "" in places:
            raise ValueError(f"it takes {wanted} arguments")
        if name.startswith(("total_", "negative_")):
            return _total(name, text, places)
        return Criterion(text, _seconds(places[-1]), _judge(name, places, connections))
    except (ValueError, UsageError) as error:
        raise UsageError(f"{text}: {error}", f"write {_EXAMPLES[name]}") from error


def _judge(name: str, places: list[str], connections: int) -> Judge:
    if name == "time":
        limit = _milliseconds(places[0])
        return lambda lately: lately.mean > limit if lately.responses else None
    if name == "quantile":
        percent, limit = _percent(places[0]), _milliseconds(places[1])
        return lambda lately: lately.percentile(percent) > limit if lately.responses else None
    if name == "http":
        return _level(places[1], _statuses(places[0]), silent=None)
    if name == "net":
        return _level(places[1], _errors(places[0]), silent=False)
    if name == "instances":
        share = places[0].endswith("%")
        most = _percent(places[0]) / 100 * connections if share else _number(places[0])
        return lambda lately: lately.in_flight >= most if share else lately.in_flight > most
    return lambda lately: True


def _total(name: str, text: str, places: list[str]) -> Total:
    what, level, seconds = places
    _percent(level) if level.endswith("%") else _number(level)  # to say at once that it cannot be read
    if name == "total_time":
        limit = _milliseconds(what)
        return Total(
            text, _seconds(seconds), level, lambda lately: lately.longer(limit), lambda lately: lately.responses
        )
    count = _statuses(what) if name.endswith("http") else _net(what)
    if name.startswith("total_"):
        return Total(text, _seconds(seconds), level, count, lambda lately: lately.ended)
    return Total(
        text, _seconds(seconds), level, lambda lately: lately.ended - count(lately), lambda lately: lately.ended
    )


def _net(mask: str) -> Callable[[Lately], int]:
    """Return what counts those of a number of the network, where 0 are the answered."""
    errors = _errors(mask)
    return (lambda lately: lately.statuses.total() + errors(lately)) if mask == "0" else errors


def _level(text: str, count: Callable[[Lately], int], *, silent: bool | None) -> Judge:
    """Return whether a count reaches a number, or a share of what has ended; `silent` where nothing has."""
    if text.endswith("%"):
        share = _percent(text) / 100
        return lambda lately: count(lately) >= share * lately.ended if lately.ended else silent
    most = _number(text)
    return lambda lately: count(lately) >= most if lately.ended else silent


def _statuses(mask: str) -> Callable[[Lately], int]:
    form = _mask(mask)
    return lambda lately: sum(n for status, n in lately.statuses.items() if form.fullmatch(str(status)))


def _errors(mask: str) -> Callable[[Lately], int]:
    form = _mask(mask)
    return lambda lately: sum(
        n for words, n in lately.reasons.items() if form.fullmatch(str(net_code((Kind.UNKNOWN, words))))
    )


def _mask(text: str) -> re.Pattern[str]:
    """Return the numbers that a mask stands for: 5xx, 404, 1x; xx is any."""
    if not re.fullmatch(r"[0-9xX]{1,3}", text, re.ASCII):
        raise ValueError(f"{text!r} is neither a number nor one with x in it")
    return re.compile(r"\d+" if set(text.lower()) == {"x"} else text.lower().replace("x", r"\d"))


def _percent(text: str) -> float:
    percent = _number(text.removesuffix("%"))
    if not 0 < percent <= 100:
        raise ValueError(f"{text} is not a percentage above 0")
    return percent


def _number(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or not float(text):
        raise ValueError(f"{text!r} is not a number above 0")
    return float(text)


def _milliseconds(text: str) -> float:
    """Return seconds of a text that counts milliseconds where it has no unit."""
    return _number(text) / 1000 if text.replace(".", "").isdigit() else duration(text)


def _seconds(text: str) -> float:
    return _number(text) if text.replace(".", "").isdigit() else duration(text)
