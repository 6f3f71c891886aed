import json
import re

import pytest

from forebay.errors import Missing, UsageError
from forebay.histogram import Histogram
from forebay.load.results.runfile import SECOND_BITS
from forebay.web import assets
from forebay.web.page import LARGEST, page
from made_runs import made_run


def data(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_a_page_of_an_hour_is_small(hour):
    text = page([hour])
    assert len(text.encode()) < LARGEST
    assert len(data(text)["runs"][0]["planned"]) > 700


def test_several_hours_share_the_room(hour):
    text = page([hour] * 2, ["a", "b"])
    assert len(text.encode()) < LARGEST
    assert [run["name"] for run in data(text)["runs"]] == ["a", "b"]


def test_a_page_is_small_however_far_apart_its_times_are(tmp_path):
    record = made_run(tmp_path, 1440, 5.0, tags=tuple(f"{i:04}-{'long' * 200}" for i in range(200)))
    wide = Histogram(SECOND_BITS)
    wide.record_many(10 ** (i / 30 - 6) for i in range(220))
    for _ in range(10):
        wide.merge(wide.coarser(SECOND_BITS))
    for second in record.run.series.values():
        for time in (second.of_plan.response, second.of_plan.service):
            time.merge(wide)
    text = page([record])
    assert len(text.encode()) < LARGEST
    assert len(data(text)["runs"][0]["planned"]) < 1440 / 2, "its columns are wider than those of other runs"
    assert "140 tags with fewer shots" in text


def test_a_page_asks_for_nothing_and_allows_no_other_script(short):
    text = page([short])
    policy = re.search(r'content="(default-src[^"]*)"', text)[1]
    assert policy.startswith("default-src &#x27;none&#x27;; script-src &#x27;sha256-")
    assert "unsafe" not in policy
    assert not re.search(r'(src|href)="', text)
    assert text.index("Content-Security-Policy") < text.index("<style>") < text.index("<script")


def test_the_verdict_stands_first(tmp_path):
    required = {"requirements": ["p99<10s", "failed<1%", "p50<1us"]}
    text = page([made_run(tmp_path, 5, about=required)])
    assert text.index("1 of 3 requirements missed") < text.index("<figure")
    assert re.search(r"✗</span><code>p50&lt;1us</code> missed: ", text)
    assert re.search(r"✓</span><code>failed&lt;1%</code> kept: 0%", text)


def test_a_run_that_measured_its_generator_says_so(tmp_path):
    record = made_run(tmp_path, 5)
    record.run.late.record_many([1.0] * 1000)
    text = page([record])
    assert "Not valid" in text
    assert (
        text.index("Not valid; nothing was required")
        < text.index("the generator was the limit: ")
        < text.index("<figure")
    )


def test_a_run_that_did_not_end_by_itself_says_so(tmp_path):
    record = made_run(tmp_path, 5, about={"requirements": ["failed<1%"], "stopped": "http(5xx,25%,10)"})
    record.run.interrupted, record.complete = True, False
    text = page([record])
    assert "Every requirement is kept, by a run that was interrupted" in text
    assert "Stopped before its time: http(5xx,25%,10)" in text
    assert "its file has no end: it was killed" in text
    assert 'class="verdict bad"' in text


def test_what_failed_is_told_with_its_reason_and_its_seconds(tmp_path):
    text = page([made_run(tmp_path, 10, statuses={200: 0.5, 503: 0.25, -1: 0.25})])
    assert re.search(r'<th scope="row">answered 503</th><td>\d+</td><td>2\d[.\d]*%</td><td>second \d</td>', text)
    assert '<th scope="row">no answer in time</th>' in text


def test_all_that_is_known_of_a_run_is_told(tmp_path):
    text = page([made_run(tmp_path, 2, about={"host": {"cores": 2, "busy": 0.123456}, "words": ["a", "b"]})])
    for name, fact in [("host cores", "2"), ("host busy", "0.1235"), ("words", "a, b"), ("connections opened", "40")]:
        assert f"<dt>{name}</dt><dd>{fact}</dd>" in text


def test_runs_side_by_side_have_their_differences_with_their_uncertainty(tmp_path):
    for name in ("slow", "fast"):
        (tmp_path / name).mkdir()
    slow, fast = made_run(tmp_path / "slow", 60, typical=0.05), made_run(tmp_path / "fast", 60, typical=0.005)
    text = page([slow, fast], ["slow", "fast"])
    assert re.search(r'response p50</th>.*?<span class="change good">▼ -\d\d', text)
    assert "% intervals" in text


def test_a_run_has_the_name_of_its_file(short):
    assert [run["name"] for run in data(page([short]))["runs"]] == ["made.run"]


@pytest.mark.parametrize(("count", "names"), [(0, ()), (1, ("a", "b"))])
def test_a_page_needs_a_run_and_a_name_for_each(short, count, names):
    with pytest.raises(UsageError, match="one run or more"):
        page([short] * count, names)


def test_a_checkout_that_is_not_set_up_names_the_remedy(short, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "UPLOT", tmp_path)
    with pytest.raises(Missing, match="uPlot is not here") as caught:
        page([short])
    assert caught.value.hint == "run: make setup"
