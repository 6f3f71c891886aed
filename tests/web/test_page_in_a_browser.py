import pytest

from browser import Browser
from forebay.load.shot import Kind
from forebay.web.page import page
from made_runs import made_run

CHARTS = ["rate", "statuses", "latency", "curve", "against", "unfinished", "generator"]
# Axes and letters are grey, what is drawn of a run has a colour: so many pixels of each chart.
DRAWN = """Object.fromEntries([...document.querySelectorAll('figure')].map((figure) => {
  const canvas = figure.querySelector('canvas');
  const parts = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let coloured = 0;
  for (let i = 0; i < parts.length; i += 4) {
    const [red, green, blue, there] = parts.slice(i, i + 4);
    coloured += there > 100 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
  }
  return [figure.id, coloured];
}))"""
SETTLED = "new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))).then(() => "
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">&amp;'\u2028]]>"
)


def opened(chromium: Browser, folder, records, names=(), dark=False) -> Browser:
    path = folder / "page.html"
    path.write_text(page(records, names), "utf-8")
    chromium.open(path, dark)
    assert chromium.value("document.documentElement.dataset.ready") == str(len(CHARTS)), chromium.said
    chromium.value(f"{SETTLED}0)")  # each chart has been given the size of its place
    return chromium


def assert_sound(chromium: Browser) -> None:
    drawn = chromium.value(DRAWN)
    assert list(drawn) == CHARTS
    assert min(drawn.values()) > 50, f"a chart is empty: {drawn}"
    assert chromium.said == []
    assert chromium.requests == []


def test_a_run_of_three_seconds_has_all_its_charts(chromium, short, tmp_path):
    assert_sound(opened(chromium, tmp_path, [short]))


def test_a_run_of_an_hour_has_all_its_charts(chromium, hour, tmp_path):
    assert_sound(opened(chromium, tmp_path, [hour]))


def test_several_runs_have_their_curves_in_one_chart(chromium, short, hour, tmp_path):
    opened(chromium, tmp_path, [short, hour], ["before", "after"])
    assert_sound(chromium)
    names = chromium.value("[...document.querySelectorAll('#curve .key span')].map((name) => name.textContent)")
    assert names == ["before response", "before service", "after response", "after service"]


def test_another_run_is_chosen_and_drawn(chromium, short, hour, tmp_path):
    opened(chromium, tmp_path, [short, hour])
    before = chromium.value("document.querySelectorAll('#statuses .key').length")
    chromium.value("document.querySelector('input[name=run][value=\"1\"]').click()")
    assert before == 1
    assert chromium.value("document.querySelectorAll('#statuses .key').length") > 5
    assert_sound(chromium)


def test_a_run_in_which_nothing_was_sent_has_all_its_charts(chromium, tmp_path):
    record = made_run(tmp_path, 5, statuses={-2: 1.0})
    drawn = opened(chromium, tmp_path, [record]).value(DRAWN)
    assert list(drawn) == CHARTS
    assert drawn["against"] == drawn["curve"] == drawn["latency"] == 0 < drawn["rate"]
    assert chromium.said == []


@pytest.mark.parametrize("dark", [False, True])
def test_colours_follow_the_system_until_the_button_says_otherwise(chromium, short, tmp_path, dark):
    opened(chromium, tmp_path, [short], dark=dark)
    paper = "getComputedStyle(document.body).backgroundColor"
    light, night = "rgb(255, 255, 255)", "rgb(13, 17, 23)"
    assert chromium.value(paper) == (night if dark else light)
    chromium.value("document.getElementById('theme').click()")
    assert chromium.value(paper) == (light if dark else night)
    assert_sound(chromium)


def test_a_chart_is_read_with_the_keyboard(chromium, short, tmp_path):
    opened(chromium, tmp_path, [short]).value("document.querySelector('#rate .plot').focus()")
    told = "document.querySelector('#rate .told').textContent"
    last = max(short.run.series)
    for key, second in [
        ("Home", "0s"),
        ("ArrowRight", "1s"),
        ("End", f"{last}s"),
        ("Home", "0s"),
        ("ArrowRight", "1s"),
    ]:
        chromium.press(key)
        assert chromium.value(told).startswith(f"at {second}: planned"), key
    planned = short.run.series[1].planned
    assert chromium.value(told).startswith(f"at 1s: planned {planned}/s, sent "), chromium.value(told)


def test_the_mouse_reads_the_step_that_it_is_over_in_all_charts_over_time(chromium, short, tmp_path):
    opened(chromium, tmp_path, [short])
    second, length = 1, len(short.run.series)
    for part in (0.1, 0.5, 0.9):
        chromium.point("#rate .u-over", (second + part) / length)
        told = "[...document.querySelectorAll('#rate .told, #statuses .told')].map((told) => told.textContent)"
        assert chromium.value(f"{SETTLED}{told})") == ["at 1s", "at 1s"]


def test_what_is_chosen_in_one_chart_over_time_is_chosen_in_all_until_escape(chromium, hour, tmp_path):
    opened(chromium, tmp_path, [hour])
    picture = "document.querySelector('#statuses canvas').toDataURL()"
    whole = chromium.value(picture)
    chromium.drag("#rate .u-over", 0.2, 0.4)
    assert chromium.value(f"{SETTLED}{picture})") != whole
    chromium.value("document.querySelector('#rate .plot').focus()")
    chromium.press("Escape")
    assert chromium.value(f"{SETTLED}{picture})") == whole


def test_a_line_is_hidden_and_shown_by_its_key(chromium, short, tmp_path):
    opened(chromium, tmp_path, [short])
    pressed = "document.querySelector('#latency .key').getAttribute('aria-pressed')"
    for expected in ("false", "true"):
        chromium.value("document.querySelector('#latency .key').click()")
        assert chromium.value(pressed) == expected
    assert_sound(chromium)


def test_a_chart_has_its_numbers_in_a_table(chromium, short, tmp_path):
    opened(chromium, tmp_path, [short]).value("document.querySelector('#rate details').open = true")
    rows = "new Promise((done) => setTimeout(() => done(document.querySelectorAll('#rate details tr').length), 0))"
    assert chromium.value(rows) == 1 + len(short.run.series)


def test_hostile_texts_are_text(chromium, tmp_path):
    record = made_run(
        tmp_path,
        3,
        url=HOSTILE,
        tags=(HOSTILE, "other"),
        reasons=((Kind.UNKNOWN, HOSTILE),),
        statuses={200: 0.5, -1: 0.5},
        about={"requirements": [f"p99{{{HOSTILE}}}<200ms"], HOSTILE: {HOSTILE: HOSTILE}},
    )
    opened(chromium, tmp_path, [record, record], [HOSTILE, "second"])
    assert_sound(chromium)
    assert chromium.value("document.title") == f"Load test of {HOSTILE}"
    assert chromium.value("document.images.length") == 0
    assert chromium.value("JSON.parse(document.getElementById('data').textContent).runs[0].name") == HOSTILE
    cells = chromium.value("[...document.querySelectorAll('.run tbody th')].map((cell) => cell.textContent)")
    assert cells.count(HOSTILE) == 4, "twice as a tag and twice as a reason"
