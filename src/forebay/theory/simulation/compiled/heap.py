"""A heap of subjects that can be found and taken out again: the first is the one with the smallest key.

`heap` holds the numbers of the subjects, `keys` a record for each subject: its key, and where in the heap it stands.
Keys are pairs (first, second) and never equal. The length is kept by the caller.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forebay.theory.simulation.compiled.kernel import part

KEY = np.dtype([("first", np.float64), ("second", np.int64), ("place", np.int64)])
NOWHERE = -1


def keys(subjects: int) -> Any:
    """Return the records of subjects that are not in the heap."""
    made = np.zeros(subjects, dtype=KEY)
    made["place"] = NOWHERE
    return made


@part
def push(heap: Any, keys: Any, length: int, subject: int) -> int:
    """Put in a subject whose key has been set, and return the new length."""
    _rise(heap, keys, length, subject)
    return length + 1


@part
def remove(heap: Any, keys: Any, length: int, subject: int) -> int:
    """Take out a subject that is in the heap, and return the new length."""
    place = keys[subject].place
    keys[subject].place = NOWHERE
    length -= 1
    if place < length:
        last = heap[length]
        if place > 0 and _before(keys, last, heap[(place - 1) >> 1]):
            _rise(heap, keys, place, last)
        else:
            _sink(heap, keys, length, place, last)
    return length


@part
def _before(keys: Any, a: int, b: int) -> bool:
    x, y = keys[a], keys[b]
    return bool(x.first < y.first or (x.first == y.first and x.second < y.second))


@part
def _rise(heap: Any, keys: Any, place: int, subject: int) -> None:
    while place > 0:
        above = (place - 1) >> 1
        if not _before(keys, subject, heap[above]):
            break
        heap[place] = heap[above]
        keys[heap[place]].place = place
        place = above
    heap[place] = subject
    keys[subject].place = place


@part
def _sink(heap: Any, keys: Any, length: int, place: int, subject: int) -> None:
    while True:
        below = 2 * place + 1
        if below >= length:
            break
        if below + 1 < length and _before(keys, heap[below + 1], heap[below]):
            below += 1
        if not _before(keys, heap[below], subject):
            break
        heap[place] = heap[below]
        keys[heap[place]].place = place
        place = below
    heap[place] = subject
    keys[subject].place = place
