"""The text of wrk, as `wrk --latency` prints it, line by line.

`Latency` is the response time, and `Req/Sec` the answers of each second divided by the threads, where wrk samples every
tenth of one; `threads` are our processes. `+/- Stdev` is the share within one deviation of the mean. wrk adds samples
of its own making after a run; here stands what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from forebay.load.reports.summary import deviation, per_second, share
from forebay.load.results.figures import Figures
from forebay.load.results.run import Run
from forebay.load.results.runfile import Record

Step = tuple[float, int]
"""A value, and how often it was."""

_SHARES = (50, 75, 90, 99)
_BINARY, _METRIC = ("", "K", "M", "G", "T"), ("", "k", "M", "G", "T")


def wrk(record: Record) -> str:
    """Return the report of a run in the words of wrk."""
    return "\n".join(_lines(record.run, _threads(record), _connections(record))) + "\n"


def _lines(run: Run, threads: int, connections: int) -> Iterator[str]:
    total = run.total
    yield f"Running {_length(run.seconds)} test @ {run.url}"
    yield f"  {threads} threads and {connections} connections"
    yield "  Thread Stats   Avg      Stdev     Max   +/- Stdev"
    latency = [(seconds * 1e6, count) for seconds, count in total.response.steps()]
    known = total.response.count > 0
    moments = (total.response.mean * 1e6, deviation(total.response) * 1e6, total.response.max * 1e6)
    yield _row("Latency", moments if known else (0.0, 0.0, 0.0), latency, time_us)
    rates = [(rate, 1) for rate in _rates(run, threads)]
    yield _row("Req/Sec", _moments(rates), rates, lambda value: scaled(value, 1000, _METRIC))
    yield "  Latency Distribution"
    for q, value in zip(_SHARES, total.response.percentiles(_SHARES), strict=True):
        yield f"{q:7.0f}%" + _padded(time_us(value * 1e6 if known else 0.0), 10)
    lasted = time_us(run.elapsed_seconds * 1e6)
    yield f"  {run.answered} requests in {lasted}, {scaled(total.bytes_in, 1024, _BINARY)}B read"
    yield from _errors(total)
    yield f"Requests/sec: {_finite(per_second(run, run.answered)):9.2f}"
    yield f"Transfer/sec: {scaled(_finite(per_second(run, total.bytes_in)), 1024, _BINARY):>10}B"


def _errors(total: Figures) -> Iterator[str]:
    """Yield what wrk says only where there is something to say; a failed write is among the reads."""
    kinds = {"connect": 0, "read": 0, "write": 0, "timeout": 0}
    for reason, count in total.reasons.items():
        late = reason.endswith("in time")
        kinds["timeout" if late else "connect" if reason.startswith("no connection") else "read"] += count
    if any(kinds.values()):
        yield "  Socket errors: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    bad = sum(count for status, count in total.statuses.items() if not 200 <= status < 400)
    if bad:
        yield f"  Non-2xx or 3xx responses: {bad}"


def _rates(run: Run, threads: int) -> list[float]:
    """Return the answers of each whole second for one thread."""
    whole = range(math.floor(run.elapsed_seconds + 1e-3))
    counts = [run.series[i].answered.total() if i in run.series else 0 for i in whole]
    return [count / threads for count in counts] or [_finite(per_second(run, run.answered)) / threads]


def _moments(steps: Sequence[Step]) -> tuple[float, float, float]:
    count = sum(often for _, often in steps)
    mean = sum(value * often for value, often in steps) / count
    variance = sum(often * (value - mean) ** 2 for value, often in steps) / count
    return mean, math.sqrt(variance), max(value for value, _ in steps)


def _row(name: str, moments: tuple[float, float, float], steps: Sequence[Step], show: Callable[[float], str]) -> str:
    mean, spread, longest = moments
    within = sum(often for value, often in steps if abs(value - mean) <= spread)
    percent = _finite(share(within, sum(often for _, often in steps))) * 100
    cells = _padded(show(mean), 8) + _padded(show(spread), 10) + _padded(show(longest), 9)
    return f"    {name:<10}{cells}{percent:8.2f}%"


def _padded(text: str, width: int) -> str:
    """Return a quantity so that the digits stand below each other, whatever the length of the unit."""
    after = 2 - sum(character.isalpha() for character in text[-2:])
    return text.rjust(width - after) + " " * after


def time_us(value: float) -> str:
    """Return microseconds as wrk writes them: 794.00us, 1.55ms, 30.00s, 1.00m."""
    if value >= 1e6:
        return scaled(value / 1e6, 60, ("s", "m"))
    return scaled(value, 1000, ("us", "ms"))


def scaled(value: float, scale: int, units: Sequence[str], digits: int = 2) -> str:
    """Return a number with the first unit in which it is below 85 % of the next."""
    for unit in units[:-1]:
        if value < scale * 0.85:
            return f"{value:.{digits}f}{unit}"
        value /= scale
    return f"{value:.{digits}f}{units[-1]}"


def _length(seconds: float) -> str:
    return scaled(seconds, 60, ("s", "m"), digits=0)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _threads(record: Record) -> int:
    return int(record.about.get("processes") or 1)


def _connections(record: Record) -> int:
    return int(record.about.get("connections") or record.run.connections)
