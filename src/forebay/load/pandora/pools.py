"""A file of Pandora: its pools, and of each what is fired and where its results go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from forebay.errors import Unsupported, UsageError
from forebay.load.firing import Firing
from forebay.load.pandora.ammo import ammo
from forebay.load.pandora.gun import gun
from forebay.load.pandora.schedule import instances, schedule
from forebay.load.pandora.section import Section, shown
from forebay.load.pandora.substitution import substituted

_HINT = "it is a configuration of Pandora, in YAML"

STDERR = "/dev/stderr"
Kind = Literal["phout", "jsonlines", "log", "discard"]


@dataclass(frozen=True, slots=True)
class Result:
    """What becomes of the single shots.

    Arguments:
        kind: the format. path: of the file, or STDERR; empty: the standard output.
        ids: whether tags get the number of the shot.
    """

    kind: Kind
    path: str = ""
    ids: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool of a file.

    Arguments:
        id: its name. firing: what is fired. result: what becomes of the single shots.
        notes: what was accepted and changes nothing here, or is done in another way.
    """

    id: str
    firing: Firing
    result: Result
    notes: tuple[str, ...]


def read(path: Path) -> list[Pool]:
    """Return the pools of a configuration in YAML or, by its suffix, in JSON.

    Raises:
        UsageError: it cannot be read, or has a key that is not known; names it. Unsupported: a gun or ammunition.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"line {line} of {path} is not YAML: {error.problem}", _HINT) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {error}", _HINT) from error
    return pools(found, path.parent)


def pools(value: Any, folder: Path) -> list[Pool]:
    """Return the pools of a configuration that has been read.

    Arguments:
        value: the mapping. folder: in which files that it names are looked for, after the current one.
    """
    general: list[str] = []
    section = Section(substituted(value, folder), "", general)
    section.meaningless("forebay prints what happens", "log")
    section.meaningless("figures are in the live line and the report", "monitoring")
    found = section.value("pools")
    section.close()
    if not isinstance(found, list) or not found:
        raise UsageError(f"pools is {shown(found)}, not a list of pools", "write `pools:`, then `  - id: shop`")
    return [_pool(one, i, folder, general if not i else []) for i, one in enumerate(found)]


def _pool(value: Any, number: int, folder: Path, notes: list[str]) -> Pool:
    section = Section(value, f"pools[{number}]", notes)
    name = section.text("id", f"pool_{number}")
    source, schedules = section.section("ammo"), (section.value("rps"), section.value("startup"))
    shots, result = section.section("gun"), _result(section.section("result"))
    each = section.flag("rps-per-instance", False)
    section.meaningless("no shot is discarded: how late it was is told", "discard_overflow")
    section.close()
    weapon = gun(shots)
    startup = schedule(schedules[1], section.at("startup"), notes)
    connections = instances(startup, section.at("startup"))
    if startup.span:
        notes.append(f"{section.at('startup')}: all {connections} connections may be used from the beginning on")
    profile = schedule(schedules[0], section.at("rps"), notes, connections if each else 1)
    firing = Firing(
        weapon.url,
        ammo(source, folder, weapon),
        profile.span or 1.0,
        profile,
        connections,
        weapon.timeout,
        weapon.headers,
        verify=False,
    )
    return Pool(name, firing, result, tuple(notes))


def _result(section: Section) -> Result:
    kind = section.text("type").lower()
    for name in ("flush-time", "flush-interval", "sample-queue-size", "buffer-size", "reporter-config"):
        section.meaningless("results are written as they come", name)
    if kind == "phout":
        found = Result("phout", section.text("destination", ""), section.flag("id", False))
    elif kind in ("jsonlines", "json"):
        section.meaningless("the JSON is that of forebay", "marshal-float-with-6-digits", "sort-map-keys")
        sink = _sink(section)
        found = Result("jsonlines", {"stdout": "", "stderr": STDERR}.get(sink, sink))
    elif kind in ("log", "discard"):
        found = Result("log" if kind == "log" else "discard")
    else:
        raise Unsupported(f"{section.at('type')}: there is no result {kind!r}", "phout, jsonlines, log, discard")
    section.close()
    return found


def _sink(section: Section) -> str:
    if not isinstance(section.value("sink", ""), dict):
        return section.text("sink", "stdout")
    inner = section.section("sink")
    kind = inner.text("type")
    path = inner.text("path") if kind == "file" else kind
    inner.close()
    return path
