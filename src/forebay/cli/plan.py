"""forebay plan."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from forebay import quantity
from forebay.cli.output import Exit, fail, json_line, table
from forebay.cli.systems import RUN_SECONDS, arrivals
from forebay.errors import UsageError

if TYPE_CHECKING:
    from forebay.theory.laws import Law
    from forebay.theory.planning.capacity_plan import Plan
    from forebay.theory.planning.promises import Promise
    from forebay.theory.simulation.estimate import Estimate
    from forebay.theory.system import Load

_COST = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:\s*/\s*(h|d))?")
_SERVED = re.compile(r"M|U|D|E(?P<stages>[1-9][0-9]?)")
"""The laws that --work of serve takes."""


@click.command()
@click.option("--in", "coming", metavar="RATE|LOAD", required=True, help="arrivals: 50/s, sine(0, 100, 60s)")
@click.option("--service", metavar="TIME", help="mean time of the work on one: 80ms; with its law: E3(80ms)")
@click.option("--law", metavar="LAW", help="of the work: M, D, E3, H2(4), U, G(2), G(file.csv)  [M]")
@click.option(
    "--promise", "promises", metavar="PROMISE", multiple=True, required=True, help="'p99<5s', 'loss<0.1%'; again: more"
)
@click.option("--for", "length", metavar="TIME", help="how long the load lasts, once, from the beginning")
@click.option("--workers", type=click.IntRange(1), help="n, where it is given")
@click.option("--places", metavar="PLACES", help="q, where it is given: a number or inf  [inf if no loss is promised]")
@click.option("--backlog", type=click.IntRange(0), default=0, help="how many wait at the beginning  [0]")
@click.option("--cost", metavar="COST", help="of a worker: 0.04/h")
@click.option("--check", "checked", is_flag=True, help="simulate the plan too")
@click.option("--json", "as_json", is_flag=True, help="all of it as a line of JSON")
def plan(
    coming: str,
    service: str | None,
    law: str | None,
    promises: tuple[str, ...],
    length: str | None,
    workers: int | None,
    places: str | None,
    backlog: int,
    cost: str | None,
    checked: bool,
    as_json: bool,
) -> None:
    """Say how many workers and how many waiting places keep all promises, and how to start them.

    \b
    forebay plan --in 'sine(0, 100, 60s)' --service 80ms --promise 'p99<5s' --promise 'loss<0.1%'
    forebay plan --in 50/s --service 100ms --law D --promise 'wait p95<50ms' --cost 0.04/h
    forebay plan --in 50/s --service 100ms --backlog 5000 --promise 'drained<1m' --promise 'mean<1s'

    \b
    Promises: p99<5s (wait and work), wait p95<2s, mean<1s, loss<0.1%, utilisation<80%,
    backlog<1000, drained<5m. A sine repeats for ever, unless --for says how long; stages
    like 'line(1, 100, 10m) const(100, 5m)' happen once. Arrivals
    are taken as Poisson: many independent users. Ends with 4 when a promise cannot be kept.
    """
    from forebay.theory.planning.checking import check
    from forebay.theory.planning.planner import Unkeepable
    from forebay.theory.planning.planner import plan as find

    seconds = None if length is None else _seconds(length)
    work = _work(service, law)
    load = _load(coming, seconds)
    try:
        found = find(
            load,
            work,
            promises,
            n=workers,
            q=None if places is None else quantity.places(places),
            seconds=seconds or _own_length(coming, load),
            backlog=backlog,
            cost=None if cost is None else _cost(cost),
        )
    except Unkeepable as error:
        fail(error)
        raise click.exceptions.Exit(Exit.PROMISE_BROKEN) from error
    simulated = check(found) if checked else {}
    command, note = command_of(found), note_of(found)
    if as_json:
        estimates = {name: estimate.as_dict() for name, estimate in simulated.items()}
        json_line(found.as_dict() | {"simulated": estimates, "command": command, "command_note": note})
        return
    _show(found, simulated)
    if note is not None:
        click.echo(note)
    click.echo(command)


def command_of(plan: Plan) -> str:
    """Return the command that starts the shipped service with these numbers."""
    words = ["forebay", "serve", "orders", "--workers", str(plan.n)]
    if math.isfinite(plan.q):
        words += ["--places", f"{plan.q:.0f}"]
    return shlex.join([*words, "--work", _work_of(plan.demand.service)[0]])


def note_of(plan: Plan) -> str | None:
    """Return what the command leaves out of the law of the work; None: nothing."""
    law = plan.demand.service
    work, c2 = _work_of(law)
    if c2 is None:
        return None
    return f"serve takes no work {law.letter}, c² = {law.c2:.4g}: {work} has only its mean, and c² = {c2:g}"


def _work_of(law: Law) -> tuple[str, float | None]:
    """Return the --work of serve that is this law, and None; or of its mean the nearer of D and M, and the c² of it."""
    mean = f"{Decimal(f'{law.mean * 1000:.6g}'):f}ms"
    letter = _SERVED.fullmatch(law.letter)
    if letter is None:
        return (mean, 0.0) if law.c2 < 0.5 else (f"M({mean})", 1.0)
    if letter["stages"]:
        return f"E_{letter['stages']}({mean})", None
    return mean if law.letter == "D" else f"{law.letter}({mean})", None


def _show(found: Plan, simulated: Mapping[str, Estimate]) -> None:
    click.echo(str(found))
    click.echo()
    table(found.table())
    if simulated:
        click.echo()
        table([_compared(one, found, simulated[one.name]) for one in found.promises if one.name in simulated])
    click.echo()


def _compared(promise: Promise, found: Plan, simulated: Estimate) -> dict[str, str]:
    return {
        "simulated": promise.name,
        "formula": promise.show(found.values[promise.name]),
        "simulation": promise.show(simulated.value),
        "95% interval": f"{promise.show(simulated.low)} to {promise.show(simulated.high)}",
    }


def _load(text: str, seconds: float | None) -> Load | float:
    """Return the load or the constant rate of --in."""
    from forebay.theory.laws import Exponential, Law
    from forebay.theory.system import Markovian, Trace, Varying

    found = arrivals(text, seconds or RUN_SECONDS)
    if isinstance(found, str):
        return quantity.rate(found)
    if isinstance(found, Exponential):
        return 1 / found.mean
    if isinstance(found, float | int):
        return found
    load = found.load if isinstance(found, Varying) else found
    if isinstance(load, Law | Markovian | Trace):
        raise UsageError(
            f"{text} is neither a rate nor a load", "write 50/s or 'sine(0, 100, 60s)'; simulate takes traces"
        )
    if seconds is None and getattr(load, "period", None) is None and _own_length(text, load) is None:
        raise UsageError(f"{text} does not say how long it lasts", "give --for 2m")
    return load


def _own_length(text: str, load: Load | float) -> float | None:
    """Return how long a load lasts by its own words; None: for ever, period after period, or as long as the run."""
    if isinstance(load, float | int) or getattr(load, "period", None) is not None:
        return None
    spans = [float(getattr(arrivals(text, run), "span", math.inf)) for run in (RUN_SECONDS, 2 * RUN_SECONDS)]
    return spans[0] if spans[0] == spans[1] < math.inf else None


def _work(service: str | None, law: str | None) -> Law:
    """Return the law of the work from --service and --law."""
    from forebay.theory import letters

    if service is not None and "(" in service:
        if law is not None:
            raise UsageError(f"{service} has its law already", "leave --law out")
        return letters.timed(service)
    if service is None and law is None:
        raise UsageError("nothing says how long the work takes", "give its mean: --service 80ms")
    return letters.law(law or "M", None if service is None else _seconds(service))


def _seconds(text: str) -> float:
    seconds = quantity.duration(text)
    if not 0 < seconds < math.inf:
        raise UsageError(f"a time of {text} is not possible here", "write it as 80ms, 2s or 1h")
    return seconds


def _cost(text: str) -> float:
    match = _COST.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a cost", "of one worker, an hour or a day: 0.04/h, 0.96/d")
    return float(match[1]) / (24 if match[2] == "d" else 1)
