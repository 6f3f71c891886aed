"""forebay draw."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forebay.cli.given import check_only
from forebay.cli.output import json_line
from forebay.cli.points import measured_points
from forebay.cli.systems import RUN_SECONDS, Asked, system_options
from forebay.errors import ForebayError, UsageError
from forebay.quantity import duration

if TYPE_CHECKING:
    from forebay.theory.pictures.picture import Picture

KINDS = ("timeline", "number", "cumulative", "tail", "hockey-stick", "erlang", "wave", "disciplines")
_PROMISES = ("tail", "disciplines", "hockey-stick", "erlang")
"""What shows how a promise is kept."""
_PAGE = 80
"""Columns where there is no terminal."""


@click.command()
@click.argument("spec", required=False)
@system_options
@click.option("--as", "kind", type=click.Choice(KINDS), help="which picture  [the one that shows most of SPEC]")
@click.option("--for", "seconds", metavar="TIME", help="how long it is: 4ms  [as long as shows something]")
@click.option("--from", "begin", metavar="TIME", help="from when on: 20s  [the beginning]")
@click.option("--promise", metavar="TIME|SHARE", help="a line: 300ms; as erlang a share that may be lost: 0.1%")
@click.option("--log", type=click.Path(exists=True, dir_okay=False), help="the log of a run: draw it, beside SPEC")
@click.option("--simulate", is_flag=True, help="draw a simulation beside the theory")
@click.option("--seed", type=click.IntRange(0), default=1, help="of what is simulated  [1]")
@click.option("--points", metavar="N:X,...|FILE", help="usl: measured throughput X with N workers or clients")
@click.option("--svg", "--out", "file", type=click.Path(dir_okay=False), help="write this file: .svg, .txt or .json")
@click.option("--ascii", "ascii", is_flag=True, help="plain ASCII, without blocks and Braille")
@click.option("--width", type=click.IntRange(40), help="columns of text  [those of the terminal]")
@click.option("--json", "as_json", is_flag=True, help="the numbers of the picture, as a line of JSON")
def draw(
    spec: str | None,
    kind: str | None,
    seconds: str | None,
    begin: str | None,
    promise: str | None,
    log: str | None,
    simulate: bool,
    seed: int,
    points: str | None,
    file: str | None,
    ascii: bool,
    width: int | None,
    as_json: bool,
    asked: Asked,
) -> None:
    """Draw a queueing system: SPEC is A/B/n or A/B/n/q, as M/M/3 or D/D/1/1, or usl.

    As text in the terminal, or as SVG in a file. What is random is simulated; the same seed draws the same picture.

    \b
    forebay draw D/D/1/1 --in 2/ms --service 0.5ms
    forebay draw M/M/1 --in 9/s --service 100ms --as tail --svg tail.svg
    forebay draw M/M/6 --in 'sine(0, 100, 60s)' --service 100ms
    forebay draw --log run.csv --as cumulative --from 20s --for 5s
    forebay draw usl --points '1:600, 20:2500, 140:2750'
    """
    if spec is not None and spec.lower() == "usl":
        check_only({"points", "file", "ascii", "width", "as_json"}, "usl")
        picture = _scalability(points)
    elif points is not None:
        raise UsageError("--points are for usl", "forebay draw usl --points '1:600, 20:2500, 140:2750'")
    else:
        picture = _picture(spec, kind, seconds, begin, promise, log, simulate, seed, asked)
    if as_json:
        json_line(picture.as_dict())
    if file is not None:
        _save(picture, file)
    elif not as_json:
        click.echo(picture.text(_columns(width), ascii or not _writes_blocks()))


def _picture(
    spec: str | None,
    kind: str | None,
    seconds: str | None,
    begin: str | None,
    promise: str | None,
    log: str | None,
    simulate: bool,
    seed: int,
    asked: Asked,
) -> Picture:
    from forebay.theory.pictures.drawing import draw as drawn

    if spec is None and log is None and kind != "erlang":
        raise UsageError("there is nothing to draw", "name a system: forebay draw M/M/3 --in 6/s --service 80ms")
    length, first = _length(seconds), None if begin is None else duration(begin)
    system = None if spec is None else asked.system(spec, (first or 0.0) + (length or RUN_SECONDS))
    run = None
    if log is not None:
        from forebay.theory.fit.reading import read

        run = read(log, system.n if system is not None else 0)
    return drawn(
        kind, system, seconds=length, begin=first, seed=seed, promise=_promise(promise, kind), run=run,
        simulate=simulate, name=spec or (Path(log).name if log else ""),
    )  # fmt: skip


def _scalability(points: str | None) -> Picture:
    from forebay.theory.pictures.scalability import draw_scalability
    from forebay.theory.scalability import fit_usl

    measured = measured_points(points)
    law = fit_usl(measured)
    return draw_scalability(measured, law.alpha, law.beta, law.gamma)


def _length(text: str | None) -> float | None:
    found = None if text is None else duration(text)
    if found is not None and not 0 < found < math.inf:
        raise UsageError(f"a picture of {text} shows nothing", "give --for a time above 0, as 4ms")
    return found


def _promise(text: str | None, kind: str | None) -> float | None:
    """Return seconds, or a share, whichever the picture has an axis for."""
    if text is None:
        return None
    if kind not in _PROMISES:
        raise UsageError("this picture has no line for a promise", f"draw it --as {', '.join(_PROMISES)}")
    if text.endswith("%") != (kind == "erlang"):
        raise UsageError(
            f"{text} is no promise for --as {kind}", "erlang takes a share: 0.1%; the others a time: 300ms"
        )
    if not text.endswith("%"):
        return duration(text)
    try:
        return float(text[:-1]) / 100
    except ValueError:
        raise UsageError(f"{text!r} is not a share", "write it as 0.1%, or a time as 300ms") from None


def _save(picture: Picture, file: str) -> None:
    try:
        picture.save(file)
    except OSError as error:
        raise ForebayError(f"{file} cannot be written: {error.strerror}", "name another file") from error


def _columns(width: int | None) -> int:
    return width or (shutil.get_terminal_size((_PAGE, 24)).columns if sys.stdout.isatty() else _PAGE)


def _writes_blocks() -> bool:
    """Return whether the terminal can be given more than ASCII."""
    try:
        "█⣿".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
