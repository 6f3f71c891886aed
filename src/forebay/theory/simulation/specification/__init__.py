"""The engine in pure Python: what is meant. One module for each algorithm, to be read beside the compiled one."""

from __future__ import annotations

from forebay.theory.simulation.block import Engine, Streams
from forebay.theory.simulation.rules import Algorithm, Rules
from forebay.theory.simulation.specification.events import Events
from forebay.theory.simulation.specification.next_free import NextFree
from forebay.theory.simulation.specification.waiting_room import WaitingRoom


def open_engine(rules: Rules, streams: Streams, limit: int) -> Engine:
    """Return the engine in pure Python for these rules."""
    if rules.algorithm is Algorithm.NEXT_FREE:
        return NextFree(rules)
    algorithm = WaitingRoom if rules.algorithm is Algorithm.WAITING_ROOM else Events
    return algorithm(rules, streams, limit)
