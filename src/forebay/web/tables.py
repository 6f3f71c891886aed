"""Tables of the page of one run: by tag, and what failed."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.load.results.figures import Figures
from forebay.load.results.run import Run
from forebay.web import showing
from forebay.web.markup import Child, Markup, element

_TAGS = 60
"""So many rows a page has; the tags with the fewest shots are left out, and it is said."""
_ERRORS = 40
_SHARES = (50.0, 90.0, 99.0, 99.9)


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Child]], note: Child = None) -> Markup:
    """Return a table whose first column names its rows, in a frame that scrolls.

    Arguments:
        caption: what it is. head: of its columns. rows: of cells. note: to be said below.
    """
    heads = element("tr", [element("th", name, scope="col") for name in head])
    body = [
        element("tr", element("th", row[0], scope="row"), [element("td", cell) for cell in row[1:]]) for row in rows
    ]
    made = element("table", element("caption", caption), element("thead", heads), element("tbody", body))
    frame = element("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return element("div", frame, element("p", note, class_="note") if note else None)


def tags(run: Run) -> Markup:
    """Return the table of the figures of all shots, and of each tag where there are several."""
    seconds = max(run.elapsed_seconds, 1e-9)
    named = sorted(run.tags.items(), key=lambda pair: -pair[1].planned)
    rows = [_row("all", run.total, seconds)]
    if run.tags.keys() - {""}:
        rows += [_row(showing.short(tag or "(no tag)"), figures, seconds) for tag, figures in named[:_TAGS]]
    head = ["tag", "planned", "answered", "failed", "rate", "mean", *(f"p{share:g}" for share in _SHARES), "max"]
    head += ["service p50", "service p99", "received"]
    caption = "By tag: the response time from the plan, and the service time from the sending"
    return table(caption, head, rows, _left(len(named) - _TAGS, "tags with fewer shots"))


def _row(name: str, figures: Figures, seconds: float) -> list[Child]:
    response = [figures.response.mean, *figures.response.percentiles(_SHARES), figures.response.max]
    times = [*response, *figures.service.percentiles([50, 99])]
    failed = figures.failed / max(figures.planned, 1)
    counts = [showing.count(figures.planned), showing.count(figures.answered), showing.share(failed)]
    rate = showing.rate(figures.answered / seconds)
    return [name, *counts, rate, *map(showing.time, times), showing.size(figures.bytes_in)]


def errors(run: Run) -> Markup | None:
    """Return the table of what failed and why, the most frequent first; None where nothing did."""
    found = [(count, f"answered {status}", status) for status, count in run.statuses.items() if status >= 400]
    found += [(count, reason, 0) for reason, count in run.reasons.items()]
    if not found:
        return None
    found.sort(key=lambda row: -row[0])
    rows: list[list[Child]] = []
    for count, name, status in found[:_ERRORS]:
        share = showing.share(count / max(run.total.planned, 1))
        rows.append(
            [showing.short(name), showing.count(count), share, *_seen(run, name, status), _example(run, name, status)]
        )
    head = ["error", "shots", "of all", "first planned in", "last planned in", "for example"]
    return table("What failed, and why", head, rows, _left(len(found) - _ERRORS, "rarer ones"))


def _seen(run: Run, reason: str, status: int) -> tuple[str, str]:
    """Return the first and the last second in which a shot was planned that ended so."""
    plans = ((i, second.of_plan) for i, second in run.series.items())
    seconds = [i for i, plan in plans if (plan.statuses[status] if status else plan.reasons[reason])]
    return (f"second {min(seconds):,}", f"second {max(seconds):,}") if seconds else ("–", "–")


def _example(run: Run, reason: str, status: int) -> str:
    """Return which shot was the first that ended so."""
    found = run.examples.get(f"status {status}" if status else reason)
    return "–" if found is None else showing.short(str(found))


def _left(count: int, what: str) -> str | None:
    return f"{count:,} {what} are in the file of the run, and not here." if count > 0 else None
