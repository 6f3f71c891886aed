"""The instants at which workers are free, as a tournament: the root is the earliest, and a walk down finds who it is.

A tree in an array of 2·size, size a power of two: node i has the children 2i and 2i + 1, worker w is the leaf size + w,
a node is the smaller of its children. A step costs log2(n), without a guess that the processor could miss.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebay.theory.simulation.compiled.kernel import part

Tree = NDArray[np.float64]


def tournament(n: int) -> Tree:
    """Return the tree of n workers that are free from the beginning."""
    size = 1 << (n - 1).bit_length()
    tree = np.full(2 * size, np.inf)
    tree[size : size + n] = 0.0
    for node in range(size - 1, 0, -1):
        tree[node] = min(tree[2 * node], tree[2 * node + 1])
    return tree


@part
def lowest_free(tree: Tree, t: float) -> int:
    """Return the leaf of the lowest-numbered worker that is free at t; there is one."""
    size = len(tree) >> 1
    node = 1
    while node < size:
        node *= 2
        if tree[node] > t:
            node += 1
    return node


@part
def occupy(tree: Tree, leaf: int, until: float) -> None:
    """Let a worker be free from `until` on."""
    tree[leaf] = until
    while leaf > 1:
        other = tree[leaf ^ 1]
        if other < until:
            until = other
        leaf >>= 1
        tree[leaf] = until
