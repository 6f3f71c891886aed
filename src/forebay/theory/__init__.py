"""Queueing systems: formulas, simulation, pictures, plans. Knows nothing of queues and brokers.

The names are imported when they are used: `from forebay.theory import solve` costs what solving costs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forebay.theory.closed import Station, closed_network
    from forebay.theory.following import follow
    from forebay.theory.jackson import Node, open_network
    from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Law, Samples, Uniform
    from forebay.theory.models.batch import batch_states, batch_wait
    from forebay.theory.models.breakdown import breakdown_length, redelivery_completion
    from forebay.theory.models.clock import clock_cycle
    from forebay.theory.models.discipline import delay_tail, second_moment_of_delay
    from forebay.theory.models.passage import busy_mean, busy_variance, passage_tail
    from forebay.theory.models.priority import nonpreemptive_waits, preemptive_sojourns
    from forebay.theory.models.retrial import (
        extended_erlang_b,
        extended_erlang_b_workers,
        orbit,
        redelivered_load,
        retrial_orbit,
    )
    from forebay.theory.notation import read, read_tandem, write
    from forebay.theory.path import Fate, Path
    from forebay.theory.pictures.drawing import draw
    from forebay.theory.pictures.picture import Picture
    from forebay.theory.replication import Routing, replicas
    from forebay.theory.scalability import fit_usl, usl
    from forebay.theory.simulation.estimate import Estimate
    from forebay.theory.simulation.simulate import simulate
    from forebay.theory.simulation.simulation import Simulation
    from forebay.theory.simulation.wave import Wave
    from forebay.theory.solution import Solution
    from forebay.theory.solving import solve
    from forebay.theory.system import Breaking, Class, Load, Markovian, Retrying, System, Trace, Varying
    from forebay.theory.timeline import Timeline

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
    "Node": "jackson",
    "Path": "path",
    "Picture": "pictures.picture",
    "Retrying": "system",
    "Routing": "replication",
    "Samples": "laws",
    "Simulation": "simulation.simulation",
    "Solution": "solution",
    "Station": "closed",
    "System": "system",
    "Timeline": "timeline",
    "Trace": "system",
    "Uniform": "laws",
    "Varying": "system",
    "Wave": "simulation.wave",
    "batch_states": "models.batch",
    "batch_wait": "models.batch",
    "breakdown_length": "models.breakdown",
    "busy_mean": "models.passage",
    "busy_variance": "models.passage",
    "clock_cycle": "models.clock",
    "closed_network": "closed",
    "delay_tail": "models.discipline",
    "draw": "pictures.drawing",
    "extended_erlang_b": "models.retrial",
    "extended_erlang_b_workers": "models.retrial",
    "fit_usl": "scalability",
    "follow": "following",
    "nonpreemptive_waits": "models.priority",
    "open_network": "jackson",
    "orbit": "models.retrial",
    "passage_tail": "models.passage",
    "preemptive_sojourns": "models.priority",
    "read": "notation",
    "read_tandem": "notation",
    "redelivered_load": "models.retrial",
    "redelivery_completion": "models.breakdown",
    "replicas": "replication",
    "retrial_orbit": "models.retrial",
    "second_moment_of_delay": "models.discipline",
    "simulate": "simulation.simulate",
    "solve": "solving",
    "usl": "scalability",
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
    "Node",
    "Path",
    "Picture",
    "Retrying",
    "Routing",
    "Samples",
    "Simulation",
    "Solution",
    "Station",
    "System",
    "Timeline",
    "Trace",
    "Uniform",
    "Varying",
    "Wave",
    "batch_states",
    "batch_wait",
    "breakdown_length",
    "busy_mean",
    "busy_variance",
    "clock_cycle",
    "closed_network",
    "delay_tail",
    "draw",
    "extended_erlang_b",
    "extended_erlang_b_workers",
    "fit_usl",
    "follow",
    "nonpreemptive_waits",
    "open_network",
    "orbit",
    "passage_tail",
    "preemptive_sojourns",
    "read",
    "read_tandem",
    "redelivered_load",
    "redelivery_completion",
    "replicas",
    "retrial_orbit",
    "second_moment_of_delay",
    "simulate",
    "solve",
    "usl",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"forebay.theory.{_HOMES[name]}"), name)
