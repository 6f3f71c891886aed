"""Random numbers, one at a time, from a stream that is asked for many at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forebay.theory.simulation.block import CHUNK, Stream


def numbers(stream: Stream | None) -> Iterator[float]:
    """Yield the numbers of a stream, without end; none when there is no stream."""
    chunk = np.empty(CHUNK)
    while stream is not None:
        stream(chunk)
        yield from chunk.tolist()
