"""The frames of the charts of a page, with what each shows in words; `charts.js` fills them."""

from __future__ import annotations

from forebay.web.markup import Child, Markup, element

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
        "The darker a cell, the more shots. They stand where they were planned: a stall shows when its users came.",
    ),
    (
        "curve",
        "Percentiles",
        "How long the slowest take: each mark to the right is a tenth of the shots of the one before. "
        "Response is from the plan, service from the sending.",
    ),
    (
        "unfinished",
        "In flight",
        "Shots that were due and had no end, at the end of each second: not sent yet, and sent without an answer.",
    ),
    (
        "against",
        "Rate against latency",
        "Each column of time is a mark at its planned rate. Where they turn upward, the target has no more to give.",
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


def _figure(name: str, title: str, text: str) -> Markup:
    label = f"{title}. {text} The arrow keys move through it; the values are told below."
    options = {"tabindex": "0", "role": "application", "aria_label": label}
    caption = element("figcaption", element("h3", title), element("p", text), _choice() if name == "latency" else None)
    keys = element("div", class_="keys", role="group", aria_label=f"What is shown: {title}")
    told = element("p", class_="told", aria_live="polite")
    numbers = element("details", element("summary", "As a table"), element("div", class_="scroll", tabindex="0"))
    return element("figure", caption, element("div", class_="plot", **options), keys, told, numbers, id=name)


def _choice() -> Child:
    labels = [
        element(
            "label", element("input", type="radio", name="time", value=value, checked=value == "response"), f" {value}"
        )
        for value in ("response", "service")
    ]
    return element("fieldset", element("legend", "Time"), labels, class_="chooser")
