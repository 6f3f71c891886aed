"""The report of load tests as one HTML file, which needs a browser and nothing else: no server, no network."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.errors import UsageError
from forebay.load.results.runfile import Record
from forebay.version import __version__
from forebay.web import assets, showing
from forebay.web.differences import differences
from forebay.web.figures import choice, figures
from forebay.web.markup import Markup, element, embedded, joined
from forebay.web.material import material
from forebay.web.sections import about, opening, results

LARGEST = 500_000
"""Bytes of a page of one run, however long it was."""
_COLUMNS = (720, 480, 240, 120, 60)
"""Tried in turn until the page is small enough; several runs share them."""
_FRAME = 200
"""Bytes of the elements around."""

Named = Sequence[tuple[str, Record]]


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
    head, content, scripts = _head(named), _content(named), _scripts()
    room = LARGEST - sum(len(part.encode()) for part in (head, content, *scripts)) - _FRAME
    body = element("body", content, _data(named, room), scripts)
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _title(named: Named) -> str:
    targets = {record.run.url for _, record in named}
    return f"Load test of {showing.short(targets.pop())}" if len(targets) == 1 else f"{len(named)} load tests"


def _head(named: Named) -> Markup:
    styles = assets.styles()
    return element(
        "head",
        element("meta", charset="utf-8"),
        assets.policy(styles, assets.scripts()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", _title(named)),
        [element("style", Markup(text)) for text in styles],
    )


def _content(named: Named) -> Markup:
    several = len(named) > 1
    theme = element("button", "Light or dark", type="button", id="theme", hidden=True)
    main = element(
        "main",
        element("div", [opening(name, record, several) for name, record in named], class_="verdicts"),
        _comparison(named) if several else None,
        figures(several),
        [_of_run(name, record, several) for name, record in named],
    )
    footer = element("footer", f"Made by forebay {__version__}.")
    return joined([element("header", element("h1", _title(named)), theme), main, footer])


def _comparison(named: Named) -> list[Markup]:
    choices = [(str(i), showing.short(name)) for i, (name, _) in enumerate(named)]
    return [
        element("section", element("h2", "Differences"), differences(named)),
        choice("run", "Charts over time show", choices),
    ]


def _of_run(name: str, record: Record, several: bool) -> Markup:
    heading = element("h2", f"Run: {showing.short(name)}") if several else None
    return element("div", heading, results(record.run), about(record), class_="run")


def _data(named: Named, room: int) -> Markup:
    """Return the numbers of the charts, as fine as there is room for them, in bytes."""
    made = Markup("")
    for at_most in _COLUMNS:
        columns = max(at_most // len(named), _COLUMNS[-1])
        made = embedded({"forebay": "page", "runs": [material(name, record.run, columns) for name, record in named]})
        if len(made) <= room:
            break
    return element("script", made, type="application/json", id="data")


def _scripts() -> list[Markup]:
    return [element("script", Markup(text)) for text in assets.scripts()]
