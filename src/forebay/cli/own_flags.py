"""Flags that only the application at hand has: those of the command, and one for each setting of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import click

from forebay.app import App
from forebay.cli.env_option import EnvCommand
from forebay.errors import ForebayError, UsageError
from forebay.program import Own, Program, find_program
from forebay.services import SERVICES
from forebay.settings import Settings


class ProgramCommand(EnvCommand):
    """A command whose argument NAME stands for a program, which may have settings of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the program first: what flags there are depends on it."""
        name = next((arg for arg in args if _may_be_name(arg)), None)
        try:
            ctx.meta["program"] = None if name is None else find_program(name, SERVICES)
        except ForebayError:
            if "--help" not in args and "-h" not in args:
                raise
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters of the command, and the program's own."""
        program: Program | None = ctx.meta.get("program")
        return [
            *super().get_params(ctx),
            *(_option(name, own) for name, own in (program.own if program else {}).items()),
        ]


def _may_be_name(arg: str) -> bool:
    return arg in SERVICES or (":" in arg and "/" not in arg and arg[:1] not in {"-", ":"} and " " not in arg)


def _option(name: str, own: Own) -> click.Option:
    default = f"  [{own.default}]" if own.default else ""
    flag = f"--{name.replace('_', '-')}"
    return click.Option([flag, name], metavar=name.rpartition("_")[2].upper(), help=own.about + default)


def program_of(name: str) -> Program:
    """Return the program that the command was given.

    Raises:
        UsageError: there is none of this name.
    """
    found: Program | None = click.get_current_context().meta.get("program")
    return found if found is not None and found.target == name else find_program(name, SERVICES)


def made(name: str, texts: Mapping[str, str | None]) -> tuple[App, Settings]:
    """Return the application of a name, made with the settings of its own, and all settings.

    Arguments:
        texts: the flags that were given, those of the application's own among them.

    Raises:
        UsageError: no application of this name, or a setting that cannot be read.
    """
    program = program_of(name)
    settings = settings_for(program, texts)
    given = {own: value.text for own, value in settings.own.items() if value.origin != "default"}
    try:
        return program.app(given), settings
    except UsageError as error:
        own, colon, rest = error.what.partition(":")
        if not colon or own not in given:
            raise
        raise UsageError(f"{own} ({settings.own[own].origin}):{rest}", error.hint) from error


def settings_for(program: Program, texts: Mapping[str, str | None]) -> Settings:
    """Return all settings as a program has them."""
    defaults = {name: own.default for name, own in program.own.items()}
    return Settings(texts, own=defaults, variables=program.variables(os.environ), elsewhere=lambda: shipped().keys())


def shipped(names: Sequence[str] = ()) -> dict[str, str]:
    """Return the own settings of the shipped services, with their defaults."""
    programs = [find_program(name, SERVICES) for name in names or SERVICES]
    return {name: own.default for program in programs for name, own in program.own.items()}
