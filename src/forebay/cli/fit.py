"""forebay fit."""

from __future__ import annotations

import sys

import click

from forebay.cli.output import Exit, json_line
from forebay.errors import UsageError
from forebay.quantity import duration, rate


@click.command()
@click.argument("log", required=False)
@click.option("--workers", type=click.IntRange(1), help="n, where the log does not name them")
@click.option("--places", type=click.IntRange(0), help="q  [where some were lost: the most that waited]")
@click.option("--topic", metavar="NAME", help="which one, where the log is of several")
@click.option("--closed", type=click.IntRange(1), metavar="N", help="a closed loop of N connections made the load")
@click.option("--think", default="0", metavar="TIME", help="how long each of them pauses  [0]")
@click.option("--rate", "answers", metavar="RATE", help="without LOG: answers a second, as wrk says them: 4.95/s")
@click.option("--latency", metavar="TIME", help="without LOG: the mean latency, as wrk says it: 1.01s")
@click.option("--json", "as_json", is_flag=True, help="all of it as a line of JSON")
def fit(
    log: str | None,
    workers: int | None,
    places: int | None,
    topic: str | None,
    closed: int | None,
    think: str,
    answers: str | None,
    latency: str | None,
    as_json: bool,
) -> None:
    """Say what model a service is, from the LOG of a run (- is standard input).

    The laws that every run obeys come first: a log that breaks Little's is no measurement, and the command ends with 5.
    Then arrivals and work, the model A/B/n/q that they suggest, and what it says of this run beside what was measured,
    with signed errors. A LOG is what --journal of `forebay serve` writes, or CSV or lines of JSON of your own.

    \b
    forebay serve orders --workers 6 --work 'M(100ms)' --journal run.csv
    forebay fit run.csv

    Without LOG it checks what a load generator said of a closed loop, by N = X(R + Z):

    \b
    forebay fit --closed 5 --rate 3713.58/s --latency 1.96ms
    """
    from forebay.theory import fit as theory

    said = (answers, latency)
    if (None in (*said, closed)) if log is None else said != (None, None):
        raise UsageError("name a LOG, or say all of --closed, --rate and --latency", "forebay fit run.csv")
    if closed is None and duration(think):
        raise UsageError("nobody says whose pause --think is", "give --closed 5: a closed loop of 5 connections")
    if log is None:
        loop = theory.ClosedLoop(closed or 0, rate(answers or ""), duration(latency or ""), duration(think))
        json_line(loop.as_dict()) if as_json else click.echo(str(loop))
        holds = loop.holds
    else:
        source = sys.stdin if log == "-" else log
        found = theory.fit(
            source, workers=workers or 0, places=places, topic=topic, closed=closed or 0, think=duration(think)
        )
        json_line(found.as_dict()) if as_json else click.echo(str(found))
        holds = found.holds
    if not holds:
        raise click.exceptions.Exit(Exit.NOT_VALID)
