from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.theory.fit.log import Log
from forebay.theory.fit.reading import read, read_log
from forebay.theory.path import Fate


def log_of(text: str) -> Log:
    return read_log(io.StringIO(text))


def test_a_row_is_a_message_and_seconds_count_from_the_first_arrival() -> None:
    path = read(
        io.StringIO(
            "topic,id,accepted,started,ended,attempt,worker,outcome\n"
            "orders,b,1700000002.5,1700000003,1700000004,1,1,done\n"
            "orders,a,1700000000.5,1700000000.5,1700000003,1,0,dead\n"
            "orders,,1700000002.75,,,,,refused\n"
            "orders,c,1700000003.5,1700000004,,1,1,unfinished\n"
        )
    )
    assert path.arrived.tolist() == [0.0, 2.0, 2.25, 3.0]
    assert path.started.tolist() == pytest.approx([0.0, 2.5, np.nan, 3.5], nan_ok=True)
    assert path.ended.tolist() == pytest.approx([2.5, 3.5, 2.25, np.nan], nan_ok=True)
    assert path.worker.tolist() == [0, 1, -1, 1]
    assert path.fate.tolist() == [Fate.SERVED, Fate.SERVED, Fate.LOST, Fate.UNFINISHED]
    assert path.waits.tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    "text",
    [
        "accepted,started,ended\n1,2,4\n",
        "t_accept,t_start,t_ack,colour\n1,2,4,red\n",
        "Arrived , wait , work_ms\n1,1,2000\n",
        "latency,work,ended\n3,2,4\n",
        '{"accepted": 1, "started": 2, "ended": 4, "colour": null}\n',
        '{"accepted": "1970-01-01T00:00:01", "start": "1970-01-01T00:00:02Z", "end": "1970-01-01T01:00:04+01:00"}\n',
        "\ufeffaccepted,started,ended\r\n1,2,4\r\n",
        '"accepted","started","ended","note"\n1,2,4,"a, b"\n',
        "accepted,started,ended\n\naccepted,started,ended\n1,2,4\n\n",
    ],
)
def test_names_and_forms_that_say_the_same(text: str, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text(text, encoding="utf-8", newline="")
    path = read(file)
    assert (path.arrived.tolist(), path.started.tolist(), path.ended.tolist()) == ([1.0], [2.0], [4.0])
    assert path.fate.tolist() == [Fate.SERVED]


def test_attempts_of_one_message_are_one_and_their_work_is_kept() -> None:
    log = log_of(
        "id,accepted,started,ended,attempt,outcome\n"
        "a,0,1,2,1,retry\n"
        "b,0,2,3,1,retry\n"
        "a,0,5,6,2,done\n"
        "b,0,7,9,2,retry\n"
        "c,4,4,5,1,done\n"
    )
    assert log.path is not None
    assert log.path.arrived.tolist() == [0.0, 0.0, 4.0]
    assert log.path.started.tolist() == [5.0, 7.0, 4.0]
    assert log.path.fate.tolist() == [Fate.SERVED, Fate.UNFINISHED, Fate.SERVED]
    assert log.path.attempts is not None
    assert log.path.attempts.tolist() == [2, 2, 1]
    assert sorted(log.works.tolist()) == [1.0, 1.0, 1.0, 1.0, 2.0]
    assert sorted(log.busy[0].tolist()) == [1.0, 2.0, 4.0, 5.0, 7.0]


def test_a_log_may_tell_only_when_messages_came() -> None:
    log = log_of("accepted\n3\n1\n2\n")
    assert log.path is not None
    assert log.path.arrived.tolist() == [1.0, 2.0, 3.0]
    assert set(log.path.fate.tolist()) == {Fate.UNFINISHED}
    assert (len(log.works), len(log.latencies)) == (0, 0)


def test_a_log_may_tell_only_how_long_it_took() -> None:
    log = log_of("latency_ms,work\n30,0.02\n50,\n")
    assert log.path is None
    assert log.latencies.tolist() == [0.03, 0.05]
    assert log.works.tolist() == [0.02]
    with pytest.raises(UsageError, match=r"does not tell when messages came.* latency, work"):
        read(io.StringIO("latency,work\n1,1\n"))


def test_columns_may_come_later_in_json_lines() -> None:
    log = log_of('{"accepted": 1}\n{"accepted": 2, "started": 3, "ended": 4, "worker": "w-7"}\n')
    assert log.path is not None
    assert log.path.started.tolist() == pytest.approx([np.nan, 3.0], nan_ok=True)
    assert log.path.worker.tolist() == [-1, 0]


def test_of_several_topics_one_is_meant() -> None:
    text = "topic,accepted\norders,1\nmails,2\norders,3\n"
    log = read_log(io.StringIO(text), topic="orders")
    assert log.path is not None
    assert log.path.arrived.tolist() == [1.0, 3.0]
    with pytest.raises(UsageError, match="several topics") as refused:
        log_of(text)
    assert refused.value.hint == "name one: orders, mails"
    with pytest.raises(UsageError, match="no topic 'letters'"):
        read_log(io.StringIO(text), topic="letters")


TIMES = st.floats(0, 1000).map(lambda x: round(x, 6))


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6).map(lambda x: round(x, 6)), TIMES, TIMES), min_size=1), st.randoms())
def test_rows_in_any_order_and_instants_or_times_are_the_same_path(rows, chance) -> None:
    instants = [f"{a!r},{a + wait!r},{a + wait + work!r}" for a, wait, work in rows]
    times = [f"{wait!r},{a!r},{work!r}" for a, wait, work in rows]
    chance.shuffle(times)
    one = read(io.StringIO("\n".join(["accepted,started,ended", *instants])))
    other = read(io.StringIO("\n".join(["wait,accepted,work", *times])))
    assert one.arrived.tolist() == sorted(a for a, _, _ in rows) == other.arrived.tolist()
    assert sorted(one.ended.tolist()) == pytest.approx(sorted(other.ended.tolist()), abs=1e-9)
    assert sorted(one.waits.tolist()) == pytest.approx(sorted(other.waits.tolist()), abs=1e-6)
    assert len(one) == len(rows)
    assert one.served.all()


def test_pieces_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forebay.theory.fit.reading._CHUNK", 2)
    rows = [f"{k},{k + 1},{k + 2},{(k * 7) % 3},done" for k in range(7)]
    path = read(io.StringIO("\n".join(["accepted,started,ended,worker,outcome", *rows]) + "\n"))
    assert path.arrived.tolist() == list(range(7))
    assert path.worker.tolist() == [(k * 7) % 3 for k in range(7)]
    with pytest.raises(UsageError, match="line 7: 'x' is neither"):
        read(io.StringIO("\n".join(["accepted", *"12345x"])))


def test_clocks_that_disagree_by_less_than_a_millisecond_are_let_pass() -> None:
    log = log_of("accepted,started,ended\n1,0.9995,2\n")
    assert log.waits.tolist() == [0.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("accepted,started\n", "names and no rows"),
        ("a,b\n1,2\n", "none of the columns that are known: a, b"),
        ("0.1\n0.2\n", "none of the columns that are known"),
        ("accepted\n1\nsoon\n", "line 3: 'soon' is neither seconds nor ISO 8601"),
        (
            "accepted\n1700000000000\n",
            "line 2: 1700000000000 is no instant: .* named accepted_ms",
        ),
        ("accepted\n1\ninf\n", "line 3: inf is not a time"),
        ("accepted,started\n1\n", "line 2: 1 cells under 2 names"),
        ("accepted,started\n1,2\n3,4,5\n", "line 3: 3 cells under 2 names"),
        ("accepted,accepted\n1,2\n", "same name"),
        ("accepted,arrived\n1,2\n", "'accepted' and 'arrived' are both accepted"),
        ("accepted,started\n1,2\n3,2.5\n", "line 3: its work began before it came"),
        ("started,ended\n1,2\n3,2.5\n", "line 3: its work ended before it began"),
        ("accepted,ended\n3,2\n", "line 2: it ended before it came"),
        ("accepted,ended\n3,4\n,2\n", "line 3: it is not told when this one came"),
        ("accepted,wait\n1,-2\n", "line 2: a time of -2 s"),
        ("accepted,attempt\n1,1.5\n", "line 2: 1.5 is not a whole number"),
        ("accepted,outcome\n1,done\n1,vanished\n", "line 3: 'vanished' is not an outcome that is known: done"),
        ('{"accepted": 1}\n{"accepted": \n', "line 2: .*JSON|line 2: .*truncated"),
        ('{"accepted": 1}\n[1]\n', "line 2: Expected `object`"),
        ('{"accepted": 1, "worker": 1}\n{"accepted": 1, "worker": [2]}\n', "line 2: unhashable"),
        ('{"accepted": [1]}\n', "line 1: .* is neither seconds nor ISO 8601"),
        ('{"accepted": 1' + "0" * 400 + "}\n", "line 1: "),
        ('{"colour": 1}\n', "none of the columns that are known: colour"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        log_of(text)


def test_a_file_that_is_not_there_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_log(tmp_path / "nothing.csv")
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff\xfe\n")
    with pytest.raises(UsageError, match="is not text"):
        read_log(tmp_path / "picture")


def test_statuses_of_http_are_outcomes() -> None:
    log = log_of("accepted,ended,status\n1,2,200\n2,2,503\n3,4,500\n")
    assert log.path is not None
    assert log.path.fate.tolist() == [Fate.SERVED, Fate.LOST, Fate.SERVED]


def test_instants_may_be_in_milliseconds_where_the_name_says_so() -> None:
    path = read(io.StringIO("accepted_ms,started_ms,ended_ms\n1700000000000,1700000000250,1700000001000\n"))
    assert (path.started[0], path.ended[0]) == pytest.approx((0.25, 1.0))


@pytest.mark.parametrize("text", ["accepted,ended\n1,2\n3,4\n5", '{"accepted": 1, "ended": 2}\n{"accepted": 3}\n{"acc'])
def test_a_last_row_that_was_cut_off_while_it_was_written_is_left_away(text: str) -> None:
    assert len(read(io.StringIO(text))) == 2


def test_columns_may_be_apart_by_semicolons_or_tabs() -> None:
    for between in ";\t":
        assert read(io.StringIO(f"accepted{between}ended\n1{between}2\n")).ended[0] == 2


def test_times_stand_in_the_order_of_arrival_whatever_that_of_the_rows() -> None:
    found = read_log(io.StringIO("accepted,started,ended\n5,6,8\n1,1,2\n3,3.5,5\n"))
    assert (found.waits.tolist(), found.works.tolist()) == ([0, 0.5, 1], [1, 1.5, 2])
