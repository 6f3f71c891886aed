"""The forms of other tools, held to samples and descriptions of theirs."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from fired import empty, evenly, fired, record, rows
from forebay.histogram import Histogram
from forebay.load.reports.hdr import hdr, rungs, table
from forebay.load.reports.k6 import k6
from forebay.load.reports.vegeta import go_duration, vegeta, vegeta_json, vegeta_text
from forebay.load.reports.wrk import scaled, time_us, wrk

WRK = """\
Running 2s test @ http://127.0.0.1:8080/orders
  1 threads and 2 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.55ms    1.67ms   8.94ms   84.57%
    Req/Sec     1.56k   353.69     2.27k    80.00%
  Latency Distribution
     50%  794.00us
     75%    1.94ms
     90%    4.10ms
     99%    7.56ms
  3113 requests in 2.00s, 1.54MB read
  Non-2xx or 3xx responses: 3113
Requests/sec:   1556.14
Transfer/sec:    790.23KB
"""
"""What wrk 4.1.0 printed of a run on a server that answers 404."""


def noisy(status=404, seconds: float = 2.0, rate: float = 1556):
    draw = np.random.default_rng(2)
    count = round(rate * seconds)
    return fired(rows(evenly(rate, seconds)[:count], draw.lognormal(-7, 1, count), status=status), seconds=seconds,
                 profile="closed(2)")  # fmt: skip


def shape(text: str) -> list[str]:
    """Return lines with every quantity made alike: what is left is the form."""
    return [re.sub(r" *\d[\d.]*(us|ms|s|[KMG]?B|k|%)?( {0,2})", " #", line) for line in text.splitlines()]


def test_the_text_of_wrk_has_the_lines_of_wrk() -> None:
    assert shape(wrk(record(noisy(), processes=1, connections=2))) == shape(WRK)


def test_the_columns_of_wrk_end_where_they_do_in_wrk() -> None:
    ours = wrk(record(noisy(), processes=1, connections=2)).splitlines()
    for number, line in enumerate(WRK.splitlines()):
        if number in (2, 5) or line.startswith(("    Latency", "     ")):
            assert len(ours[number]) == len(line), line


def test_wrk_tells_socket_errors_by_kind_and_only_where_there_are_some() -> None:
    told = wrk(record(fired(rows(evenly(10, 10), status=[200] * 90 + [-1] * 7 + [-2] * 3))))
    assert "  Socket errors: connect 3, read 0, write 0, timeout 7\n" in told
    assert "Non-2xx" not in told
    assert "Socket errors" not in wrk(record(noisy()))


def test_wrk_counts_each_second_for_each_thread() -> None:
    told = wrk(record(noisy(200), processes=2))
    assert re.search(r"Req/Sec   77\d\.\d\d ", told)
    assert "Requests/sec:   1556.00\n" in told


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0.00us"), (794, "794.00us"), (849, "849.00us"), (850, "0.85ms"), (1550, "1.55ms"), (999_999, "1000.00ms"),
     (1_000_000, "1.00s"), (30_000_000, "30.00s"), (51_000_000, "0.85m"), (7_200_000_000, "120.00m")],
)  # fmt: skip
def test_times_are_written_as_wrk_writes_them(microseconds: float, text: str) -> None:
    assert time_us(microseconds) == text


@pytest.mark.parametrize(("value", "text"), [(353.69, "353.69"), (1560, "1.56k"), (62_000, "62.00k"), (2e6, "2.00M")])
def test_rates_are_written_as_wrk_writes_them(value: float, text: str) -> None:
    assert scaled(value, 1000, ("", "k", "M", "G", "T")) == text


def test_the_table_of_hdrhistogram_has_its_columns_and_its_end() -> None:
    told = hdr(record(noisy())).splitlines()
    assert told[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert told[1] == ""
    assert [re.match(r"#\[(\w+)", line)[1] for line in told[-3:]] == ["Mean", "Max", "Buckets"]  # type: ignore[index]
    body = [line.split() for line in told[2:-3]]
    assert all(re.fullmatch(r" *\d+\.\d{3} [01]\.\d{12} +\d+( +\d+\.\d\d)?", line) for line in told[2:-3])
    assert [row[1][:6] for row in body[:9]] == ["0.0000", "0.1000", "0.2000", "0.3000", "0.4000", "0.5000", "0.5500",
                                                "0.6000", "0.6500"]  # fmt: skip
    assert body[-1][1:] == ["1.000000000000", "3112"]
    assert float(body[5][3]) == 2.0


def test_the_table_of_hdrhistogram_says_what_the_histogram_says() -> None:
    histogram = noisy().response
    for share, value, count in rungs(histogram):
        assert value == pytest.approx(histogram.percentile(share * 100), rel=1e-9)
        assert count >= math.ceil(share * histogram.count - 1e-9)
    assert (share, value, count) == (1.0, histogram.max, histogram.count)


def test_the_table_of_nothing_has_no_rows() -> None:
    assert "nan" not in table(Histogram())
    assert "Total count    =            0" in table(Histogram())


def test_one_value_makes_one_row_of_hdrhistogram() -> None:
    histogram = Histogram()
    histogram.record(0.5)
    assert list(rungs(histogram)) == [(1.0, 0.5, 1)]


def test_the_summary_of_k6_has_its_metrics_with_their_kinds() -> None:
    run = fired(rows(evenly(10, 10), 0.010, wait=0.002, status=[200] * 90 + [503] * 6 + [-1] * 3 + [-2]))
    summary = k6(record(run))
    metrics = summary["metrics"]
    kinds = {name: (metric["type"], metric["contains"]) for name, metric in metrics.items()}
    assert kinds == {
        "http_reqs": ("counter", "default"),
        "iterations": ("counter", "default"),
        "dropped_iterations": ("counter", "default"),
        "data_sent": ("counter", "data"),
        "data_received": ("counter", "data"),
        "http_req_failed": ("rate", "default"),
        "http_req_duration": ("trend", "time"),
        "http_req_waiting": ("trend", "time"),
        "http_req_blocked": ("trend", "time"),
        "iteration_duration": ("trend", "time"),
    }
    assert metrics["http_req_failed"]["values"] == {"rate": 0.1, "passes": 10, "fails": 90}
    assert metrics["http_reqs"]["values"] == {"count": 96, "rate": 9.6}
    assert metrics["dropped_iterations"]["values"]["count"] == 1
    assert list(metrics["http_req_duration"]["values"]) == ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"]
    assert metrics["http_req_duration"]["values"]["med"] == pytest.approx(12, rel=1e-3)
    assert metrics["http_req_waiting"]["values"]["med"] == pytest.approx(10, rel=1e-3)
    assert metrics["http_req_blocked"]["values"]["med"] == pytest.approx(2, rel=1e-3)
    assert summary["state"]["testRunDurationMs"] == 10_000
    assert summary["root_group"]["checks"] == []


def test_thresholds_stand_under_their_metric_with_ok() -> None:
    run = fired(rows(evenly(10, 10), 0.010, tag=[0, 1] * 50), ("buy", "look"))
    texts = ["http_req_duration: p(95)<200", "http_req_failed: rate<0.01", "p99<1ms", "service p50<1s", "failed<1%",
             "503<1%", "lag p99<1s", "rate>100/s", "http_req_duration{tag:buy}: p(99)<5", "p99{look}<1s"]  # fmt: skip
    metrics = k6(record(run, requirements=texts))["metrics"]
    found = {name: metric["thresholds"] for name, metric in metrics.items() if "thresholds" in metric}
    assert found == {
        "http_req_duration": {"p(95)<200": {"ok": True}, "p99<1ms": {"ok": False}},
        "http_req_failed": {"rate<0.01": {"ok": True}, "failed<1%": {"ok": True}, "503<1%": {"ok": True}},
        "http_req_waiting": {"service p50<1s": {"ok": True}},
        "http_req_blocked": {"lag p99<1s": {"ok": True}},
        "http_reqs": {"rate>100/s": {"ok": False}},
        "http_req_duration{tag:buy}": {"p(99)<5": {"ok": False}},
        "http_req_duration{tag:look}": {"p99{look}<1s": {"ok": True}},
    }


def test_the_report_of_vegeta_has_its_fields() -> None:
    form = json.loads(vegeta_json(record(noisy(200))))
    assert list(form) == ["latencies", "bytes_in", "bytes_out", "earliest", "latest", "end", "duration", "wait",
                          "requests", "rate", "throughput", "success", "status_codes", "errors"]  # fmt: skip
    assert set(form["latencies"]) == {"total", "mean", "50th", "90th", "95th", "99th", "max", "min"}
    assert all(isinstance(value, int) for value in form["latencies"].values())
    assert form["bytes_in"] == {"total": 3112 * 300, "mean": 300.0}
    assert (form["requests"], form["success"], form["status_codes"], form["errors"]) == (3112, 1.0, {"200": 3112}, [])
    assert (form["earliest"], form["end"]) == ("2026-11-18T11:06:40.250000Z", "2026-11-18T11:06:42.250000Z")


def test_vegeta_counts_what_has_no_status_under_0() -> None:
    form = vegeta(record(fired(rows(evenly(10, 10), status=[200] * 90 + [302] * 4 + [503] * 3 + [-1] * 3))))
    assert form["status_codes"] == {"0": 3, "200": 90, "302": 4, "503": 3}
    assert form["errors"] == ["503 Service Unavailable", "no answer in time"]
    assert form["success"] == 0.94
    assert (form["rate"], form["throughput"]) == (10.0, 9.4)


def test_the_wait_of_vegeta_is_what_the_last_answers_took() -> None:
    run = fired(rows(evenly(10, 10)))
    run.elapsed_seconds = 12.5
    form = vegeta(record(run))
    assert (form["duration"], form["wait"]) == (10_000_000_000, 2_500_000_000)


def test_the_text_of_vegeta_has_its_rows() -> None:
    lines = vegeta_text(record(fired(rows(evenly(10, 10), status=[200] * 99 + [503])))).splitlines()
    assert [line[:14].strip() for line in lines] == [
        "Requests", "Duration", "Latencies", "Bytes In", "Bytes Out", "Success", "Status Codes", "Error Set:",
        "503 Service Un"]  # fmt: skip
    assert lines[0] == "Requests      [total, rate, throughput]         100, 10.00, 9.90"
    assert lines[5] == "Success       [ratio]                           99.00%"
    assert lines[6] == "Status Codes  [code:count]                      200:99  503:1  "


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (999, "999ns"), (761_088, "761.088µs"), (3_419_136, "3.419ms"), (29_973_400_000, "29.973s"),
     (90_400_000_000, "1m30s"), (7_500_000_000_000, "2h5m0s"), (999_999_999, "1s"), (59_999_900_000, "1m0s")],
)  # fmt: skip
def test_durations_are_written_as_vegeta_writes_them(nanoseconds: int, text: str) -> None:
    assert go_duration(nanoseconds) == text


def test_a_run_of_no_shots_has_no_latencies_for_vegeta() -> None:
    assert set(vegeta(record(empty()))["latencies"].values()) == {0}
