"""What a page is made of besides its text: styles, scripts, and the charts' library, all to be put into the file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from forebay.errors import Missing
from forebay.web.markup import Markup, element

_HERE = Path(str(files("forebay.web")))
STATIC = _HERE / "static"
UPLOT = _HERE / "vendor" / "node_modules" / "uplot"
VENDORED = ("dist/uPlot.min.css", "LICENSE", "dist/uPlot.iife.min.js")
"""What of it is used."""
_STYLES = ("page.css",)
_SCRIPTS = ("theme.js", "format.js", "chart.js", "heat.js", "charts.js", "report.js")


def styles() -> list[str]:
    """Return the style sheets, in their order.

    Raises:
        Missing: the library of the charts is not here.
    """
    return [_vendored(VENDORED[0]), *(_static(name) for name in _STYLES)]


def scripts() -> list[str]:
    """Return the scripts, in their order; see `styles`."""
    licence, code = map(_vendored, VENDORED[1:])
    library = f"/*! uPlot\n\n{licence}*/\n{code}"
    own = "\n".join(_static(name) for name in _SCRIPTS)
    return [library, f'"use strict";\n(() => {{\n{own}}})();\n']


def policy(styles: Iterable[str], scripts: Iterable[str]) -> Markup:
    """Return the element that forbids a page everything but these styles and scripts: no request, no other script."""
    script, style = (" ".join(f"'sha256-{_digest(text)}'" for text in texts) for texts in (scripts, styles))
    rules = f"default-src 'none'; script-src {script}; style-src {style}; base-uri 'none'; form-action 'none'"
    return element("meta", http_equiv="Content-Security-Policy", content=rules)


def _static(name: str) -> str:
    return (STATIC / name).read_text("utf-8")


def _vendored(name: str) -> str:
    try:
        return (UPLOT / name).read_text("utf-8").replace("</script", "<\\/script")
    except FileNotFoundError as error:
        raise Missing("uPlot is not here, which draws the charts of a report", "run: make setup") from error


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
