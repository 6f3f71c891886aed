"""forebay simulate."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from forebay.cli.output import Exit, json_line
from forebay.cli.systems import RUN_SECONDS, Asked, system_options
from forebay.errors import UsageError
from forebay.quantity import duration

if TYPE_CHECKING:
    from forebay.theory.laws import Samples
    from forebay.theory.simulation.comparison import Comparison
    from forebay.theory.simulation.effort import Progress
    from forebay.theory.simulation.simulation import Simulation
    from forebay.theory.system import System


@click.command()
@click.argument("spec")
@system_options
@click.option("--services", "works", metavar="FILE", help="the work of each, in the order of arrival: seconds")
@click.option("--precision", metavar="SHARE", help="half of the interval, as a share of the value  [1%]")
@click.option("--of", metavar="NAME", help="of what: W, Wq, L, Lq, loss ...  [the wait; with --for: the peak]")
@click.option("--customers", type=click.IntRange(1), help="so many; with --precision: at most")
@click.option("--for", "length", metavar="TIME", help="what comes in this time, from the beginning, again and again")
@click.option("--replications", type=click.IntRange(1), help="how often again  [until the peak is precise]")
@click.option("--timeout", default="60s", metavar="TIME", show_default=True, help="then it ends, precise or not")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="same seed, same numbers")
@click.option("--percentiles", default="50,90,95,99", metavar="LIST", show_default=True, help="of wait and sojourn")
@click.option("--json", "as_json", is_flag=True, help="all of it as a line of JSON")
def simulate(
    spec: str,
    asked: Asked,
    works: str | None,
    precision: str | None,
    of: str | None,
    customers: int | None,
    length: str | None,
    replications: int | None,
    timeout: str,
    seed: int,
    percentiles: str,
    as_json: bool,
) -> None:
    """Simulate SPEC until its numbers are precise, without its warm-up, beside the formula where there is one.

    \b
    forebay simulate M/M/3/8 --in 6/s --service 400ms
    forebay simulate M/M/1 --in 9/s --service 100ms --discipline lifo --precision 0.5%
    forebay simulate M/M/6 --in 'sine(0, 100, 60s)' --service 100ms
    forebay simulate M/D/4 --in 'line(1, 100)' --service 50ms --for 2m

    Every value has an interval that holds the true one in 95 of 100 cases. Ends with 5 when --precision was not
    reached. With --for it says what happens to those who come in that time: the peak of the backlog, the longest wait.
    """
    from forebay.theory import simulate as run
    from forebay.theory.letters import samples

    shares = _percentiles(percentiles)
    seconds = None if length is None else duration(length)
    services = None if works is None else samples(works)
    system = _system(asked, spec, services, seconds)
    wanted = _share(precision) if precision else (None if customers or replications else 0.01)
    with _watching(wanted) as progress:
        found = run(
            system,
            precision=wanted,
            customers=customers,
            seconds=seconds,
            replications=replications,
            works=services.seconds if services else None,
            of=of,
            seed=seed,
            timeout=duration(timeout),
            progress=progress,
        )
    _print(found, _beside_formula(found, system, shares), shares, as_json)
    if not found.reached and found.stable:
        click.echo("forebay: the precision was not reached", err=True)
        click.echo("  give it more --timeout or --customers, or ask for less --precision", err=True)
        raise click.exceptions.Exit(Exit.NOT_VALID)


def _system(asked: Asked, spec: str, works: Samples | None, seconds: float | None) -> System:
    if "->" in spec or "→" in spec:
        raise UsageError("simulate takes one station", "forebay solve takes a tandem")
    if works is not None:
        asked = dataclasses.replace(asked, services=(works,))
    return asked.system(spec, seconds or RUN_SECONDS)


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(f"{text!r} is not a precision", "write 1%, or 0.01")
    return share


def _percentiles(text: str) -> list[float]:
    try:
        found = [float(one.strip().removeprefix("p")) for one in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(0 <= one < 100 for one in found):
        raise UsageError(f"{text!r} are not percentiles", "from 0 to below 100: write 50,90,99.9")
    return found


def _beside_formula(found: Simulation, system: System, percentiles: Sequence[float]) -> Comparison | None:
    """Return the simulation with the formula beside it; None: there is none."""
    from forebay.theory import solve
    from forebay.theory.simulation.comparison import Comparison

    if found.wave is not None or not found.stable:
        return None
    try:
        solution = solve(system)
    except UsageError:
        return None
    return Comparison(found, solution, tuple(percentiles)) if solution.stable else None


def _print(found: Simulation, beside: Comparison | None, percentiles: Sequence[float], as_json: bool) -> None:
    from forebay.theory.result import text

    if as_json:
        json_line(found.as_dict(percentiles) if beside is None else beside.as_dict())
    else:
        click.echo(text(found.rows(percentiles) if beside is None else beside.rows()))


@contextlib.contextmanager
def _watching(precision: float | None) -> Iterator[Progress | None]:
    """Show how the interval shrinks, on a terminal."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    from forebay.theory.simulation.wave import show

    columns = (BarColumn(), TextColumn("{task.fields[customers]:,} customers  {task.fields[estimate]}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, customers=0, estimate="")

        def tell(customers: int, estimate: Any) -> None:
            done = 0.0 if not precision or not estimate.relative else min(1.0, (precision / estimate.relative) ** 2)
            bar.update(task, completed=done, customers=customers, estimate=show(estimate))

        yield tell
