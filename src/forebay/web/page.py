"""The report of load tests as one HTML file, which needs a browser and nothing else: no server, no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forebay.errors import UsageError
from forebay.load.runfile import Record
from forebay.version import __version__
from forebay.web import assets, showing
from forebay.web.differences import differences
from forebay.web.figures import choice, figures
from forebay.web.markup import Child, Markup, element, embedded
from forebay.web.material import material
from forebay.web.sections import about, opening, results

LARGEST = 500_000
"""Bytes of a page of one run, however long it was."""
_COLUMNS = (720, 480, 240, 120, 60)
"""Tried in turn until the page is small enough; several runs share them."""


def page(records: Sequence[Record], names: Sequence[str] = ()) -> str:
    """Return the page of one run, or of several side by side.

    Arguments:
        records: as `runfile.read` returns them; the first is what the others are compared with.
        names: of the runs, one each; (): those of their files.

    Raises:
        UsageError: there is no record, or not one name for each. Missing: the charts' library was not fetched.
    """
    if not records or (names and len(names) != len(records)):
        raise UsageError("a page needs one run or more, and a name for each", "forebay report RUN --html page.html")
    named = list(zip(names or [record.name or f"run {i}" for i, record in enumerate(records, 1)], records, strict=True))
    made = ""
    for at_most in _COLUMNS:
        made = _document(named, max(at_most // len(named), _COLUMNS[-1]))
        if len(made.encode()) <= LARGEST:
            break
    return made


Named = Sequence[tuple[str, Record]]


def _document(named: Named, at_most: int) -> str:
    styles, scripts = assets.styles(), assets.scripts()
    targets = {record.run.url for _, record in named}
    title = f"Load test of {showing.short(targets.pop())}" if len(targets) == 1 else f"{len(named)} load tests"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        assets.policy(styles, scripts),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        [element("style", Markup(text)) for text in styles],
    )
    body = element("body", _content(named, title), _data(named, at_most), [_script(text) for text in scripts])
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _content(named: Named, title: str) -> list[Child]:
    several = len(named) > 1
    theme = element("button", "Light or dark", type="button", id="theme", hidden=True)
    header = element("header", element("h1", title), theme)
    main = element(
        "main",
        element("div", [opening(name, record, several) for name, record in named], class_="verdicts"),
        element(
            "section",
            element("h2", "Differences"),
            differences(named),
            class_="differences",
        )
        if several
        else None,
        _chooser([name for name, _ in named]) if several else None,
        figures(several),
        [_of_run(i, name, record, several) for i, (name, record) in enumerate(named)],
    )
    return [header, main, element("footer", f"Made by forebay {__version__}.")]


def _of_run(number: int, name: str, record: Record, several: bool) -> Markup:
    heading = element("h2", f"Run: {showing.short(name)}") if several else None
    return element("div", heading, results(record.run), about(record), class_="run", data_run=str(number))


def _chooser(names: Sequence[str]) -> Markup:
    choices = [(str(i), showing.short(name)) for i, name in enumerate(names)]
    return choice("run", "Charts over time show", choices)


def _data(named: Named, at_most: int) -> Markup:
    runs: list[dict[str, Any]] = [material(name, record.run, at_most) for name, record in named]
    return element("script", embedded({"forebay": "page", "runs": runs}), type="application/json", id="data")


def _script(text: str) -> Markup:
    return element("script", Markup(text))
