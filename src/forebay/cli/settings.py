"""Every value, and where it comes from; and the flags that are made from the table of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from forebay.cli.env_option import ENV, EnvCommand
from forebay.cli.output import json_line, table
from forebay.settings import BY_NAME, SETTINGS, Settings
from forebay.url import parse


def flags(
    *names: str, otherwise: Mapping[str, str] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a command one flag for each of these settings, as text.

    Arguments:
        names: of settings.
        otherwise: what the help says for a default that the command has otherwise than the table of settings.
    """
    told = otherwise or {}

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            setting = BY_NAME[name]
            default = told.get(name, setting.default)
            about = setting.about + (f"  [{default}]" if default else "")
            flag = f"--{name.replace('_', '-')}"
            command = click.option(flag, name, metavar=name.rpartition("_")[2].upper(), help=about)(command)
        return command

    return add


@click.command(cls=EnvCommand)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="a line of JSON each")
@ENV
def settings(name: str | None, as_json: bool) -> None:
    """List every setting with its value and its origin: environment, a forebay.toml, or the default.

    With the NAME of a service, or module:app, those of its own too.
    """
    from forebay.cli.own_flags import program_of, settings_for, shipped  # it imports the services

    if name is None:
        found, about = Settings(own=shipped()), {}
    else:
        program = program_of(name)
        found, about = settings_for(program, {}), {one: own.about for one, own in program.own.items()}
    told = [(s.name, found.values[s.name], s.about) for s in SETTINGS]
    told += [(one, found.own[one], text) for one, text in about.items()]
    rows = [{"setting": n, "value": _shown(v.text), "from": v.origin, "about": text} for n, v, text in told]
    if as_json:
        for row in rows:
            json_line(row)
    else:
        table(rows)


def _shown(text: str) -> str:
    return str(parse(text)) if "://" in text else text  # the text form of a URL hides its password
