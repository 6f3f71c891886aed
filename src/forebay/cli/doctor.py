"""forebay doctor."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import click
import msgspec

from forebay.cli.existing import administered
from forebay.cli.output import Exit, json_line, table
from forebay.cli.own_flags import shipped
from forebay.cli.running import run
from forebay.disciplines import Order
from forebay.errors import ForebayError
from forebay.lab.inventory import packages, programs
from forebay.queue.admin import Examination, Finding, NoTopic, Severity, worst_first
from forebay.queue.driver import Features
from forebay.queue.opening import driver_module, topic_of
from forebay.settings import Settings
from forebay.url import parse
from forebay.version import __version__


class Consultation(msgspec.Struct, frozen=True):
    """What was found at one URL, what its driver can do, and what is to be said beside it."""

    url: str
    examination: Examination
    features: Features
    note: str = ""

    @property
    def findings(self) -> list[Finding]:
        """What was examined, the worst first."""
        return worst_first(self.examination.findings)

    @property
    def loses(self) -> bool:
        """Whether some setting loses messages."""
        return any(finding.severity is Severity.LOSES for finding in self.findings)


@click.command()
@click.argument("broker", metavar="[URL]", required=False)
@click.option("--json", "as_json", is_flag=True, help="all of it as a line of JSON")
def doctor(broker: str | None, as_json: bool) -> None:
    """Examine the broker at URL: reachable, which version, what it can do, and every setting that loses messages.

    With a topic in the URL, its settings too. Ends with 4 when messages can be lost without a word, with 3 when the
    broker cannot be reached. Without a URL: what is installed here, and the queue that the settings name.

    \b
    forebay doctor redis://localhost:6379
    forebay doctor kafka://localhost:9092/orders
    """
    here = {} if broker else _inventory()
    if here and not as_json:
        _show_inventory(here)
    address = broker or _queue_of_settings()
    try:
        found = run(_consult(address)) if address else None
    except ForebayError:
        if here and as_json:
            json_line(here)
        raise
    if as_json:
        json_line({**here, **(_fields(found) if found else {})})
    elif found:
        _show(found)
    if found and found.loses:
        raise click.exceptions.Exit(Exit.PROMISE_BROKEN)


async def _consult(broker: str) -> Consultation:
    async with administered(broker) as (url, admin):
        name, note = topic_of(url), ""
        try:
            examination = await admin.examine(name)
        except NoTopic:
            note = f"there is no topic {name} yet; only the broker was examined"
            examination = await admin.examine()
        return Consultation(str(parse(broker)), examination, driver_module(url.scheme).FEATURES, note)


def _queue_of_settings() -> str | None:
    """Return the queue that the settings name; None where it is the default one, and is not there yet."""
    queue = Settings(own=shipped()).values["queue"]
    return queue.text if queue.origin != "default" or Path(parse(queue.text).path).is_file() else None


def _inventory() -> dict[str, Any]:
    return {
        "forebay": __version__,
        "python": platform.python_version(),
        "packages": [msgspec.to_builtins(package) | {"remedy": package.remedy} for package in packages()],
        "programs": msgspec.to_builtins(programs()),
    }


def _show_inventory(here: dict[str, Any]) -> None:
    click.echo(f"forebay {here['forebay']}, Python {here['python']}\n")
    rows = [
        {"package": p["name"], "for": p["extra"] or "all", "version": p["version"] or f"missing: {p['remedy']}"}
        for p in here["packages"]
    ]
    table(rows)
    click.echo()
    table([{"server": p["name"], "version": p["version"], "path": p["path"] or "missing"} for p in here["programs"]])
    click.echo()


def _fields(found: Consultation) -> dict[str, Any]:
    examination = msgspec.to_builtins(found.examination) | {"findings": msgspec.to_builtins(found.findings)}
    return {"url": found.url, **examination, "features": _features(found.features), "note": found.note}


def _features(features: Features) -> dict[str, Any]:
    """Return features in an order that does not change from run to run."""
    told = msgspec.structs.asdict(features)
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in told.items()}


def _show(found: Consultation) -> None:
    examination = found.examination
    click.echo(f"{examination.product} {examination.version}  {found.url}")
    click.echo(f"durability  {examination.durability}: {examination.proof}")
    click.echo(f"it can      {_abilities(found.features)}")
    if found.note:
        click.echo(f"note        {found.note}")
    for finding in found.findings:
        _show_finding(finding)


def _abilities(features: Features) -> str:
    """Return in a line what a driver can do."""
    words = [", ".join(sorted(features.disciplines))]
    words += [f"order by {order}" for order in sorted(features.orders - {Order.NONE})]
    names = ("exact_places", "deduplicates", "finds", "remembers", "native_replies")
    words += [name.replace("_", " ") for name in names if getattr(features, name)]
    return "; ".join(words)


def _show_finding(finding: Finding) -> None:
    head = finding.severity.upper() if finding.severity is not Severity.FINE else finding.severity
    click.echo(f"{head:<6}  {finding.setting} = {finding.value}")
    for line in (finding.why, f"mend: {finding.mend}" if finding.mend else ""):
        if line:
            click.echo(f"        {line}")
