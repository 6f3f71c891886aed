"""The closing report of a run: what was promised and what was kept, prediction and measurement side by side."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from forebay.load.ledger import Judgement
from forebay.load.results.run import Run
from forebay.quantity import show_seconds
from forebay.theory.varying.fluid import Prediction

_PERCENTILES = (50, 90, 99, 99.9, 100)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What the service and its queue say at the end.

    Arguments:
        accepted: messages that became durable. done, dead: those that ended; discarded: removed by an operator.
        unfinished: those still to be worked off, where the run was interrupted.
        lost: accepted and nowhere, by the queue's own books.
        refused: requests that were not accepted, for whatever reason.
        peak_backlog, longest_wait_seconds, drained_seconds: None where nobody measured it.
    """

    accepted: int
    done: int
    dead: int = 0
    discarded: int = 0
    unfinished: int = 0
    lost: int = 0
    refused: int = 0
    peak_backlog: int | None = None
    longest_wait_seconds: float | None = None
    drained_seconds: float | None = None


class Comparison(msgspec.Struct, frozen=True):
    """One figure, predicted and measured; None where there is none."""

    name: str
    predicted: float | None
    measured: float | None
    seconds: bool = False

    @property
    def difference_percent(self) -> float | None:
        """By how much the measured is above the predicted; None where that cannot be said."""
        if not self.predicted or math.isinf(self.predicted) or self.measured is None:
            return None
        return (self.measured - self.predicted) / self.predicted * 100

    def __str__(self) -> str:
        difference = self.difference_percent
        off = "" if difference is None else f"{difference:+.1f} %"
        return f"{self.name:<16}{self._show(self.measured):>12}{self._show(self.predicted):>12}{off:>12}".rstrip()

    def _show(self, value: float | None) -> str:
        if value is None:
            return "-"
        return show_seconds(value) if self.seconds else f"{value:,.0f}"


class Verdict(msgspec.Struct, frozen=True):
    """A verdict and what it rests on; `str` is the report, `as_dict` all its fields.

    Arguments:
        measured: by the service.
        prediction: of the fluid model; None: none was made.
        run: of the cannon; None: the load came from elsewhere.
        judgement: of the client's ledger; None: none was kept.
    """

    measured: Measured
    prediction: Prediction | None = None
    run: Run | None = None
    judgement: Judgement | None = None

    @property
    def lost(self) -> int:
        """Accepted messages that are nowhere: by the queue's books, by the client's count of 2xx, by its ledger.

        Below 0: more ended than were accepted.
        """
        promised = self.run.accepted if self.run else 0
        by_client = max(0, promised - self.measured.accepted)
        by_ledger = sum(self.judgement.lost.values()) if self.judgement else 0
        return max(self.measured.lost + by_client, by_ledger) if self.measured.lost >= 0 else self.measured.lost

    @property
    def kept(self) -> bool:
        """Whether every accepted message ended exactly once, or is still on its way."""
        return self.lost == 0 and (self.judgement is None or self.judgement.kept)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        m = self.measured
        if self.lost > 0:
            return f"Promise broken: {self.lost:,} of {m.accepted + self._unheard:,} accepted are nowhere."
        if self.lost < 0:
            return f"Promise broken: {-self.lost:,} more ended than were accepted."
        if self.judgement is not None and not self.judgement.kept:
            return "Promise broken: the client's ledger does not agree (see below)."
        if not m.accepted:
            return "Nothing was accepted, so nothing was promised."
        if m.unfinished:
            return (
                f"Promise not broken so far: none lost, {m.unfinished:,} of {m.accepted:,} are still to be worked off."
            )
        return f"Promise kept: all {m.accepted:,} accepted ended exactly once, none was lost."

    @property
    def comparisons(self) -> list[Comparison]:
        """The figures that were predicted, beside those that were measured."""
        m, p = self.measured, self.prediction
        return [
            Comparison("peak backlog", p.peak_backlog if p else None, m.peak_backlog),
            Comparison("longest wait", p.longest_wait if p else None, m.longest_wait_seconds, seconds=True),
            Comparison("drained after", p.drained_at if p else None, m.drained_seconds, seconds=True),
        ]

    @property
    def _unheard(self) -> int:
        return max(0, (self.run.accepted if self.run else 0) - self.measured.accepted)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields in a form that JSON can hold."""
        return {
            "verdict": self.sentence,
            "kept": self.kept,
            **msgspec.structs.asdict(self.measured),
            "lost": self.lost,
            "comparisons": [
                {
                    "name": c.name,
                    "unit": "s" if c.seconds else "messages",
                    "measured": _finite(c.measured),
                    "predicted": _finite(c.predicted),
                    "difference_percent": _finite(c.difference_percent),
                }
                for c in self.comparisons
            ],
            "prediction": self.prediction.as_dict() if self.prediction else None,
            "run": self.run.as_dict() if self.run else None,
            "response_seconds": self._response() if self.run else None,
            "judgement": msgspec.structs.asdict(self.judgement) if self.judgement else None,
        }

    def __str__(self) -> str:
        parts = [self._ledger(), self._compared(), self._requests(), str(self.judgement or ""), self.sentence]
        return "\n\n".join(part for part in parts if part)

    def _response(self) -> dict[str, float | None]:
        assert self.run is not None
        found = self.run.response.percentiles(_PERCENTILES)
        return {_name(q): _finite(seconds) for q, seconds in zip(_PERCENTILES, found, strict=True)}

    def _ledger(self) -> str:
        m = self.measured
        rows = [("accepted", m.accepted), ("done", m.done), ("dead", m.dead), ("refused", m.refused)]
        rows += [(name, count) for name, count in (("unfinished", m.unfinished), ("discarded", m.discarded)) if count]
        return "\n".join(f"{name:<16}{count:>12,}" for name, count in [*rows, ("lost", self.lost)])

    def _compared(self) -> str:
        shown = [c for c in self.comparisons if c.measured is not None or c.predicted is not None]
        if not shown:
            return ""
        lines = [f"{'':<16}{'measured':>12}{'predicted':>12}{'difference':>12}", *map(str, shown)]
        if self.prediction is not None:
            lines.append(_model(self.prediction))
        return "\n".join(lines)

    def _requests(self) -> str:
        run = self.run
        if run is None:
            return ""
        statuses = [f"{count:,} x {status}" for status, count in sorted(run.statuses.items())]
        rest = [f"{count:,} {name}" for name, count in (("not sent", run.refused), ("unknown", run.unknown)) if count]
        answers = f"requests        {', '.join([*statuses, *rest]) or 'none'}"
        if not run.response.count:
            return answers
        response = "  ".join(f"{name} {show_seconds(value or 0)}" for name, value in self._response().items())
        lag = f"generator late  p99 {show_seconds(run.lag.percentile(99))}" if run.lag.count else ""
        return "\n".join(filter(None, [answers, f"response        {response}", lag]))


def _model(prediction: Prediction) -> str:
    spread = f"sd of the peak {prediction.peak_sd:,.0f}" if prediction.peak_sd else "no spread"
    by = "by a clock" if prediction.arrivals == "clock" else "Poisson"
    ends = "" if prediction.stable else "; the backlog never ends"
    return f"(fluid model, capacity {prediction.capacity:.4g}/s, arrivals {by}, {spread}{ends})"


def _name(q: float) -> str:
    return "max" if q == 100 else f"p{q:g}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
