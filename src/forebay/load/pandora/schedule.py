"""Schedules of Pandora, for shots and for instances: const, line, step, once, unlimited, instance_step, and lists."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from forebay.errors import UsageError
from forebay.load.pandora.section import Section
from forebay.load.profiles.profile import Profile
from forebay.load.profiles.shapes import Const, Line, Once, Step, Unlimited
from forebay.load.profiles.stages import Stages

_SHORTEST = 0.001


def schedule(value: Any, place: str, notes: list[str], times: int = 1) -> Profile:
    """Return the profile of a schedule: of one mapping, or of several played one after the other.

    Arguments:
        value: what stands in the configuration, at `place`.
        times: how often it goes on at once, for each instance by itself.

    Raises:
        UsageError: names what cannot be read.
    """
    stages = _stages(value, place, notes, times)
    return stages[0] if len(stages) == 1 else Stages(tuple(stages))


def instances(startup: Profile, place: str) -> int:
    """Return how many instances a startup schedule brings in the end.

    Raises:
        UsageError: none, or without end.
    """
    stages = startup.parts if isinstance(startup, Stages) else (startup,)
    if any(isinstance(stage, Unlimited) for stage in stages):
        raise UsageError(f"{place}: unlimited instances are too many", "write {type: once, times: 100}")
    count = sum(map(_whole, stages))
    if not count:
        raise UsageError(f"{place} starts no instance", "write {type: once, times: 100}")
    return count


def _whole(stage: Profile) -> int:
    """Return how many a stage brings; Pandora counts each step for itself, and its fraction is lost."""
    counts = [stage.cumulative(stage.span)]
    if isinstance(stage, Step):
        counts = [stage.rate((i + 0.5) * stage.T) * stage.T for i in range(round(stage.span / stage.T))]
    return sum(math.floor(count + 1e-9) for count in counts)


def _stages(value: Any, place: str, notes: list[str], times: int) -> list[Profile]:
    if isinstance(value, list):
        if not value:
            raise UsageError(f"{place} is an empty list", "a schedule has a type")
        return [stage for i, one in enumerate(value) for stage in _stages(one, f"{place}[{i}]", notes, times)]
    section = Section(value, place, notes)
    kind = section.text("type").lower()
    if kind == "composite":
        found = _stages(section.value("nested"), section.at("nested"), notes, times)
    elif kind in _READERS:
        found = _READERS[kind](section, times)
    else:
        raise UsageError(f"{section.at('type')}: the schedule {kind!r} is not known", f"known: {', '.join(_READERS)}")
    section.close()
    return found


def _const(section: Section, times: int) -> list[Profile]:
    section.meaningless("const has one rate, its ops", "from", "to")
    return [Const(section.number("ops") * times, _duration(section))]


def _line(section: Section, times: int) -> list[Profile]:
    return [Line(section.number("from") * times, section.number("to") * times, _duration(section))]


def _step(section: Section, times: int) -> list[Profile]:
    a, b, h = (section.number(name) * times for name in ("from", "to", "step"))
    if h <= 0:
        raise UsageError(f"{section.at('step')}: a step of 0 leads nowhere", "it is 1 or more")
    return [Step(a, b, h, _duration(section))]


def _once(section: Section, times: int) -> list[Profile]:
    return [Once(_positive(section, "times") * times)]


def _unlimited(section: Section, times: int) -> list[Profile]:
    return [Unlimited(_duration(section))]


def _instance_step(section: Section, times: int) -> list[Profile]:
    first, last, step = (_positive(section, name) for name in ("from", "to", "step"))
    pause = Const(0.0, _duration(section, "stepduration"))
    found: list[Profile] = [Once(first)]
    for _ in range((last - first) // step):
        found += [pause, Once(step)]
    return found


def _positive(section: Section, name: str) -> int:
    number = section.whole(name)
    if not number:
        raise UsageError(f"{section.at(name)}: 0 is too few", "it is 1 or more")
    return number


def _duration(section: Section, name: str = "duration") -> float:
    seconds = section.seconds(name)
    if not _SHORTEST <= seconds < math.inf:
        raise UsageError(f"{section.at(name)}: it is too short, or endless", "at least 1ms; write it as 60s or 1m30s")
    return seconds


_READERS: dict[str, Callable[[Section, int], list[Profile]]] = {
    "const": _const,
    "line": _line,
    "step": _step,
    "once": _once,
    "unlimited": _unlimited,
    "instance_step": _instance_step,
}
