import json
from collections import Counter

import pytest

from forebay.histogram import Histogram
from forebay.load.results.figures import Figures
from forebay.load.results.run import Run, Second
from forebay.web.material import material
from made_runs import made_run


def edges(cell: int, bits: int) -> tuple[float, float]:
    """What heat.js makes of a cell, in microseconds."""
    shift = max((cell >> bits) - 1, 0)
    low = (cell - (shift << bits)) << shift
    return low / 1e3, (low + (1 << shift)) / 1e3


def test_each_list_over_time_has_an_entry_for_each_column(hour):
    made = material("hour", hour.run, 720)
    over_time = [made[name] for name in ("seconds", "planned", "sent", "answered", "failed", "waiting", "awaited")]
    over_time += [row["counts"] for row in made["statuses"]] + made["lag"] + made["late"]
    for time in ("response", "service"):
        over_time += [made[time]["cells"], *made[time]["percentiles"]]
    assert {len(each) for each in over_time} == {720}
    assert made["width"] == 5


def test_statuses_and_ends_add_up_to_all_that_was_planned(hour):
    made = material("hour", hour.run, 720)
    assert sum(sum(row["counts"]) for row in made["statuses"]) == sum(made["planned"]) == hour.run.total.planned
    assert [row["name"] for row in made["statuses"]] == ["200", "201", "302", "404", "500", "503", "unknown", "refused"]


def test_many_statuses_are_summed_up(tmp_path):
    record = made_run(tmp_path, 20, 100.0, statuses=dict.fromkeys(range(200, 220), 1 / 20))
    rows = {row["name"]: sum(row["counts"]) for row in material("many", record.run, 720)["statuses"]}
    assert len(rows) == 11
    assert rows["other"] == record.run.answered - sum(count for name, count in rows.items() if name != "other") > 0


@pytest.mark.parametrize("at_most", [720, 100])
def test_a_cell_of_the_heat_map_holds_what_its_edges_say(at_most):
    values = [100e-9, 3e-6, 0.0101, 0.0102, 2.5]
    run = Run("http://127.0.0.1/", "const(1)", 1.0)
    for i in range(720):
        second = run.series[i] = Second(
            Figures(planned=len(values)), sent=len(values), answered=Counter({200: len(values)})
        )
        second.of_plan.response.record_many(values)
    made = material("run", run, at_most)
    first, *counts = made["response"]["cells"][0]
    shares = made["planned"][0] // len(values)
    for value in values:
        within = [edges(first + i, made["bits"]) for i, count in enumerate(counts) if count]
        assert any(low <= value * 1e6 < high for low, high in within), value
    assert sum(counts) == len(values) * shares
    assert made["service"]["cells"][0] == []


def test_a_curve_ends_with_the_slowest_shot_and_rises():
    run = Run("http://127.0.0.1/", "const(1)", 1.0)
    run.total.response = Histogram()
    run.total.response.record_many([i / 1000 for i in range(1, 1001)])
    xs, ys = material("run", run, 10)["curve"]["response"]
    assert (xs[0], xs[-1]) == (1, 1000)
    assert ys[-1] == 1_000_000
    assert ys == sorted(ys)
    at_99 = ys[min(range(len(xs)), key=lambda i: abs(xs[i] - 100))]
    assert at_99 == pytest.approx(990_000, rel=1e-3)


def test_a_run_of_which_nothing_was_measured_is_json():
    assert json.loads(json.dumps(material("none", Run("u", "p", 1.0), 10), allow_nan=False))["planned"] == [0]
