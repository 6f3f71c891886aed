"""`draw`: the right picture of each system, with the numbers of the theory in it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path as File

import numpy as np
import pytest

from forebay.errors import UsageError
from forebay.load.profiles.shapes import Line as Ramp
from forebay.load.profiles.shapes import Sine
from forebay.theory import Fate, Markovian, Path, draw, read, solve
from forebay.theory.models.erlang import erlang_b, erlang_b_workers
from forebay.theory.pictures.bands import simulated_tail
from forebay.theory.pictures.drawing import KINDS
from forebay.theory.pictures.material import simulated
from forebay.theory.pictures.scalability import draw_scalability
from forebay.theory.varying.sine import Sine as Wave

GOLDEN = File(__file__).parent / "golden"
MM1 = ("M/M/1", "9/s", "100ms")
SINE = Sine(0, 100, 60.0)
EMPTY = Path(*(np.zeros(0),) * 3, np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int8))


def asked(kind):
    """A system that each picture can show."""
    return {"wave": ("M/M/6", SINE, "100ms"), "timeline": ("D/D/1/1", "2/ms", "0.5ms")}.get(kind, MM1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_is_valid_fits_and_is_the_same_again(kind):
    picture, again = draw(kind, *asked(kind)), draw(kind, *asked(kind))
    assert picture.svg == again.svg
    ET.fromstring(picture.svg)
    assert "script" not in picture.svg
    for width in (40, 80, 133):
        for ascii in (False, True):
            text = picture.text(width, ascii)
            assert max(map(len, text.splitlines())) <= width
            assert not ascii or text.isascii()
    assert picture.as_dict()["kind"] == kind
    assert picture._repr_svg_() == picture.svg
    assert str(picture) == picture.text()


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_texts_lie_on_each_other(kind):
    root = ET.fromstring(draw(kind, *asked(kind)).svg)
    boxes = [box(e) for e in root.iter("{http://www.w3.org/2000/svg}text")]
    clashes = [(a[0], b[0]) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if clash(a, b)]
    assert clashes == []


@pytest.mark.parametrize(
    ("system", "kind"),
    [
        (("D/D/1", "1/s", "0.5s"), "timeline"),
        (("M/M/1", SINE, "10ms"), "wave"),
        (MM1, "number"),
        (("D/M/1", "9/s", "100ms"), "number"),
    ],
)
def test_what_is_drawn_where_nothing_is_said(system, kind):
    assert draw(None, *system).kind == kind


@pytest.mark.parametrize(
    ("name", "kind", "system", "ascii"),
    [
        ("disciplines", "disciplines", MM1, False),
        ("wave-ascii", "wave", ("M/M/6", SINE, "100ms"), True),
        ("timeline", "timeline", ("M/M/2/2", "9/s", "200ms"), False),
    ],
)
def test_a_picture_is_as_it_always_was(name, kind, system, ascii):
    assert draw(kind, *system).text(ascii=ascii) + "\n" == (GOLDEN / f"{name}.txt").read_text("utf-8")


def test_the_tail_is_that_of_the_theory():
    points = draw("tail", *MM1).as_dict()["curves"]["theory"]
    assert all(p == pytest.approx(0.9 * math.exp(-t), rel=1e-6) for t, p in points)


def test_a_simulated_tail_is_beside_the_theory_and_agrees_with_it():
    data = draw("tail", "M/M/1", "5/s", "100ms", simulate=True).as_dict()
    t, low, high = data["simulated"]["simulated"]
    theory = [0.5 * math.exp(-5 * x) for x in t]
    off = [abs(p - (a + b) / 2) / (b - a) for a, p, b in zip(low, theory, high, strict=True) if 0 < a < b < 1]
    assert max(off) < 1  # half of the interval is two standard deviations


def test_where_no_formula_is_exact_it_is_simulated():
    assert draw("tail", "U/U/2", "18/s", "100ms").as_dict()["simulated"]


def test_disciplines_have_one_mean_and_other_tails():
    curves = draw("disciplines", *MM1).as_dict()["curves"]
    assert set(curves) == {"FIFO", "random", "LIFO", "urgent half", "other half"}
    at = {name: dict(map(tuple, points)) for name, points in curves.items()}
    late = max(at["FIFO"])
    assert at["FIFO"][late] < at["random"][late] < at["LIFO"][late]


def test_the_hockey_stick_goes_through_the_operating_point():
    data = draw("hockey-stick", "M/M/3", "24/s", "100ms", promise=0.4).as_dict()
    n, rho, time = data["operating"]
    assert (n, rho, time) == (3, pytest.approx(0.8), pytest.approx(solve("M/M/3", "24/s", "100ms").W))
    rhos, times = zip(*data["curves"]["3"], strict=True)
    assert np.interp(rho, rhos, times) == pytest.approx(time, rel=0.01)
    assert set(data["curves"]) == {"1", "2", "3", "5", "10"}


def test_erlangs_curves_are_his_formula():
    data = draw("erlang", "M/M/10/0", "6/s", "1s", promise=0.002).as_dict()
    assert all(p == erlang_b(10, a) for a, p in data["losses"]["10"])
    assert all(n == erlang_b_workers(a, 0.002) for a, n in data["needed"]["0.002"])
    assert draw("erlang").as_dict()["operating"] is None


def test_the_wave_has_the_peak_of_the_closed_form():
    data = draw("wave", "M/M/6", SINE, "100ms", seconds=60).as_dict()
    assert data["peak_backlog"] == pytest.approx(Wave(50, 50, 60).peak_backlog(60), rel=1e-4)
    assert max(level for _, level in data["backlog"]) == pytest.approx(data["peak_backlog"], rel=1e-3)


def test_a_load_without_a_period_and_one_without_a_backlog_are_drawn_too():
    assert draw("wave", "M/M/1", Ramp(1, 5, 60), "10ms").as_dict()["peak_backlog"] == 0


def test_the_number_is_that_of_the_path_and_a_finite_system_has_its_line():
    data = draw("number", "M/M/1/3", "9/s", "100ms").as_dict()
    assert max(data["total"]) <= 4
    assert max(data["working"]) <= 1
    assert data["lost"]
    assert "places 4" in draw("number", "M/M/1/3", "9/s", "100ms").svg


def test_the_area_between_the_curves_is_all_the_time_in_the_system():
    path = simulated(read(*MM1), 20.0)
    data = draw("cumulative", path).as_dict()
    assert data["area"] == pytest.approx(float(path.sojourns.sum()))
    assert data["backlog"] == path.in_system()[1].max()


@pytest.mark.parametrize("kind", ["timeline", "number", "cumulative", "tail"])
def test_a_run_is_drawn_alone_and_beside_its_model(kind):
    path = simulated(read(*MM1), 20.0, seed=3)
    assert draw(kind, path).svg != draw(kind, *MM1, run=path).svg
    assert draw(kind, path, seconds=5.0).svg != draw(kind, path).svg


def test_a_wave_that_was_measured_lies_over_the_predicted():
    system = read("M/M/6", SINE, "100ms")
    path = simulated(system, 60.0)
    data = draw("wave", system, run=path, simulate=True, seconds=60).as_dict()
    assert max(level for _, level in data["measured"]) == pytest.approx(data["peak_backlog"], rel=0.25)


@pytest.mark.parametrize("kind", ["timeline", "number", "cumulative", "tail"])
def test_an_empty_run_is_refused_with_a_hint(kind):
    with pytest.raises(UsageError) as refused:
        draw(kind, EMPTY)
    assert refused.value.hint


def test_a_run_of_the_lost_only_is_refused_or_drawn_but_never_crashes():
    lost = Path(
        np.array([1.0, 2.0]), np.full(2, np.nan), np.full(2, np.nan),
        np.full(2, -1, dtype=np.int32), np.full(2, Fate.LOST, dtype=np.int8),
    )  # fmt: skip
    ET.fromstring(draw("number", lost).svg)
    assert draw("timeline", lost).as_dict()["loss"] == 1
    for kind in ("cumulative", "tail"):
        with pytest.raises(UsageError):
            draw(kind, lost)


@pytest.mark.parametrize(
    ("kind", "system"),
    [
        ("gantt", MM1),
        ("wave", MM1),
        ("tail", ("M/M/1", "20/s", "100ms")),
        ("hockey-stick", ("M/M/1", SINE, "1ms")),
        ("tail", ("D/D/1", "1/s", "0.5s")),
        ("number", ()),
        ("wave", ("M/M/inf", SINE, "100ms")),
        ("hockey-stick", ("M/M/2//10", "5s", "100ms")),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_hint(kind, system):
    with pytest.raises(UsageError) as refused:
        draw(kind, *system)
    assert refused.value.hint


def test_priorities_are_drawn_by_class_also_where_no_formula_is_known():
    system = read("M/H2(4)/3", None, None, classes=("6/s 100ms", "6/s 100ms", "6/s 100ms"))
    data = draw("disciplines", replace(system, classes=system.classes)).as_dict()
    assert {"class 1", "class 2", "class 3"} <= set(data["curves"]) | set(data["simulated"])


def test_bursts_are_drawn():
    system = replace(read(*MM1), arrivals=Markovian(((-20.0, 2.0), (2.0, -2.0)), ((18.0, 0.0), (0.0, 0.0)), "bursts"))
    assert draw("number", system).as_dict()["total"]


def test_how_it_scales_is_the_law_through_the_points():
    points = [(1, 90), (18, 1078), (36, 1541), (72, 1850), (108, 1879), (144, 1822), (216, 1646)]
    data = draw_scalability(points, 0.02773, 1.044e-4, 90).as_dict()
    assert data["best"] == pytest.approx(96.52, abs=0.05)
    law = dict(map(tuple, data["law"]))
    for size, measured in points[1:]:
        near = min(law, key=lambda x: abs(x - size))
        assert law[near] == pytest.approx(measured, rel=0.02)
    with pytest.raises(UsageError):
        draw_scalability([], 0, 0, 1)
    assert draw_scalability([(1, 1), (2, 2)], 0, 0, 1).as_dict()["best"] is None


def test_an_interval_holds_what_it_is_of():
    samples = np.random.default_rng(5).exponential(1.0, 20_000)
    times = np.linspace(0, 4, 20)
    band = simulated_tail(samples, times)
    inside = (band.low <= np.exp(-times)) & (np.exp(-times) <= band.high)
    assert inside.mean() > 0.8


@pytest.mark.parametrize("name", ["a.svg", "a.txt", "a.json"])
def test_it_is_saved_by_the_ending_of_the_file(tmp_path, name):
    draw("timeline", *asked("timeline")).save(tmp_path / name)
    assert (tmp_path / name).stat().st_size > 100


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"a\.png"):
        draw("timeline", *asked("timeline")).save(tmp_path / "a.png")


def box(element):
    """A text and about where it lies: left, right, top, bottom; a little smaller than it is."""
    text, size = element.text or "", 11.0
    width = 0.5 * size * len(text)
    x, y = float(element.attrib["x"]), float(element.attrib["y"])
    left = x - width * {"middle": 0.5, "end": 1.0}.get(element.attrib.get("text-anchor", ""), 0.0)
    return text, left, left + width, y - 0.7 * size, y


def clash(a, b):
    return a[1] < b[2] and b[1] < a[2] and a[3] < b[4] and b[3] < a[4]


def test_a_finite_population_comes_again_and_again_to_the_end_of_the_picture():
    few = read("M/M/2//4", "1s", "500ms")
    path = simulated(few, 200.0)
    assert path.in_system()[1].max() <= 4
    assert 199 < path.arrived[-1] < 200
    assert len(path) / 200 == pytest.approx(solve(few).throughput, rel=0.1)
    shorter = simulated(few, 50.0)
    assert path.arrived[: len(shorter)].tolist() == shorter.arrived.tolist()
    assert draw("number", few).data["mean"] < 4


def test_a_picture_begins_later_with_those_who_are_there():
    run = Path(
        arrived=np.array([0.0, 1.0, 2.0, 2.5, 8.0]),
        started=np.array([0.0, 4.0, np.nan, 5.0, 8.0]),
        ended=np.array([4.0, 5.0, 2.0, 7.0, 9.0]),
        worker=np.array([0, 0, -1, 0, 0], dtype=np.int32),
        fate=np.array([0, 0, 1, 0, 0], dtype=np.int8),
        workers=1,
    )
    number = draw("number", run, begin=3.0, seconds=3.0).data
    assert (number["t"][0], number["total"], number["lost"]) == (3.0, [3, 2, 1], [])
    assert draw("cumulative", run, begin=4.5, seconds=2.0).data["backlog"] == 2
    assert [one["number"] for one in draw("timeline", run, begin=6.0, seconds=3.0).data["requests"]] == [1, 2]
    for kind, begin in (("number", 20.0), ("tail", 1.0), ("number", -1.0)):
        with pytest.raises(UsageError):
            draw(kind, run, begin=begin, seconds=1.0)


def test_a_timeline_of_clocks_that_begins_later_is_the_same_with_other_numbers_on_its_axis():
    whole = draw("timeline", "D/D/1/1", "2/ms", "0.5ms", seconds=0.004).data
    later = draw("timeline", "D/D/1/1", "2/ms", "0.5ms", seconds=0.002, begin=0.002).data
    assert later["requests"] == whole["requests"][4:]
    assert (later["utilization"], later["loss"], later["begin"]) == (1, 0, 0.002)


@pytest.mark.parametrize(("arrivals", "why"), [("10/s", "at its limit"), ("12/s", "grows by 2 a second")])
def test_too_much_work_has_no_tail_and_says_why(arrivals: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        draw("tail", "M/M/1", arrivals, "100ms")
