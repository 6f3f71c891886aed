from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from forebay.load.results.figures import Figures
from forebay.load.results.run import Run, Second
from forebay.web.columns import columns


def second(
    planned: int, sent: int = 0, refused: int = 0, unknown: int = 0, answered: dict[int, int] | None = None
) -> Second:
    of_plan = Figures(planned=planned)
    of_plan.response.record_many([0.01] * planned)
    return Second(of_plan, sent, refused, unknown, Counter(answered or {}))


def run_of(series: dict[int, Second]) -> Run:
    run = Run("http://127.0.0.1/", "const(1)", 10.0)
    run.series = series
    return run


COUNTS = st.integers(0, 5)
SECONDS = st.builds(second, COUNTS, COUNTS, COUNTS, COUNTS, st.dictionaries(st.sampled_from([200, 404, 503]), COUNTS))


@given(st.dictionaries(st.integers(0, 5_000), SECONDS, max_size=8), st.integers(1, 40))
def test_nothing_is_lost_however_few_columns_there_are(series, at_most):
    width, made = columns(run_of(series), at_most)
    length = max([*series, 0]) + 1
    assert len(made) <= at_most
    assert sum(column.seconds for column in made) == length
    assert all(column.seconds == width for column in made[:-1])
    for name in ("planned", "sent", "refused", "unknown"):
        assert sum(getattr(c.sum, name) for c in made) == sum(getattr(s, name) for s in series.values())
    assert sum((c.sum.answered for c in made), Counter()) == sum((s.answered for s in series.values()), Counter())
    assert sum(c.sum.of_plan.response.count for c in made) == sum(s.planned for s in series.values())


@given(st.dictionaries(st.integers(0, 100), SECONDS, max_size=8))
def test_the_run_itself_stays_as_it_was(series):
    run = run_of(series)
    before = run.as_dict()
    columns(run, 3)
    assert run.as_dict() == before


def test_few_seconds_have_a_column_each_and_many_share_round_numbers():
    widths = [columns(run_of({length - 1: second(1)}), 720)[0] for length in (1, 720, 721, 3600, 86_400, 900_000)]
    assert widths == [1, 1, 2, 5, 120, 1800]
    assert columns(run_of({10_000_000: second(1)}), 720)[0] == 4 * 3600


def test_a_run_without_a_second_is_one_empty_column():
    width, (column,) = columns(run_of({}), 720)
    assert (width, column.seconds, column.sum.planned) == (1, 1, 0)


def test_what_is_in_flight_is_carried_through_seconds_in_which_nothing_happens():
    series = {0: second(5, sent=3), 4: second(1, sent=2, refused=1, unknown=1, answered={200: 4})}
    _, made = columns(run_of(series), 10)
    assert [column.waiting for column in made] == [2, 2, 2, 2, 0]
    assert [column.awaited for column in made] == [3, 3, 3, 3, 0]
    (wide,) = columns(run_of(series), 1)[1]
    assert (wide.waiting, wide.awaited) == (2, 3), "the peak shows however wide the column"


def test_failed_is_what_was_refused_is_unknown_or_was_answered_badly():
    _, (column,) = columns(run_of({0: second(9, 8, 1, 2, {200: 3, 302: 1, 400: 1, 503: 1})}), 1)
    assert column.failed == 1 + 2 + 2
