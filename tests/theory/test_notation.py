from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.load.profiles.shapes import Sine
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Samples, Uniform
from forebay.theory.notation import read, read_tandem, write
from forebay.theory.system import Class, Markovian, System, Varying

letters = st.sampled_from(["M", "D", "U", "E3", "E12", "H2(4)", "H2(1.5)", "G(0)", "G(2.5)"])
numbers = st.integers(1, 10**6)


@given(letters, letters, numbers, st.none() | st.integers(0, 10**6), st.none() | numbers, st.none() | letters)
def test_what_is_written_is_read_and_written_again(A, B, n, q, population, patience):  # noqa: N803 - A/B/n/q
    limit = "" if q is None else f"/{q}"
    crowd = "" if population is None else f"//{population}"
    text = f"{A}/{B}/{n}{limit}{crowd}" + (f"+{patience}" if patience else "")
    system = read(text, 3.0, 0.5, patience=2.0, apart=True)
    assert (system.n, system.q, system.population) == (n, math.inf if q is None else q, population or math.inf)
    assert write(system) == (text if patience else text + "+D")


@pytest.mark.parametrize(
    ("text", "arrivals", "service"),
    [
        ("M/M/3", Exponential(1 / 6), Exponential(0.08)),
        ("D/E_3/1", Deterministic(1 / 6), Erlang(0.08, 3)),
        ("U/H(4)/2", Uniform(1 / 6), Hyperexponential(0.08, 4)),
        (" G( .5 ) / GI(2) / inf ", General(1 / 6, 0.5), General(0.08, 2)),
    ],
)
def test_rates_and_times_are_given_as_numbers_or_as_people_write_them(text, arrivals, service):
    assert read(text, "6/s", "80ms") == read(text, 6, 0.08)
    assert read(text, 6, 0.08).arrivals == pytest.approx(arrivals)
    assert read(text, 6, 0.08).service == service


def test_a_law_is_taken_as_it_is_given():
    assert read("M/M/1", Uniform(2), Erlang(1, 2)) == System(Uniform(2), Erlang(1, 2))


def test_in_d_d_the_rate_is_read_as_the_lecture_writes_it():
    assert read("D/D/1/1", "2/ms", "0.5ms") == System(Deterministic(0.001), Deterministic(0.0005), q=1, batch=2)
    assert read("D/D/1/1", "2/ms", "0.5ms", apart=True).arrivals == Deterministic(0.0005)
    assert read("D/D/1/1", 2000, 0.0005).arrivals == Deterministic(0.0005)


def test_how_many_come_together_stands_in_the_parentheses():
    system = read("D(2)/D/1/1", "2/ms", "0.5ms")
    assert (system.batch, system.arrivals, system.arrival_rate) == (2, Deterministic(0.001), 2000)
    assert write(system) == "D(2)/D/1/1"
    assert read("M(5)/M/1", 10, 0.05).arrivals == Exponential(0.5)


def test_bursts_are_rates_and_sojourns():
    system = read("MMPP(100/s, 0/s, 1s, 3s)/M/1", service=0.01)
    assert isinstance(system.arrivals, Markovian)
    assert system.arrivals.D0 == ((-101.0, 1.0), (1 / 3, -1 / 3))
    assert system.arrivals.D1 == ((100.0, 0.0), (0.0, 0.0))
    assert system.arrival_rate == pytest.approx(25)
    assert read(write(system), service=0.01) == system


@pytest.mark.parametrize("inside", ["1/s, 2/s, 1s", "1/s, 1s", "1/s, 2/s, 1s, 0", "1s, 1s, 1/s, 2/s"])
def test_bursts_need_as_many_rates_as_sojourns(inside):
    with pytest.raises(UsageError, match="MMPP") as error:
        read(f"MMPP({inside})/M/1", service=0.01)
    assert "write MMPP(100/s, 0/s, 1s, 1s)" in error.value.hint


def test_samples_are_the_first_column_of_a_file(tmp_path):
    file = tmp_path / "work.csv"
    file.write_text("seconds,id\n0.1,a\n0.3,b\n\n")
    assert read(f"M/G({file})/1", 2).service == Samples((0.1 + 0.3) / 2, (0.1, 0.3), str(file))
    assert read(f"M/G({file})/1", 2, 1.0).service.mean == 1.0
    assert read(f"G({file})/M/1", service=1.0).arrival_rate == pytest.approx(5)


@pytest.mark.parametrize("text", ["", "0.1\nhalf\n"])
def test_a_file_that_holds_no_times_is_refused(tmp_path, text):
    (tmp_path / "work.csv").write_text(text)
    with pytest.raises(UsageError, match="work"):
        read(f"M/G({tmp_path}/work.csv)/1", 2)


def test_a_load_makes_the_arrivals_vary():
    load = Sine(0, 100, 60)
    assert read("M/M/6", load, 0.1).arrivals == Varying(load, poisson=True)
    assert read("D/M/6", load, 0.1).arrivals == Varying(load, poisson=False)
    assert write(read("M/M/6", load, 0.1)) == "Mt/M/6"
    with pytest.raises(UsageError, match="no steady state"):
        _ = read("M/M/6", load, 0.1).arrival_rate


def test_a_load_is_followed_at_random_or_by_a_clock_and_by_no_other_law():
    with pytest.raises(UsageError, match="at random or by a clock, not by E2"):
        read("E2/M/6", Sine(0, 100, 60), 0.1)


def test_classes_share_a_load_as_they_share_the_rate_and_come_at_random_without_one():
    load = Sine(0, 100, 60)
    system = read("M/M/6", load, classes=("1/s 250ms", "3/s 50ms"))
    assert (system.arrivals, system.service.mean) == (Varying(load), pytest.approx(0.1))
    with pytest.raises(UsageError, match="at random, not by D"):
        read("D/M/1", classes=("1/s 250ms",))


def test_a_general_law_is_named_with_its_time():
    assert read("M/G/1", "6/s", "G(2, 100ms)").service == General(0.1, 2)
    assert read("M/G/1", "6/s", "E3(100ms)").service == Erlang(0.1, 3)
    assert read("M/G/1", classes=("1/s H2(4, 250ms)",)).service == Hyperexponential(0.25, 4)


def test_a_finite_population_thinks():
    assert read("M/M/2//10", "5s", "1s").arrivals == Exponential(5)
    assert read("M/M/2//10", "5s", "1s").arrival_rate == 2
    assert read("M/M/2//10", "0", "1s").arrivals == Deterministic(0.0)


def test_patience_without_a_letter_is_the_same_for_all():
    assert read("M/M/4+M", 6, 1, patience="2s").patience == Exponential(2)
    assert read("M/M/4", 6, 1, patience="2s").patience == Deterministic(2)
    assert read("M/M/4", 6, 1, patience="H2(4, 2s)").patience == Hyperexponential(2, 4)


def test_classes_say_the_arrivals_and_the_work_of_all():
    system = read("M/M/1", classes=("1/s 250ms", "3/s D(50ms)"))
    assert system.classes == (Class(1, Exponential(0.25)), Class(3, Deterministic(0.05)))
    assert (system.arrival_rate, system.service.mean) == pytest.approx((4, 0.1))
    second = 0.25 * 2 * 0.25**2 + 0.75 * 0.05**2
    assert system.service.moment(2) == pytest.approx(second)
    assert system.discipline is Discipline.PRIORITY


def test_a_row_has_a_service_for_each_station_or_one_for_all():
    first, second = read_tandem("M/M/1 -> M/M/2", 6, ("80ms", 0.25))
    assert (first.n, first.service.mean, second.n, second.service.mean) == (1, 0.08, 2, 0.25)
    assert [one.service.mean for one in read_tandem("M/M/1→M/M/2", 6, 0.1)] == [0.1, 0.1]
    with pytest.raises(UsageError, match="3 services for 2 stations"):
        read_tandem("M/M/1 -> M/M/2", 6, (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("M/M/0", "no workers", "from 1"),
        ("M/X/1", "'X' is not a law", "the laws are M, D, E3"),
        ("X/M/1", "'X' is not a law", "the laws are M, D, E3"),
        ("M/E/1", "'E' is not a law", "write E3"),
        ("M/H2/1", "'H2' is not a law", r"write H2\(4\)"),
        ("G/M/1", "'G' is not a law", r"write G\(2\)"),
        ("M/M(2)/1", "M has no parameter", "write M"),
        ("M(0)/M/1", "how many come together", r"write M\(2\)"),
        ("M(80ms)/M/1", "how many come together", r"write M\(2\)"),
        ("M/M", "not A/B/n/q", "as M/M/3/8"),
        ("M/M/1/2/3", "not A/B/n/q", "as M/M/3/8"),
        ("M//1", "not A/B/n/q", "as M/M/3/8"),
        ("M/M/1.5", "not a number of workers", "whole number"),
        ("M/M/1/-3", "not a number of waiting places", "whole number"),
        ("M/M/2//0", "no customers", "from 1"),
        ("H2(4/M/1", "parentheses", "as in"),
        ("M/H2(0.5)/1", "not possible", "take E_k"),
        ("M/G(nowhere.csv)/1", "nowhere.csv: cannot be read", "a file of seconds"),
        ("MMPP(1/s, 2/s, 1s, 2s)/M/1", "has its rates already", "leave --in out"),
        ("M/M/1 -> M/M/2", "more than one station", "one of them"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_nearest_right_form(text, what, hint):
    with pytest.raises(UsageError, match=what) as error:
        read(text, "6/s", "80ms")
    assert re.search(hint, error.value.hint)


@pytest.mark.parametrize(
    ("given_", "what", "hint"),
    [
        ({"service": "80ms"}, "how many come", "--in 6/s"),
        ({"arrivals": "6/s"}, "how long service takes", "--service 80ms"),
        ({"arrivals": "6", "service": "80ms"}, "not a rate", "50/s"),
        ({"arrivals": 0, "service": "80ms"}, "0 arrivals a second", "--in 6/s"),
        ({"arrivals": "6/s", "service": "80"}, "not a duration", "80ms"),
        ({"arrivals": "6/s", "service": 0}, "takes no time", "above 0"),
        ({"arrivals": "6/s", "service": "1s", "classes": ("1/s",)}, "not a class", "1/s 250ms"),
        ({"service": "1s", "classes": ("1/s 250ms",)}, "its own work", "leave --service out"),
        ({"arrivals": "6/s", "classes": ("1/s 250ms",)}, "its own rate", "leave --in out"),
    ],
)
def test_what_is_missing_or_wrong_beside_the_notation_is_told(given_, what, hint):
    with pytest.raises(UsageError, match=what) as error:
        read("M/M/3", **given_)
    assert hint in error.value.hint
