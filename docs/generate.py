"""Writes the pages of the reference that the code knows better than any hand: ``python docs/generate.py``.

A test compares the committed pages with what this makes, so a new flag, setting, metric or error cannot go untold.
"""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from forebay import errors, events
from forebay.cli import COMMANDS, program
from forebay.cli.output import EXIT_CODES
from forebay.disciplines import Discipline
from forebay.durability import Durability
from forebay.load.ammo import notation as ammo_notation
from forebay.load.profiles import notation
from forebay.load.results import autostop, requirements
from forebay.quantity import duration, places, rate, size
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Counts, Features
from forebay.queue.registry import DRIVERS, driver_module
from forebay.services.orderstore.variables import VARIABLES
from forebay.services.work_time import work_time
from forebay.settings import FILE, PREFIX, SETTINGS
from forebay.stores.postgres import OPTIONS as POSTGRES_OPTIONS
from forebay.stores.redis import OPTIONS as REDIS_OPTIONS
from forebay.telemetry.journal import COLUMNS as JOURNAL
from forebay.telemetry.metrics import Metrics
from forebay.theory import letters
from forebay.theory import notation as system_notation
from forebay.theory.fit import columns

FOLDER = Path(__file__).parent / "reference"
OBSERVED = FOLDER / "conformance.json"
SCHEMES = [scheme for scheme in DRIVERS if scheme not in {"rediss", "amqps"}]
LOG_NAMES = (columns.INSTANTS, columns.TIMES, columns.WORDS)
NOTE = "<!-- made by docs/generate.py: change the code, then run it -->\n"


def pages() -> dict[str, str]:
    """Return the text of each generated page by its file name."""
    made: dict[str, Callable[[], Iterable[str]]] = {
        "commands.md": _commands,
        "settings.md": _settings,
        "queues.md": _queues,
        "conformance.md": _conformance,
        "notation.md": _notation,
        "events.md": _events,
        "metrics.md": _metrics,
        "errors.md": _errors,
        "log.md": _log,
    }
    return {name: NOTE + "\n" + "\n".join(page()).rstrip() + "\n" for name, page in made.items()}


# The pages


def _commands() -> Iterator[str]:
    yield "# Commands\n"
    links = [(f"[`forebay {name}`](#forebay-{name})", about) for name, (_, about) in COMMANDS.items()]
    yield from _table(("command", "what it does"), links)
    yield "Every command explains itself with `--help`. What each setting means stands in [Settings](settings.md).\n"
    context = click.Context(program, info_name="forebay")
    for name in COMMANDS:
        command = program.get_command(context, name)
        assert command is not None
        yield from _command(command, f"forebay {name}", "##")


def _command(command: click.Command, called: str, marks: str) -> Iterator[str]:
    yield f"{marks} forebay {called.removeprefix('forebay ')}\n"
    context = click.Context(command, info_name=called)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{called} {usage}\n```\n"
    yield from _paragraphs(command.help or "")
    options = [p for p in command.params if isinstance(p, click.Option)]
    rows = [(f"`{', '.join(o.opts)}{_metavar(o, context)}`", _default(o)) for o in options]
    yield from _table(("option", "meaning"), rows)
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from _command(part, f"{called} {name}", marks + "#")


def _settings() -> Iterator[str]:
    yield "# Settings\n"
    yield (
        f"A value comes from a flag, else from the environment (`{PREFIX}<NAME>`), else from the nearest `{FILE}`\n"
        "upwards of the working folder, else from this table. `forebay settings` lists every value with its origin. A\n"
        "name that neither this table nor a shipped service has is an error, wherever it stands. `forebay demo` obeys\n"
        "its flags alone, lest it find its way to the queue of real work.\n"
    )
    rows = [(f"`{s.name}`", _code(s.default), f"`{PREFIX}{s.name.upper()}`", s.about) for s in SETTINGS]
    yield from _table(("name", "default", "environment", "meaning"), rows)
    yield "Which commands have a setting as a flag stands in [Commands](commands.md), how values are written in"
    yield "[Quantities](notation.md#quantities).\n"
    yield f"## `{FILE}`\n"
    yield '```toml\nqueue = "kafka://localhost:9092"\nworkers = 6\nbackoff = "500ms"\n```\n'
    yield from _variables()
    yield "## In Python\n"
    yield "They are keyword arguments of `App.running` and `App.asgi`, and count as flags. A value is text as above, or"
    yield "a number: seconds where the setting is a time, requests a second where it is a rate.\n"
    yield '```python\nfrom forebay import App\n\napp = App("shop")\n'
    yield 'api = app.asgi(queue="memory://orders", limit=50, timeout=2.5, backoff="500ms")\n```\n'


def _variables() -> Iterator[str]:
    yield "## A file of variables\n"
    yield "`--env .env` of `forebay serve`, `work` and `settings` takes variables from a file, for those that the"
    yield "environment does not have. A line is `NAME=value`, with or without `export`; a value may stand in quotes,"
    yield "and ` #` begins a comment. Nothing is put in place of `${NAME}`. A line that cannot be read, or a name that"
    yield "stands twice, is an error that names the line.\n"
    yield "## Variables of the order store\n"
    yield "`forebay serve orderstore` also knows the variables of the service that it was made after. They come behind"
    yield f"`{PREFIX}<NAME>` and before `{FILE}`. One that is empty counts as not set. As soon as one part of a URL is"
    yield "set, the other parts have their defaults.\n"
    rows = [(f"`{v.name}`", f"`{v.setting}`", _code(v.default), v.about) for v in VARIABLES]
    yield from _table(("variable", "setting", "default", "meaning"), rows)


def _notation() -> Iterator[str]:
    yield "# Systems, loads, times of work, quantities\n"
    yield "## A queueing system\n"
    yield "As `forebay solve`, `simulate`, `draw` and `plan` take it: A/B/n/q.\n"
    for module in (system_notation, letters):
        yield f"```text\n{inspect.cleandoc((module.__doc__ or '').split(chr(10) * 2)[1])}\n```\n"
    yield "In D/D/n/q a rate of `2/ms` is two together as each millisecond begins, unless `--apart` is given.\n"
    _, profiles, units = (notation.__doc__ or "").strip().split("\n\n")
    yield "## A load\n"
    yield "As `--profile` of `forebay fire`, `demo` and `generate` takes it: events a second, a function of time.\n"
    yield f"```text\n{inspect.cleandoc(profiles)}\n```\n"
    yield units + "\n"
    yield "The one-liners of Yandex.Tank are such loads: `line(1, 100, 10m) const(100, 5m) step(5, 25, 5, 60)`.\n"
    yield from _cannon()
    yield "## A time of work\n"
    yield "As `--work` of the shipped services takes it.\n"
    for law in _arguments(work_time)["text"].replace("``", "`").split("; "):
        yield f"- {law}"
    yield "\n## Quantities\n"
    readers = {"duration": duration, "rate": rate, "size": size, "places": places}
    told = [(name, (inspect.getdoc(read) or "").partition("\n")[0]) for name, read in readers.items()]
    yield from _table(("", "written as"), [(name, ", ".join(_examples(line))) for name, line in told])


def _cannon() -> Iterator[str]:
    """Yield how ammunition, requirements and reasons to stop are written."""
    parts = (
        ("Ammunition", "As `--ammo` of `forebay fire` takes it", ammo_notation),
        ("A requirement", "As `--require` of `forebay fire` and `forebay report` takes it", requirements),
        (
            "A reason to stop",
            "As `--autostop` of `forebay fire` takes it; the words are those of Yandex.Tank",
            autostop,
        ),
    )
    for heading, taken, module in parts:
        yield f"## {heading}\n"
        _, *blocks = inspect.cleandoc(module.__doc__ or "").split("\n\n")
        yield f"{taken}.\n"
        for block in blocks:
            as_it_stands = block.startswith("    ") or module is ammo_notation
            yield f"```text\n{textwrap.dedent(block)}\n```\n" if as_it_stands else block + "\n"
        if module is ammo_notation:
            yield f"The formats are {_names(list(ammo_notation.FORMATS))}.\n"


def _queues() -> Iterator[str]:
    yield "# Queues and stores\n"
    yield "## What each queue can do\n"
    yield "What a driver declares is proved by the suite that all pass; [Conformance](conformance.md) tells how."
    yield "*Seen* is what one look of the suite saw beyond that; it is no promise.\n"
    observed = _observed()
    about = _arguments(Features)
    rows = [
        (f"**{name.replace('_', ' ')}**: {about[name]}", *(_feature(scheme, name, observed) for scheme in SCHEMES))
        for name in Features.__struct_fields__
    ]
    yield from _table(("", *(f"`{scheme}://`" for scheme in SCHEMES)), rows)
    yield "`rediss://` and `amqps://` are `redis://` and `amqp://` over TLS.\n"
    yield "## Options of a queue's URL\n"
    yield "An unknown option is an error that names the nearest known one.\n"
    options = {scheme: driver_module(scheme).OPTIONS for scheme in SCHEMES}
    yield from _table(("option", "of", "meaning"), _option_rows(options))
    yield "## Options of a store's URL\n"
    yield "`memory://` and `sqlite://` have none.\n"
    options = {"redis": REDIS_OPTIONS, "postgresql": POSTGRES_OPTIONS}
    yield from _table(("option", "of", "meaning"), _option_rows(options))
    yield "## Durability\n"
    yield "What an accepted message survives; an answer says it in the header `forebay-durability`.\n"
    yield from _table(("class", "survives"), _members(Durability))
    yield "## Disciplines\n"
    yield from _table(("discipline", "which message is next"), _members(Discipline))
    yield "## Counts\n"
    yield "What `forebay lag` and `/ledger` show, as the queue itself counts it.\n"
    yield from _table(("name", "meaning"), [(f"`{n}`", a) for n, a in _arguments(Counts).items()])


def _conformance() -> Iterator[str]:
    yield "# Conformance\n"
    yield "What `forebay.queue.conformance` asks of every driver, and what it observed when it last ran."
    yield "*Yes*: proved. –: the driver does not declare what the test is about. To hold a driver of your own to it:"
    yield "[write a driver](../how-to/write-a-driver.md).\n"
    observed = {scheme: _observed().get(_driver_of(scheme), {}).get("behaviours", {}) for scheme in SCHEMES}
    for part in ConformanceSuite.__bases__:
        tests = [name for name in vars(part) if name.startswith("test_")]
        about = (inspect.getmodule(part).__doc__ or "").partition("\n\n")[0]
        yield f"## {part.__name__}\n"
        yield " ".join(about.split()) + "\n"
        rows = [(_sentence(test), *(_outcome(observed[scheme], test) for scheme in SCHEMES)) for test in tests]
        yield from _table(("", *(f"`{scheme}`" for scheme in SCHEMES)), rows)


def _events() -> Iterator[str]:
    yield "# Events\n"
    yield (
        "What happened, as small frozen values of `forebay.events`. A listener is any function of one event:\n"
        "`running.listen(function)`. It is called on the event loop and must be quick.\n"
    )
    for event in get_args(events.Event):
        yield f"## {event.__name__}\n"
        yield from _paragraphs(event.__doc__)
        yield ", ".join(f"`{name}`" for name in event.__struct_fields__) + "\n"


def _metrics() -> Iterator[str]:
    yield "# Metrics\n"
    yield "`/metrics` in Prometheus' text format. Labels are few, and never an id.\n"
    families = _sampled().collect()
    rows = [(f"`{_exposed(m.name, m.type)}`", m.type, _labels(m.samples), m.documentation) for m in families]
    yield from _table(("name", "type", "labels", "meaning"), rows)


def _errors() -> Iterator[str]:
    yield "# Errors and exit codes\n"
    tree = inspect.getdoc(errors) or ""
    yield "```text\n" + tree.partition("\n\n")[2] + "\n```\n"
    yield (
        "An error has `what` happened, a `hint` what to do, and `retryable`: whether trying again can help. *Unknown*\n"
        "is not *failed*: the message may have been accepted.\n"
    )
    for one in [c for c in vars(errors).values() if inspect.isclass(c)]:
        yield f"## {one.__name__}\n"
        yield from _paragraphs(inspect.getdoc(one) or "")
        if arguments := _arguments(one):
            yield "\n".join(f"- `{name}`: {about}" for name, about in arguments.items()) + "\n"
    yield "## Exit codes\n"
    yield from _table(("code", "meaning"), [(f"`{code}`", meaning) for code, meaning in EXIT_CODES.items()])


def _log() -> Iterator[str]:
    yield "# The log of a run\n"
    yield (
        "What `--journal` writes, and what `forebay fit` reads: a row for each message, or for each attempt on\n"
        "it. CSV whose first line names the columns, or a JSON object a line. The order of rows and of columns\n"
        "does not matter, other columns are not looked at, and the logs of several processes may stand one after\n"
        "the other.\n"
    )
    row = "orders,01a1fde739f7,1795261151.735296,1795261151.740225,1795261151.749310,1,3,done"
    yield f"```text\n{','.join(JOURNAL)}\n{row}\n```\n"
    yield "## Columns\n"
    rows = [(f"`{name}`", _COLUMNS[name], _names(others)) for part in LOG_NAMES for name, others in part.items()]
    yield from _table(("name", "what it says", "other names"), rows)
    yield (
        "An instant is seconds since the epoch, seconds from a zero of your own, or ISO 8601, which is UTC unless\n"
        "it says otherwise. A time is seconds; with `_ms` or `_us` behind the name, that. A cell may be empty. An\n"
        "instant that is missing follows from the times: `accepted` and `wait` give `started`. What is wrong is an\n"
        "error with its line.\n"
    )
    yield "## Outcomes\n"
    rows = [(_names(words), _FATES[fate.name]) for fate, words in columns.FATES.items()]
    yield from _table(("outcome", "what became of the message"), [*rows, (_names(columns.AGAIN), _FATES["AGAIN"])])
    yield "A status of HTTP is taken too: 429 and 503 found no place, every other was worked off.\n"
    yield "## What can be fitted\n"
    yield from _table(("the log tells", "what comes out"), _FITTED)
    yield "## What a service writes\n"
    yield (
        "A row as an attempt ends, one for each refusal for want of a place, and at the stop one for each message\n"
        "that has not ended. A process without workers writes its arrivals, with the outcome `accepted`; of several\n"
        "processes take the journals of those that work off, where each message stands once. A file that is there\n"
        "is continued. When the disk is full the journal ends with a line in the log, and the service goes on.\n"
    )


_COLUMNS = {
    "accepted": "when the message came",
    "started": "when its work began",
    "ended": "when its work ended",
    "wait": "from `accepted` to `started`",
    "work": "from `started` to `ended`",
    "latency": "from `accepted` to `ended`",
    "topic": "the queue; of several, one is fitted",
    "id": "of the message; attempts of one belong together",
    "attempt": "1, 2, ...",
    "worker": "who did it: a number, or any name",
    "outcome": "see below; without it what has an end was worked off",
}
_FATES = {
    "SERVED": "it was worked off, perhaps in vain",
    "LOST": "it found no place",
    "ABANDONED": "it left before its work began",
    "UNFINISHED": "it has not ended",
    "AGAIN": "this attempt was not its last",
}
_FITTED = [
    ("`accepted`", "arrivals: rate, wave, clock or chance or bursts"),
    ("`work`, or `started` and `ended`", "the law of the work"),
    ("`latency`", "its percentiles"),
    ("`accepted`, `started`, `ended`", "all of it: the laws, the model, its forecast beside what was measured"),
]


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# Their parts


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    rows = list(rows)
    if rows:
        for cells in (head, ["---"] * len(head), *rows):
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        yield ""


def _paragraphs(doc: str) -> Iterator[str]:
    r"""Yield the prose of a docstring; what follows a line of \b (click's sign for "as it stands") becomes code."""
    for block in re.split(r"\n\s*\n", inspect.cleandoc(doc)):
        if block.startswith("Arguments:"):
            continue
        as_it_stands = block.removeprefix("\b").removeprefix("\x08")
        yield block + "\n" if as_it_stands == block else f"```text\n{as_it_stands.strip()}\n```\n"


def _arguments(documented: object) -> dict[str, str]:
    """Return what the section Arguments of a docstring says, by name; ``a, b: text`` speaks of both."""
    _, _, section = (inspect.getdoc(documented) or "").partition("Arguments:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n    (?=\S)", "\n" + section.partition("\n\n")[0])[1:]:
        names, _, about = entry.partition(": ")
        found |= dict.fromkeys(names.split(", "), " ".join(about.split()))
    return found


def _members(words: type[Durability] | type[Discipline]) -> list[tuple[str, str]]:
    """Return the words of an enumeration with the strings that stand below them in its source."""
    told = dict(re.findall(r'^    ([A-Z]+) = .+\n    """(.+)"""', inspect.getsource(words), re.MULTILINE))
    return [(f"`{word.value}`", told[word.name]) for word in words]


def _option_rows(by_scheme: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str]]:
    """Return each option once, with the schemes that take it."""
    of: dict[tuple[str, str], list[str]] = {}
    for scheme, options in by_scheme.items():
        for name, about in options.items():
            of.setdefault((name, about), []).append(f"`{scheme}`")
    everyone = [f"`{scheme}`" for scheme in by_scheme] if len(by_scheme) > 1 else []
    return [
        (f"`{name}`", "all" if schemes == everyone else ", ".join(schemes), about)
        for (name, about), schemes in of.items()
    ]


def _feature(scheme: str, name: str, observed: Mapping[str, Any]) -> str:
    """Return what is declared, and what was seen where it is not."""
    shown = _shown(getattr(driver_module(scheme).FEATURES, name))
    seen = observed.get(_driver_of(scheme), {}).get("noted", {}).get(name)
    return f"{shown} (seen: {_shown(seen)})" if seen else shown


def _driver_of(scheme: str) -> str:
    return DRIVERS[scheme][0].rpartition(".")[2]


def _observed() -> Mapping[str, Any]:
    """Return what the suite has recorded: ``pytest tests/queue/drivers --record-conformance``."""
    return dict(json.loads(OBSERVED.read_text("utf-8")))


def _sentence(test: str) -> str:
    words = test.removeprefix("test_").replace("_", " ")
    return words[0].upper() + words[1:]


def _outcome(behaviours: Mapping[str, str], test: str) -> str:
    """Return whether a behaviour was proved; where it has several cases and not all apply, which."""
    results = {name: result for name, result in behaviours.items() if name.partition("[")[0] == test}
    passed = [name for name, result in results.items() if result == "passed"]
    if len(passed) == len(results):
        return "yes" if passed else ""
    return ", ".join(name.partition("[")[2].rstrip("]") for name in passed) or "–"


def _examples(sentence: str) -> list[str]:
    """Return what stands in double backticks, in single ones."""
    return [f"`{text}`" for text in re.findall(r"``(.+?)``", sentence)]


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(sorted(map(str, value))) if isinstance(value, frozenset) else str(value)


def _metavar(option: click.Option, context: click.Context) -> str:
    return "" if option.is_flag else f" {option.make_metavar(context)}"


def _default(option: click.Option) -> str:
    shown = f"  [{option.default}]" if option.show_default and option.default is not None else ""
    return re.sub(r"  \[(.*)\]$", r" (default: `\1`)", (option.help or "") + shown)


def _sampled() -> Metrics:
    """Return metrics that have heard of one event of each kind, so that every family shows its labels."""
    metrics = Metrics()
    for event in get_args(events.Event):
        values = {"str": "x", "int": 1, "float": 0.1}
        metrics(event(*(values[field.type.__name__] for field in msgspec.structs.fields(event))))
    metrics.update_counts("x", Counts())
    return metrics


def _exposed(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name


def _labels(samples: Iterable[object]) -> str:
    names: dict[str, None] = {}
    for sample in samples:
        names |= dict.fromkeys(sample.labels)  # type: ignore[attr-defined]
    return ", ".join(f"`{name}`" for name in names if name != "le")


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
        print(f"docs/reference/{name}")
