"""Queueing systems: formulas, simulation, pictures, plans. Knows nothing of queues and brokers.

The names are imported when they are used: `from forebay.theory import solve` costs what solving costs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forebay.theory.fit.operational import ClosedLoop
    from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Hyperexponential, Law, Samples, Uniform
    from forebay.theory.models.batch import batch_states, batch_wait
    from forebay.theory.models.breakdown import breakdown_length, redelivery_completion
    from forebay.theory.models.clock import clock_cycle
    from forebay.theory.models.discipline import delay_tail, second_moment_of_delay
    from forebay.theory.models.erlang import (
        erlang_b,
        erlang_b_load,
        erlang_b_workers,
        erlang_c,
        erlang_c_load,
        erlang_c_workers,
        halfin_whitt,
        halfin_whitt_beta,
        square_root_staffing,
        workers_within,
    )
    from forebay.theory.models.finite_source import crowd
    from forebay.theory.models.ggn import (
        allen_cunneen,
        bjoerklund_elldin,
        cosmetatos,
        kimura,
        kingman,
        kraemer_langenbach_belz,
        marchal,
    )
    from forebay.theory.models.gimn import sigma
    from forebay.theory.models.passage import busy_mean, busy_variance, passage_tail
    from forebay.theory.models.phases import dispersion
    from forebay.theory.models.priority import nonpreemptive_waits, preemptive_sojourns
    from forebay.theory.models.qbd import map_map_1, quasi_birth_death
    from forebay.theory.models.retrial import (
        extended_erlang_b,
        extended_erlang_b_workers,
        orbit,
        redelivered_load,
        retrial_orbit,
    )
    from forebay.theory.networks.closed import Station, closed_network
    from forebay.theory.networks.jackson import Node, open_network
    from forebay.theory.networks.replication import Routing, replicas
    from forebay.theory.notation import read, read_tandem, write
    from forebay.theory.path import Fate, Path
    from forebay.theory.pictures.drawing import draw
    from forebay.theory.pictures.picture import Picture
    from forebay.theory.planning.capacity_plan import Plan
    from forebay.theory.planning.planner import Unkeepable, plan
    from forebay.theory.planning.promises import Promise, promise
    from forebay.theory.scalability import fit_usl, usl
    from forebay.theory.simulation.estimate import Estimate
    from forebay.theory.simulation.simulate import simulate
    from forebay.theory.simulation.simulation import Simulation
    from forebay.theory.simulation.wave import Wave
    from forebay.theory.solution import Solution
    from forebay.theory.solving import solve
    from forebay.theory.system import Breaking, Class, Load, Markovian, Retrying, System, Trace, Varying
    from forebay.theory.timelines.following import follow
    from forebay.theory.timelines.timeline import Timeline
    from forebay.theory.varying.evolution import Evolution
    from forebay.theory.varying.evolving import evolve
    from forebay.theory.varying.fluid import Prediction, predict
    from forebay.theory.varying.sine import Sine
    from forebay.theory.varying.stand_ins import modified_offered_load, pointwise

_HOMES = {
    "Breaking": "system",
    "Class": "system",
    "ClosedLoop": "fit.operational",
    "Deterministic": "laws",
    "Erlang": "laws",
    "Estimate": "simulation.estimate",
    "Evolution": "varying.evolution",
    "Exponential": "laws",
    "Fate": "path",
    "General": "laws",
    "Hyperexponential": "laws",
    "Law": "laws",
    "Load": "system",
    "Markovian": "system",
    "Node": "networks.jackson",
    "Path": "path",
    "Picture": "pictures.picture",
    "Plan": "planning.capacity_plan",
    "Prediction": "varying.fluid",
    "Promise": "planning.promises",
    "Retrying": "system",
    "Routing": "networks.replication",
    "Samples": "laws",
    "Simulation": "simulation.simulation",
    "Sine": "varying.sine",
    "Solution": "solution",
    "Station": "networks.closed",
    "System": "system",
    "Timeline": "timelines.timeline",
    "Trace": "system",
    "Uniform": "laws",
    "Unkeepable": "planning.planner",
    "Varying": "system",
    "Wave": "simulation.wave",
    "allen_cunneen": "models.ggn",
    "batch_states": "models.batch",
    "batch_wait": "models.batch",
    "bjoerklund_elldin": "models.ggn",
    "breakdown_length": "models.breakdown",
    "busy_mean": "models.passage",
    "busy_variance": "models.passage",
    "clock_cycle": "models.clock",
    "closed_network": "networks.closed",
    "crowd": "models.finite_source",
    "cosmetatos": "models.ggn",
    "delay_tail": "models.discipline",
    "dispersion": "models.phases",
    "draw": "pictures.drawing",
    "erlang_b": "models.erlang",
    "erlang_b_load": "models.erlang",
    "erlang_b_workers": "models.erlang",
    "erlang_c": "models.erlang",
    "erlang_c_load": "models.erlang",
    "erlang_c_workers": "models.erlang",
    "evolve": "varying.evolving",
    "extended_erlang_b": "models.retrial",
    "extended_erlang_b_workers": "models.retrial",
    "fit_usl": "scalability",
    "follow": "timelines.following",
    "halfin_whitt": "models.erlang",
    "halfin_whitt_beta": "models.erlang",
    "kimura": "models.ggn",
    "kingman": "models.ggn",
    "kraemer_langenbach_belz": "models.ggn",
    "map_map_1": "models.qbd",
    "marchal": "models.ggn",
    "modified_offered_load": "varying.stand_ins",
    "nonpreemptive_waits": "models.priority",
    "open_network": "networks.jackson",
    "orbit": "models.retrial",
    "passage_tail": "models.passage",
    "plan": "planning.planner",
    "pointwise": "varying.stand_ins",
    "predict": "varying.fluid",
    "preemptive_sojourns": "models.priority",
    "promise": "planning.promises",
    "quasi_birth_death": "models.qbd",
    "read": "notation",
    "read_tandem": "notation",
    "redelivered_load": "models.retrial",
    "redelivery_completion": "models.breakdown",
    "replicas": "networks.replication",
    "retrial_orbit": "models.retrial",
    "second_moment_of_delay": "models.discipline",
    "sigma": "models.gimn",
    "simulate": "simulation.simulate",
    "solve": "solving",
    "square_root_staffing": "models.erlang",
    "usl": "scalability",
    "workers_within": "models.erlang",
    "write": "notation",
}

__all__ = [
    "Breaking",
    "Class",
    "ClosedLoop",
    "Deterministic",
    "Erlang",
    "Estimate",
    "Evolution",
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
    "Plan",
    "Prediction",
    "Promise",
    "Retrying",
    "Routing",
    "Samples",
    "Simulation",
    "Sine",
    "Solution",
    "Station",
    "System",
    "Timeline",
    "Trace",
    "Uniform",
    "Unkeepable",
    "Varying",
    "Wave",
    "allen_cunneen",
    "batch_states",
    "batch_wait",
    "bjoerklund_elldin",
    "breakdown_length",
    "busy_mean",
    "busy_variance",
    "clock_cycle",
    "closed_network",
    "cosmetatos",
    "crowd",
    "delay_tail",
    "dispersion",
    "draw",
    "erlang_b",
    "erlang_b_load",
    "erlang_b_workers",
    "erlang_c",
    "erlang_c_load",
    "erlang_c_workers",
    "evolve",
    "extended_erlang_b",
    "extended_erlang_b_workers",
    "fit_usl",
    "follow",
    "halfin_whitt",
    "halfin_whitt_beta",
    "kimura",
    "kingman",
    "kraemer_langenbach_belz",
    "map_map_1",
    "marchal",
    "modified_offered_load",
    "nonpreemptive_waits",
    "open_network",
    "orbit",
    "passage_tail",
    "plan",
    "pointwise",
    "predict",
    "preemptive_sojourns",
    "promise",
    "quasi_birth_death",
    "read",
    "read_tandem",
    "redelivered_load",
    "redelivery_completion",
    "replicas",
    "retrial_orbit",
    "second_moment_of_delay",
    "sigma",
    "simulate",
    "solve",
    "square_root_staffing",
    "usl",
    "workers_within",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"forebay.theory.{_HOMES[name]}"), name)
