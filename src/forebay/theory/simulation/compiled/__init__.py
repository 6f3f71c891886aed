"""The engine compiled with numba: what runs. Every module does what its namesake of `specification` says."""

from __future__ import annotations

from forebay.theory.simulation.block import Engine, Streams
from forebay.theory.simulation.rules import Algorithm, Rules


def open_engine(rules: Rules, streams: Streams, limit: int) -> Engine:
    """Return the compiled engine for these rules."""
    if rules.algorithm is Algorithm.NEXT_FREE:  # each is imported alone: kernels cost time even when they are kept
        from forebay.theory.simulation.compiled.next_free import NextFree

        return NextFree(rules)
    if rules.algorithm is Algorithm.WAITING_ROOM:
        from forebay.theory.simulation.compiled.waiting_room import WaitingRoom

        return WaitingRoom(rules, streams, limit)
    from forebay.theory.simulation.compiled.events import Events

    return Events(rules, streams, limit)
