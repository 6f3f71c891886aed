"""Logs of simulated runs: the model that made them is found again, and its forecast is near what it measured."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest

from forebay.errors import UsageError
from forebay.load.profiles.shapes import Line, Sine
from forebay.load.profiles.stages import Poisson
from forebay.theory.fit import Fit, fit, read_log
from forebay.theory.fit.overheads import overheads_of
from forebay.theory.laws import Erlang, Exponential, Hyperexponential, Law
from forebay.theory.path import Fate, Path, Seconds
from forebay.theory.simulation import engine
from forebay.theory.simulation.rules import Rules


def drawn(law: Law, n: int, seed: int) -> Seconds:
    out = np.empty(n)
    law.draw(np.random.default_rng(seed), out)
    return out


def ran(n: int, q: float, arrived: Seconds, works: Seconds) -> Path:
    return engine.run(Rules(n=n, q=q, own_work=True), arrived, works, compiled=False)


def written(path: Path, *, workers: bool = True) -> io.StringIO:
    """Return the log of a run."""
    lines = ["accepted,started,ended,outcome" + (",worker" if workers else "")]
    for a, s, e, w, fate in zip(path.arrived, path.started, path.ended, path.worker, path.fate, strict=True):
        cells = [repr(float(a)), repr(float(s)), repr(float(e)), "refused" if fate == Fate.LOST else "done"]
        lines.append(",".join(cells + ([str(w) if w >= 0 else ""] if workers else [])))
    return io.StringIO("\n".join(lines) + "\n")


def of(n: int, q: float, gaps: Law, work: Law, seed: int = 1, count: int = 6000) -> Fit:
    arrived = np.cumsum(drawn(gaps, count, seed))
    return fit(written(ran(n, q, arrived, drawn(work, count, seed + 1000))))


@pytest.mark.parametrize(
    ("n", "q", "gaps", "work", "name"),
    [
        (3, math.inf, Exponential(1 / 6), Exponential(0.4), "M/M/3"),
        (2, 6, Exponential(0.05), Erlang(0.1, 3), "M/E3/2/6"),
        (1, math.inf, Erlang(0.1, 2), Exponential(0.07), "E2/M/1"),
        (4, math.inf, Exponential(0.1), Erlang(0.3, 2), "M/E2/4"),
    ],
)
def test_the_model_that_made_a_log_is_found_and_foretells_it(n: int, q: float, gaps: Law, work: Law, name: str) -> None:
    found = of(n, q, gaps, work)
    assert found.model is not None
    assert found.model.name == name
    assert found.holds
    replay, formula = found.forecasts
    assert all(abs(error or 0) < 1e-6 for error in found.errors(replay).values())
    for figure in ("wait p95", "latency p50", "latency p95"):
        inside = (
            found.measured.low[figure] <= formula.high[figure] and formula.low[figure] <= found.measured.high[figure]
        )
        assert inside, (figure, found.measured, formula)


def test_the_interval_of_the_forecast_holds_what_is_true() -> None:
    """Over logs of one model the interval of p95 holds that of the true parameters about as often as it says."""
    from forebay.theory import solve

    truth = solve("M/M/3", 6.0, 0.4).sojourn(95)
    assert truth is not None
    fits = [of(3, math.inf, Exponential(1 / 6), Exponential(0.4), seed, 3000) for seed in range(20)]
    held = [one.forecasts[1].low["latency p95"] <= truth <= one.forecasts[1].high["latency p95"] for one in fits]
    assert sum(held) >= 16


def test_a_wave_is_foretold_by_its_equations_and_by_the_fluid() -> None:
    arrived = np.array([*Poisson(Sine(0, 100, 30), 3).shots(120)])
    found = fit(written(ran(5, math.inf, arrived, drawn(Exponential(0.08), len(arrived), 5))))
    assert [one.name for one in found.forecasts] == ["replay", "Mt/M/5", "fluid"]
    assert found.errors(found.forecasts[1])["wait p95"] == pytest.approx(0, abs=0.25)
    assert found.errors(found.forecasts[2])["wait p99"] == pytest.approx(0, abs=0.4)
    assert found.model is not None
    assert found.model.command.startswith("forebay simulate 'M/M/5' --in 'sine(")


def test_a_ramp_is_foretold_as_it_moves() -> None:
    arrived = np.array([*Poisson(Line(10, 60, 60), 3).shots(60)])
    found = fit(written(ran(3, math.inf, arrived, drawn(Exponential(0.08), len(arrived), 5))))
    assert [one.name for one in found.forecasts] == ["replay", "Mt/M/3", "fluid"]
    assert found.errors(found.forecasts[1])["wait p95"] == pytest.approx(0, abs=0.4)
    assert found.model is not None
    assert "--in 'line(" in found.model.command


def test_too_much_for_the_workers_is_foretold_by_the_fluid() -> None:
    arrived = np.cumsum(drawn(Exponential(0.02), 3000, 1))
    found = fit(written(ran(3, math.inf, arrived, drawn(Exponential(0.08), 3000, 5))))
    _, formula, fluid = found.forecasts
    assert formula.figures["wait p95"] == math.inf
    assert found.errors(fluid)["wait p95"] == pytest.approx(0, abs=0.2)
    assert found.as_dict()["forecasts"][1]["figures"]["wait p95"] is None


def test_work_that_takes_no_time_has_no_queue() -> None:
    found = fit(io.StringIO("accepted,started,ended\n" + "".join(f"{k},{k},{k}\n" for k in range(50))))
    assert found.model is None
    assert "there is no queue" in str(found)


def test_bursts_lead_to_a_markovian_model() -> None:
    generator = np.random.default_rng(1)
    begins = np.cumsum(generator.exponential(4.0, 100))
    on = np.sort((begins[:, None] + generator.random((100, 200)) * 2).ravel())
    found = fit(written(ran(2, math.inf, on, drawn(Exponential(0.03), len(on), 2))))
    assert found.model is not None
    assert found.model.name.startswith("MMPP(")
    assert "bursts" in found.model.reasons[0]


def test_without_names_of_workers_the_most_at_once_are_taken() -> None:
    path = ran(3, math.inf, np.cumsum(drawn(Exponential(1 / 6), 2000, 1)), drawn(Exponential(0.4), 2000, 2))
    found = fit(written(path, workers=False))
    assert found.model is not None
    assert found.model.system.n == 3
    assert "n = 3 is the most that were at work at once" in found.model.cautions[0]
    told = fit(written(path, workers=False), workers=4, places=100)
    assert told.model is not None
    assert told.model.name == "M/M/4/100"


def test_hand_over_and_turnaround_are_found_and_make_the_replay_right() -> None:
    path = ran(2, math.inf, np.cumsum(drawn(Exponential(0.1), 4000, 1)), drawn(Exponential(0.15), 4000, 2) + 0.01)
    later = Path(path.arrived, path.started + 0.005, path.ended - 0.005, path.worker, path.fate)
    found = fit(written(later))
    overheads = overheads_of(found.log, 2)
    assert overheads.handover == pytest.approx(0.005, rel=1e-6)
    assert overheads.turnaround == pytest.approx(0.01, rel=1e-6)
    assert max(abs(error or 0) for error in found.errors(found.forecasts[0]).values()) < 1e-6
    assert found.model is not None
    assert any("hand-over: 5ms" in reason for reason in found.model.reasons)


def test_what_makes_a_model_doubtful_is_told() -> None:
    arrived = np.arange(3000) * 0.1
    clock = fit(written(ran(1, math.inf, arrived, drawn(Exponential(0.05), 3000, 1))))
    assert clock.model is not None
    assert any("load generator" in caution for caution in clock.model.cautions)
    twice = np.concatenate([arrived, arrived + 1000])
    pause = fit(written(ran(1, math.inf, twice, drawn(Exponential(0.05), 6000, 1))))
    assert pause.model is not None
    assert any("two runs" in caution for caution in pause.model.cautions)
    short = of(1, math.inf, Exponential(0.1), Exponential(0.097), count=300)
    assert short.model is not None
    assert any("relaxation times" in caution for caution in short.model.cautions)


def test_only_what_is_known_is_fitted() -> None:
    arrivals = fit(io.StringIO("accepted\n" + "".join(f"{k}\n" for k in range(50))))
    assert arrivals.arrivals is not None
    assert (arrivals.service, arrivals.model) == (None, None)
    assert "it needs `started` and `ended`, or `work`" in str(arrivals)
    times = fit(io.StringIO("work\n" + "".join(f"{x}\n" for x in drawn(Hyperexponential(0.1, 4), 3000, 1))))
    assert times.service is not None
    assert times.service.law.letter.startswith("H2(")
    assert times.arrivals is None
    latencies = fit(io.StringIO("latency\n1\n2\n3\n"))
    assert latencies.measured.figures["latency p50"] == 2.0


def test_a_log_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing in the log can be fitted"):
        fit(io.StringIO("started\n1\n2\n"))


def test_a_log_that_breaks_a_law_says_so_before_all_else() -> None:
    rows = "".join(f"{k},{k},{k + 2.5}\n" for k in range(100))
    found = fit(io.StringIO("accepted,started,ended\n" + rows), workers=2)
    assert not found.holds
    assert "BROKEN" in str(found)
    assert str(found).index("BROKEN") < str(found).index("arrivals  ")


def test_a_fit_is_told_and_becomes_json() -> None:
    found = of(2, 6, Exponential(0.05), Erlang(0.1, 3), count=2000)
    told = str(found)
    assert told.index("law: Little") < told.index("arrivals  ") < told.index("service  ") < told.index("model  ")
    assert "measured" in told
    form = json.loads(json.dumps(found.as_dict()))
    assert form["model"]["system"] == "M/E3/2/6"
    assert form["forecasts"][0]["errors"]["loss"] == pytest.approx(0)
    assert form["arrivals"]["kind"] == "poisson"
    assert found._repr_html_().startswith("<table>")


def test_a_log_that_was_read_is_taken_too() -> None:
    path = ran(1, math.inf, np.arange(100.0), np.full(100, 0.5))
    log = read_log(written(path))
    assert fit(log).log is log


def test_a_log_in_which_all_is_at_one_instant_is_told_so() -> None:
    found = fit(io.StringIO("accepted,started,ended\n" + "1,1,1\n" * 30))
    assert "at one instant" in found.missing[0]
    assert found.model is None


def test_one_worker_with_several_works_and_times_like_milliseconds_are_asked_about() -> None:
    rows = "".join(f"{k * 37 + k % 5},{k * 37 + k % 5},{k * 37 + 90 + k % 7},0\n" for k in range(200))
    model = fit(io.StringIO("accepted,started,ended,worker\n" + rows)).model
    assert model is not None
    cautions = " ".join(model.cautions)
    assert "the only worker that the log names has up to 3 works at once" in cautions
    assert "accepted_ms" in cautions
