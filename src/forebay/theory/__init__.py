"""Queueing systems: formulas, simulation, pictures, plans. Knows nothing of queues and brokers.

The names are imported when they are used: `from forebay.theory import solve` costs what solving costs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forebay.theory.laws import (
        Deterministic,
        Erlang,
        Exponential,
        General,
        Hyperexponential,
        Law,
        Samples,
        Uniform,
    )
    from forebay.theory.notation import read, read_tandem, write
    from forebay.theory.path import Fate, Path
    from forebay.theory.simulation.estimate import Estimate
    from forebay.theory.simulation.simulate import simulate
    from forebay.theory.simulation.simulation import Simulation
    from forebay.theory.simulation.wave import Wave
    from forebay.theory.solution import Solution
    from forebay.theory.solving import solve
    from forebay.theory.system import Breaking, Class, Load, Markovian, Retrying, System, Trace, Varying

_HOMES = {
    "Breaking": "system",
    "Class": "system",
    "Deterministic": "laws",
    "Erlang": "laws",
    "Estimate": "simulation.estimate",
    "Exponential": "laws",
    "Fate": "path",
    "General": "laws",
    "Hyperexponential": "laws",
    "Law": "laws",
    "Load": "system",
    "Markovian": "system",
    "Path": "path",
    "Retrying": "system",
    "Samples": "laws",
    "Simulation": "simulation.simulation",
    "Solution": "solution",
    "System": "system",
    "Trace": "system",
    "Uniform": "laws",
    "Varying": "system",
    "Wave": "simulation.wave",
    "read": "notation",
    "read_tandem": "notation",
    "simulate": "simulation.simulate",
    "solve": "solving",
    "write": "notation",
}

__all__ = [
    "Breaking",
    "Class",
    "Deterministic",
    "Erlang",
    "Estimate",
    "Exponential",
    "Fate",
    "General",
    "Hyperexponential",
    "Law",
    "Load",
    "Markovian",
    "Path",
    "Retrying",
    "Samples",
    "Simulation",
    "Solution",
    "System",
    "Trace",
    "Uniform",
    "Varying",
    "Wave",
    "read",
    "read_tandem",
    "simulate",
    "solve",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"forebay.theory.{_HOMES[name]}"), name)
