"""The frames of the charts of a page, with what each shows in words; `charts.js` fills them."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.web.markup import Markup, element

_FIGURES = (
    (
        "rate",
        "Planned, sent, answered, failed",
        "Shots a second, each counted in the second of its own instant. Where the lines part, somebody waits.",
    ),
    (
        "statuses",
        "Answers by status",
        "How shots ended, a second, one status upon the other. Unknown: sent, and no whole answer came. "
        "Refused: certainly not sent.",
    ),
    (
        "latency",
        "Latency over time",
        "The stronger the colour of a cell, the more shots. They stand where they were planned: a stall shows when its "
        "users came.",
    ),
    (
        "curve",
        "Percentiles",
        "How long the slowest take: each mark to the right is a tenth of the shots of the one before. "
        "Response is from the plan, service from the sending.",
    ),
    (
        "against",
        "Rate against latency",
        "Each column of time is a mark at its planned rate. Where they turn upward, the target has no more to give.",
    ),
    (
        "unfinished",
        "In flight",
        "Shots that were due and had no end, at the end of each second: not sent yet, and sent without an answer.",
    ),
    (
        "generator",
        "The generator itself",
        "Late: from the plan until it took the shot up, its own fault. Lag: until it was sent, the wait for a free "
        "connection included.",
    ),
)


def figures(several: bool) -> Markup:
    """Return the frames of all charts.

    Arguments:
        several: whether the page has several runs.
    """
    hint = "Drag over a chart to look closer, double-click to see all again; a chart in focus follows the arrow keys."
    missing = element("noscript", element("p", "The charts need JavaScript; all else is here.", class_="note"))
    made = [_figure(*figure) for figure in _FIGURES]
    heading = element("h2", "Over time" if several else "Charts")
    return element("section", heading, element("p", hint, class_="note"), missing, made, class_="charts")


def choice(name: str, legend: str, choices: Sequence[tuple[str, str]]) -> Markup:
    """Return buttons of which one is pressed, the first to begin with.

    Arguments:
        name: of what is chosen. legend: to be read before it. choices: (value, text) of each button.
    """
    buttons = [
        element("label", element("input", type="radio", name=name, value=value, checked=i == 0), f" {text}")
        for i, (value, text) in enumerate(choices)
    ]
    return element("fieldset", element("legend", legend), buttons, class_="chooser")


def _figure(name: str, title: str, text: str) -> Markup:
    label = f"{title}. {text} The arrow keys move through it; the values are told below."
    times = choice("time", "Time", [("response", "response"), ("service", "service")]) if name == "latency" else None
    caption = element("figcaption", element("h3", title), element("p", text), times)
    plot = element("div", class_="plot", tabindex="0", role="application", aria_label=label)
    keys = element("div", class_="keys", role="group", aria_label=f"What is shown: {title}")
    told = element("p", class_="told", aria_live="polite")
    scroll = element("div", class_="scroll", tabindex="0", role="region", aria_label=f"{title}, as a table")
    foot = element("div", keys, told, element("details", element("summary", "as a table"), scroll), class_="foot")
    return element("figure", caption, plot, foot, id=name)
