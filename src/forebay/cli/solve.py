"""forebay solve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from forebay.cli.given import check_only
from forebay.cli.output import json_line, table
from forebay.cli.points import measured_points
from forebay.cli.systems import Asked, system_options
from forebay.errors import UsageError

if TYPE_CHECKING:
    from forebay.theory.result import Result
    from forebay.theory.solution import Solution


@click.command()
@click.argument("spec")
@system_options
@click.option(
    "--percentile", "percentiles", type=float, multiple=True, help="of wait and of sojourn; again  [50 90 95 99]"
)
@click.option("--replicas", type=click.IntRange(1), help="SPEC so many times; --in is what comes to all")
@click.option(
    "--routing",
    type=click.Choice(["random", "round-robin", "shared"]),
    help="which replica is next  [shared: one queue before all]",
)
@click.option("--points", metavar="N:X,...|FILE", help="usl: measured throughput X with N workers or clients")
@click.option("--json", "as_json", is_flag=True, help="all of it as a line of JSON")
def solve(
    spec: str,
    asked: Asked,
    percentiles: tuple[float, ...],
    replicas: int | None,
    routing: str | None,
    points: str | None,
    as_json: bool,
) -> None:
    """Solve a queueing system by formula: SPEC is A/B/n, A/B/n/q, stations in a row, or usl.

    Laws: M, D, E3, H2(4), U, G(2), G(file.csv), MMPP(...). What no exact formula is known for is approximated, and the
    answer says so.

    \b
    forebay solve M/M/3 --in 6/s --service 333.33ms
    forebay solve M/M/4/10 --in 50/s --service 80ms --percentile 99.9
    forebay solve M/M/2//10 --think 5s --service 1s
    forebay solve M/M/1 --class '1/s 250ms' --class '2/s 100ms' --preemptive
    forebay solve 'M/M/1 -> M/M/2' --in 6/s --service 80ms --service 250ms
    forebay solve M/M/1 --in 27/s --service 100ms --replicas 3 --routing round-robin
    forebay solve usl --points '1:600, 20:2500, 140:2750'
    """
    if spec.lower() == "usl":
        check_only({"points", "as_json"}, "usl")
        _print(_usl(points), as_json)
        return
    if points is not None:
        raise UsageError("--points are for usl", "forebay solve usl --points '1:600, 20:2500, 140:2750'")
    solution = _solution(spec, asked, replicas, routing)
    _print_solution(solution, percentiles, as_json)


def _solution(spec: str, asked: Asked, replicas: int | None, routing: str | None) -> Solution:
    from forebay.theory import solving
    from forebay.theory.networks import replication

    stations = asked.stations(spec)
    if replicas is None and routing is not None:
        raise UsageError("--routing is between replicas", "give --replicas 3")
    if replicas is None:
        return solving.solve(stations)
    if len(stations) > 1:
        raise UsageError("--replicas are of one station", "leave it out, or give one A/B/n")
    return replication.replicas(stations[0], replicas, (routing or "shared").replace("-", " "))


def _print_solution(solution: Solution, percentiles: tuple[float, ...], as_json: bool) -> None:
    from forebay.theory.result import text
    from forebay.theory.solution import PERCENTILES

    asked = percentiles or PERCENTILES
    if as_json:
        json_line(solution.as_dict(asked))
        return
    click.echo(text(solution.rows(asked)))
    if solution.parts:
        click.echo()
        table([_part(name, part, max(asked)) for name, part in solution.parts])


def _part(name: str, part: Solution, percent: float) -> dict[str, Any]:
    from forebay.quantity import show_seconds

    def shown(seconds: float | None) -> str:
        return "-" if seconds is None else show_seconds(seconds)

    return {
        "part": name,
        "system": part.system,
        "arrivals": f"{part.arrival_rate:.4g}/s",
        "utilisation": f"{part.utilization:.2%}" if part.utilization <= 1 else f"{part.utilization:.4g} busy",
        "lost": f"{part.loss + part.abandoned:.3%}",
        "L": f"{part.L:.4g}",
        "Wq": shown(part.Wq),
        "W": shown(part.W),
        f"wait p{percent:g}": shown(part.wait(percent)),
        f"sojourn p{percent:g}": shown(part.sojourn(percent)),
    }


def _usl(points: str | None) -> Result:
    from forebay.theory.scalability import fit_usl

    return fit_usl(measured_points(points))


def _print(result: Result, as_json: bool) -> None:
    json_line(result.as_dict()) if as_json else click.echo(str(result))
