from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.telemetry.live import LiveView, bars
from forebay.telemetry.ring import Second, Snapshot


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def snapshot() -> Snapshot:
    recent = [Second(n, accepted=n, done=n // 2, waiting=1000 + n) for n in range(30)]
    return Snapshot(Second(30, accepted=435, done=210, dead=3, refused=7, waiting=1029), recent, 1029, 29, 2.5)


def shown(out: io.StringIO, **environment: str) -> str:
    with LiveView(60, out, environment=environment) as view:
        for elapsed in range(25):
            view.tick(elapsed, snapshot())
    return out.getvalue()


def test_without_a_terminal_there_is_a_plain_line_every_ten_seconds() -> None:
    lines = shown(io.StringIO(), TERM="xterm").splitlines()
    assert len(lines) == 3
    assert [line.split()[0] for line in lines] == ["0s", "10s", "20s"]
    assert "in 28/s  out 14/s  waiting 1,029" in lines[0]
    assert "accepted 435  done 210  dead 3  refused 7" in lines[0]
    assert "\x1b" not in "".join(lines)


def test_a_dumb_terminal_gets_lines_too() -> None:
    text = shown(Terminal(), TERM="dumb")
    assert "\x1b" not in text
    assert len(text.splitlines()) == 3


def test_a_terminal_gets_bars_progress_and_sums_that_stay_when_the_view_ends() -> None:
    text = shown(Terminal(), TERM="xterm")
    assert "\x1b[" in text
    for part in ("█", "waiting", "1,029", "24 of 60 s", "peak backlog 1,029", "refused 7"):
        assert part in text.rsplit("elapsed", 1)[1]


def test_no_color_takes_the_colours_away_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = shown(Terminal(), TERM="xterm-256color"), shown(Terminal(), TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b[32m" in coloured
    assert "\x1b[32m" not in plain
    assert "█" in plain


def test_the_word_on_what_goes_on_is_shown() -> None:
    out = io.StringIO()
    with LiveView(60, out) as view:
        view.tick(61, snapshot(), "draining")
    assert out.getvalue().rstrip().endswith("draining")


@given(st.lists(st.one_of(st.integers(0, 10**6), st.floats(0, 1e6)), max_size=80), st.integers(0, 60))
def test_bars_fill_their_width_and_a_value_above_zero_never_looks_like_zero(values: list[float], width: int) -> None:
    drawn = bars(values, width)
    assert len(drawn) == width
    tail = values[-width:] if width else []
    assert [sign != " " for sign in drawn[len(drawn) - len(tail) :]] == [value > 0 for value in tail]
    if any(tail):
        assert drawn[len(drawn) - len(tail) + tail.index(max(tail))] == "█"
