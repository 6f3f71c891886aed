"""`draw`: any picture of any system, from the model, from a simulation, or from the log of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.theory import notation
from forebay.theory.laws import Deterministic
from forebay.theory.notation import Coming, Time
from forebay.theory.path import Path
from forebay.theory.pictures import material
from forebay.theory.pictures.bands import Band, expected_number
from forebay.theory.pictures.cumulative import draw_cumulative
from forebay.theory.pictures.erlang import draw_erlang
from forebay.theory.pictures.hockey_stick import draw_hockey_stick
from forebay.theory.pictures.lanes import draw_timeline
from forebay.theory.pictures.number import draw_number
from forebay.theory.pictures.picture import Picture
from forebay.theory.pictures.steps import level_at
from forebay.theory.pictures.tails import draw_tails
from forebay.theory.pictures.wave import draw_wave
from forebay.theory.system import Load, System, Varying
from forebay.theory.timelines.exact import Time as Instant
from forebay.theory.timelines.exact import rational, show
from forebay.theory.timelines.following import follow_path, follow_system
from forebay.theory.varying.fluid import capacity, predict

_ARRIVALS = {"timeline": 16, "number": 100, "cumulative": 100}
"""How many come in a picture whose length is not given."""
_CUSTOMERS = {"tail": 400_000, "disciplines": 100_000}
"""Of each simulation whose tail is drawn."""
_BEGIN = ("timeline", "number", "cumulative")
"""What can begin later."""
_LONG_RUN = ("tail", "disciplines", "hockey-stick", "erlang")
"""What has forgotten how it began."""
_RUNS = (20, 200, 40_000)
"""Simulated runs of a band: at least, at most, and how many customers they are to have in all."""
_WAVE_SECONDS = 60.0
"""Of a load without a period and without an end."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be drawn."""

    system: System | None
    name: str
    seconds: Instant | None
    begin: Instant | None
    seed: int
    promise: float | None
    run: Path | None
    simulate: bool

    @property
    def model(self) -> System:
        if self.system is None:
            raise UsageError("this picture needs a system", "name it: M/M/3 with --in 6/s --service 80ms")
        return self.system

    @property
    def note(self) -> str:
        return material.told(self.system) if self.system else f"{len(self.run or ()):,} customers"

    def length(self, kind: str) -> float:
        """Return how many seconds are drawn."""
        if self.seconds is not None:
            return float(self.seconds)
        return _ARRIVALS[kind] * self.model.batch / material.arrival_rate(self.model)

    @property
    def begins(self) -> float | None:
        """When the picture begins, seconds; None: with the first customer."""
        return None if self.begin is None else float(self.begin)

    def whole(self, kind: str) -> Path:
        """Return the run, or a simulated one: those who come before the end of the picture."""
        begin = self.begins or 0.0
        if self.run is None:
            return material.simulated(self.model, begin + self.length(kind), self.seed)
        return material.before(self.run, begin + float(self.seconds)) if self.seconds is not None else self.run

    def path(self, kind: str) -> Path:
        """Return the same, as one sees it who only watches from the beginning of the picture to its end."""
        path = self.whole(kind)
        if self.begins is None:
            return path
        return material.watched(path, self.begins, self.begins + self.length(kind) if self.ends else math.inf)

    @property
    def ends(self) -> bool:
        """Whether the picture ends before the run does."""
        return self.run is None or self.seconds is not None


def draw(
    kind: str | None,
    system: System | str | Path | None = None,
    arrivals: Coming | None = None,
    service: Time | None = None,
    *,
    seconds: Instant | None = None,
    begin: Instant | None = None,
    seed: int = 1,
    promise: float | None = None,
    run: Path | None = None,
    simulate: bool = False,
    name: str = "",
    **given: Any,
) -> Picture:
    """Return a picture.

    Arguments:
        kind: one of `KINDS`; None: the timeline of D/D/n/q, the wave of a load that changes, else the number of
            customers.
        system: a `System`; its notation, with `arrivals`, `service` and what else `notation.read` takes; or a `Path`,
            which is then the `run`.
        seconds: how long; None: as long as shows something. begin: from when on, seconds; None: from the beginning.
        seed: of what is simulated.
        promise: a line: seconds, or the share that may be lost in erlang.
        run: what was measured. Where a picture shows one path it is this one, else it is drawn beside the theory.
        simulate: draw a simulation beside the theory too.
        name: of the system; None: its notation.

    Raises:
        UsageError: there is no such picture, or not of this system.
    """
    if isinstance(system, Path):
        system, run = None, system
    if isinstance(system, str):
        name, system = name or system, notation.read(system, arrivals, service, **given)
    if system is not None and not name:
        name = material.written(system)
    asked = _Asked(system, name, seconds, begin, seed, promise, run, simulate)
    kind = kind or default_kind(system, run)
    if kind not in KINDS:
        raise UsageError(f"there is no picture {kind!r}", f"one of {', '.join(KINDS)}")
    if begin is not None and (kind not in _BEGIN or begin < 0):
        raise UsageError(f"{kind} does not begin at {float(begin):g} s", f"0 or later, of {', '.join(_BEGIN)}")
    if kind in _LONG_RUN and system is not None and system.backlog:
        raise UsageError(f"{kind} shows the long run, to which a backlog does nothing", "draw it as number")
    return KINDS[kind](asked)


def default_kind(system: System | None, run: Path | None = None) -> str:
    """Return the picture that shows most of a system."""
    if system is not None and run is None:
        if isinstance(system.arrivals, Deterministic) and isinstance(system.service, Deterministic):
            return "timeline"
        if isinstance(system.arrivals, Varying):
            return "wave"
    return "number"


def _timeline(asked: _Asked) -> Picture:
    if asked.run is None and default_kind(asked.system) == "timeline":
        return draw_timeline(follow_system(asked.model, asked.seconds, asked.name, begin=asked.begin or 0))
    q = asked.system.q if asked.system else math.inf
    path = asked.whole("timeline")
    note = asked.note if asked.run is not None else f"{asked.note}; simulated"
    begin = asked.begin or 0
    end = begin + asked.length("timeline") if asked.ends else None
    return draw_timeline(follow_path(path, begin, end, asked.name or "a run", q, note))


def _number(asked: _Asked) -> Picture:
    path = asked.path("number")
    places = asked.system.places if asked.system else math.inf
    expected = None
    if asked.system is not None and (asked.simulate or asked.run is not None):
        expected = _expected(asked.system, path, asked.seed)
    return draw_number(path, asked.name, asked.note, places=places, expected=expected, begin=asked.begins)


def _expected(system: System, path: Path, seed: int) -> Band:
    end = float(np.nanmax(np.append(path.ended, path.arrived[-1])))
    return _band(system, end, seed, "expected")


def _cumulative(asked: _Asked) -> Picture:
    return draw_cumulative(asked.path("cumulative"), asked.name, asked.note, begin=asked.begins)


def _tail(asked: _Asked) -> Picture:
    measured = asked.path("tail").waits if asked.run is not None else None
    tails = material.Tails([], [])
    if asked.system is not None:
        tails = material.wait_tails(asked.system, _CUSTOMERS["tail"], asked.seed, asked.simulate)
    title = f"{asked.name}: how long one waits" if asked.name else "how long one waits"
    return draw_tails(
        tails.curves, title, asked.note, simulated=tails.simulated, measured=measured, promise=asked.promise
    )


def _disciplines(asked: _Asked) -> Picture:
    tails = material.discipline_tails(asked.model, _CUSTOMERS["disciplines"], asked.seed)
    title = f"{asked.name}: who is next decides who waits long"
    return draw_tails(
        tails.curves, title, asked.note, simulated=tails.simulated, promise=asked.promise, kind="disciplines"
    )


def _hockey_stick(asked: _Asked) -> Picture:
    system = asked.model
    known, operating = material.solved(system), None
    if known is not None and known.stable and math.isfinite(system.n):
        operating = int(system.n), known.utilization, known.W
    note = f"{show(rational(system.service.mean))} of work each; n workers"
    return draw_hockey_stick(
        lambda n, rho: material.sojourn(system, n, rho),
        system.service.mean,
        asked.name,
        note,
        operating=operating,
        promise=asked.promise,
    )


def _erlang(asked: _Asked) -> Picture:
    operating, note = None, "Poisson arrivals, no waiting places; for every law of the work"
    if asked.system is not None and math.isfinite(asked.system.n):
        operating = int(asked.system.n), material.arrival_rate(asked.system) * asked.system.service.mean
    return draw_erlang(asked.name, note, operating=operating, promise=asked.promise)


def _wave(asked: _Asked) -> Picture:
    system = asked.model
    if not isinstance(system.arrivals, Varying):
        raise UsageError("this load does not change with time", "give one that does: --in 'sine(0, 100, 60s)'")
    load = system.arrivals.load
    end = float(asked.seconds) if asked.seconds is not None else _length_of(load)
    C = capacity(system.n, system.service.mean)  # noqa: N806 - the letter of the formula
    if math.isinf(C):
        raise UsageError("a capacity without end levels nothing", "give a number of workers, and a time of work")
    prediction = predict(
        load.rate,
        end,
        C,
        q=system.places if system.q else 0.0,
        Q0=float(system.backlog),
        arrivals="poisson" if system.arrivals.poisson else "clock",
        cs2=system.service.c2,
    )
    measured = _backlog(asked.run, end) if asked.run is not None else None
    band = _band(system, end, asked.seed, "simulated") if asked.simulate else None
    return draw_wave(load, end, prediction, asked.name, asked.note, measured=measured, band=band)


def _length_of(load: Load) -> float:
    """Return two periods of a load, or all of one that ends."""
    period, span = getattr(load, "period", None), getattr(load, "span", math.inf)
    if period:
        return 2 * float(period)
    return float(span) if 0 < span < math.inf else _WAVE_SECONDS


def _band(system: System, end: float, seed: int, label: str) -> Band:
    """Return where the number in the system lies in 90 of 100 runs."""
    least, most, customers = _RUNS
    count = min(most, max(least, int(customers / (material.arrival_rate(system) * end + 1))))
    runs = [material.simulated(system, end, seed, k) for k in range(1, count + 1)]
    return expected_number(runs, np.linspace(0.0, end, 240), label)


def _backlog(run: Path, end: float) -> list[tuple[float, float]]:
    t, N = run.in_system()  # noqa: N806 - the letter of the formula
    times = np.linspace(0.0, end, 600)
    return [(float(at), float(level)) for at, level in zip(times, level_at(t, N.astype(float), times), strict=True)]


KINDS: dict[str, Callable[[_Asked], Picture]] = {
    "timeline": _timeline,
    "number": _number,
    "cumulative": _cumulative,
    "tail": _tail,
    "hockey-stick": _hockey_stick,
    "erlang": _erlang,
    "wave": _wave,
    "disciplines": _disciplines,
}
"""The pictures by name."""
