"""`fit`: from a log to the model that the service is, in the order in which an engineer looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path as File
from typing import Any, TextIO

from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.theory.fit.arrivals import ArrivalFit, arrivals_of
from forebay.theory.fit.candidates import Candidate
from forebay.theory.fit.forecast import Forecast, Measured, error_of, forecasts, measured
from forebay.theory.fit.log import Log
from forebay.theory.fit.model import Model, suggested, workers_of
from forebay.theory.fit.operational import Check, checks, window
from forebay.theory.fit.reading import read_log
from forebay.theory.fit.service import ServiceFit, service_of
from forebay.theory.result import Result, Row, finite


@dataclass(frozen=True, slots=True, eq=False)
class Fit(Result):
    """What a log amounts to; a part is None where the log does not tell enough, and `missing` says why.

    Arguments:
        log: what was read. laws: those that every run obeys, and whether it does.
        arrivals, service: what they were like. model: what they suggest.
        measured: percentiles and loss of the run. forecasts: what the model says of it.
        missing: what could not be fitted, and what it needs.
    """

    log: Log
    laws: tuple[Check, ...]
    arrivals: ArrivalFit | None
    service: ServiceFit | None
    model: Model | None
    measured: Measured
    forecasts: tuple[Forecast, ...]
    missing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the log obeys the laws; if not, no model of it is to be believed."""
        return all(law.holds for law in self.laws)

    def errors(self, forecast: Forecast) -> dict[str, float | None]:
        """Return by what share each figure of a forecast is above the measured one."""
        return {
            name: error_of(value, self.measured.figures[name])
            for name, value in forecast.figures.items()
            if name in self.measured.figures
        }

    def rows(self) -> Sequence[Row]:
        """Return what is told, in the order of reading."""
        rows = [("log", f"{self.log.name}: {', '.join(self.log.known)}")]
        rows += [(f"law: {law.law}", str(law)) for law in self.laws]
        rows += _arrival_rows(self.arrivals) if self.arrivals else []
        rows += _service_rows(self.service) if self.service else []
        if self.model:
            rows += [("model", self.model.name), *(("because", reason) for reason in self.model.reasons)]
            rows += [("caution", caution) for caution in self.model.cautions]
        rows += self._compared()
        rows += [("missing", text) for text in self.missing]
        return [*rows, ("next", self.model.command)] if self.model else rows

    def _compared(self) -> list[Row]:
        """Return the table of what was measured and what is predicted, with the signed errors."""
        if not self.measured.figures:
            return []
        columns = [["measured", *(_told(name, self.measured) for name in self.measured.figures)]]
        for one in self.forecasts:
            errors = self.errors(one)
            cells = [_told(name, one, errors.get(name)) for name in self.measured.figures]
            columns.append([one.name, *cells])
        widths = [max(map(len, column)) for column in columns]
        lines = ["   ".join(map(str.ljust, cells, widths)) for cells in zip(*columns, strict=True)]
        return [
            *zip(("", *self.measured.figures), lines, strict=True),
            *((one.name, one.note) for one in self.forecasts),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return every field in a form that JSON can hold."""
        told = [{**asdict(one), "errors": self.errors(one)} for one in self.forecasts]
        model = self.model
        result: dict[str, Any] = finite(
            {
                "log": {"name": self.log.name, "columns": self.log.known, "began": self.log.began},
                "holds": self.holds,
                "laws": [asdict(law) for law in self.laws],
                "arrivals": _arrival_dict(self.arrivals) if self.arrivals else None,
                "service": _service_dict(self.service) if self.service else None,
                "model": {
                    "system": model.name,
                    "workers": model.system.n,
                    "places": model.system.q,
                    "overheads": asdict(model.overheads),
                    "reasons": model.reasons,
                    "cautions": model.cautions,
                    "command": model.command,
                }
                if model
                else None,
                "measured": asdict(self.measured),
                "forecasts": told,
                "missing": self.missing,
            }
        )
        return result


def fit(
    log: Log | str | File | TextIO,
    *,
    workers: float = 0,
    places: float | None = None,
    topic: str | None = None,
    closed: float = 0,
    think: float = 0.0,
) -> Fit:
    """Return what a log amounts to.

    Arguments:
        log: a file, text open for reading, or a log that was read.
        workers: n, where it is known; 0: as the log shows. places: q; None: as the log shows.
        topic: which queue is meant, where the log is of several.
        closed: connections of a closed loop that made the load; 0: it was open.
        think: seconds that each of them pauses.

    Raises:
        UsageError: it cannot be read, or tells nothing that can be fitted.
    """
    read = log if isinstance(log, Log) else read_log(log, workers, topic)
    missing: list[str] = []
    arrivals = _arrivals(read, missing)
    service = _service(read, missing)
    if arrivals is None and service is None and not len(read.latencies):
        raise UsageError(f"nothing in {read.name} can be fitted: {missing[0]}", missing[-1])
    known = workers or (workers_of(read)[0] if read.path is not None and (read.path.worker >= 0).any() else 0)
    laws = tuple(checks(read, known, closed, think))
    if service is not None and service.mean <= 0:
        missing.append("model: work takes no time, so there is no queue")
    if arrivals is None or service is None or service.mean <= 0:
        return Fit(read, laws, arrivals, service, None, measured(read), (), tuple(missing))
    model = suggested(read, arrivals, service, workers, places)
    told = tuple(forecasts(read, arrivals, service, model))
    figures = measured(read, steady=not arrivals.moves)
    return Fit(read, laws, arrivals, service, model, figures, told, tuple(missing))


def _arrivals(log: Log, missing: list[str]) -> ArrivalFit | None:
    if log.path is None:
        missing.append("arrivals: the log does not tell when messages came; it needs `accepted`")
        return None
    began, n = window(log.path)[0], len(log.path)
    span = (float(log.path.arrived[-1]) - began) * n / max(n - 1, 1)  # the last has a gap behind it too
    try:
        return arrivals_of(log.path.arrived - began, span)
    except UsageError as error:
        missing.append(f"arrivals: {error}; {error.hint}")
        return None


def _service(log: Log, missing: list[str]) -> ServiceFit | None:
    try:
        return service_of(log)
    except UsageError as error:
        missing.append(f"service: {error}; {error.hint}")
        return None


def _arrival_rows(arrivals: ArrivalFit) -> list[Row]:
    lag = "" if abs(arrivals.lag) * math.sqrt(arrivals.n) < 3 else f", correlation with the next {arrivals.lag:+.2f}"
    rows = [
        ("arrivals", f"{arrivals.n:,} in {show_seconds(arrivals.seconds)}, {arrivals.kind}"),
        ("rate", f"{arrivals.rate:.5g} ± {1.96 * arrivals.rate_error:.2g} a second, {arrivals.trend}"),
        ("gaps", f"c² = {arrivals.c2:.3g} ± {1.96 * arrivals.c2_error:.2g}{lag}"),
    ]
    if arrivals.dispersion:
        one = arrivals.dispersion
        rows.append(
            ("dispersion", f"{one.index:.3g} over {show_seconds(one.seconds)} (0 a clock, 1 Poisson, above: bursts)")
        )
    return rows


def _service_rows(service: ServiceFit) -> list[Row]:
    percentiles = "  ".join(f"p{p:g} {show_seconds(x)}" for p, x in service.percentiles.items())
    error = show_seconds(1.96 * service.mean_error)
    rows = [
        ("service", f"{len(service.times):,} works, mean {show_seconds(service.mean)} ± {error}"),
        ("spread", f"c² = {service.c2:.3g} ± {1.96 * service.c2_error:.2g}"),
        ("percentiles", f"{percentiles}  longest {show_seconds(service.longest)}"),
    ]
    return rows + [("law", _of_law(one)) for one in service.candidates[:3]]


def _of_law(one: Candidate) -> str:
    ks, ad = one.ks, one.ad
    return f"{one.name}: KS {ks.statistic:.3f} (p <= {ks.p:.2g}), AD {ad.statistic:.3g} (p <= {ad.p:.2g})"


def _told(name: str, of: Measured | Forecast, error: float | None = None) -> str:
    """Return a figure with its interval and its signed error, as far as they are known."""
    if name not in of.figures:
        return "-"
    told = _shown(name, of.figures[name])
    if name in of.low:
        told += f" ({_shown(name, of.low[name])} .. {_shown(name, of.high[name])})"
    return told if error is None else f"{told} {error:+.1%}"


def _shown(name: str, value: float) -> str:
    return f"{value:.2%}" if name == "loss" else show_seconds(value)


def _arrival_dict(arrivals: ArrivalFit) -> dict[str, Any]:
    form = asdict(arrivals)
    form["trend"] = {"form": type(arrivals.trend).__name__.lower(), **asdict(arrivals.trend)}
    form["kind"] = str(arrivals.kind)
    if arrivals.bursts:
        form["bursts"]["name"] = arrivals.bursts.name
    return form


def _service_dict(service: ServiceFit) -> dict[str, Any]:
    kept = ("mean", "mean_error", "c2", "c2_error", "longest", "tail")
    form: dict[str, Any] = {name: getattr(service, name) for name in kept}
    form |= {
        "n": len(service.times),
        "law": service.law.letter,
        "percentiles": {f"p{p:g}": x for p, x in service.percentiles.items()},
        "candidates": [
            {"name": one.name, "aic": one.aic, "ks": asdict(one.ks), "ad": asdict(one.ad)} for one in service.candidates
        ],
        "contention": asdict(service.contention) if service.contention else None,
    }
    return form
