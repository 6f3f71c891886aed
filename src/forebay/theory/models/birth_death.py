"""Birth and death: the steady state of a chain that goes up or down by one."""

from __future__ import annotations

import numpy as np

from forebay.theory.models.mixing import Vector


def stationary(births: Vector, deaths: Vector) -> Vector:
    """Return p_0 ... p_K of a chain that goes from k to k + 1 at births[k] and from k + 1 to k at deaths[k].

    Products go from the most probable state outwards, so that they neither overflow nor lose digits. Source:
    L. Kleinrock, "Queueing Systems" I (1975), equation 3.11.

    Arguments:
        births, deaths: per second, above 0, shape (K,).
    """
    mode = int(np.argmax(np.concatenate([[0.0], np.cumsum(np.log(births / deaths))])))
    up = np.cumprod(births[mode:] / deaths[mode:])
    down = np.cumprod((deaths[:mode] / births[:mode])[::-1])[::-1]
    p: Vector = np.concatenate([down, [1.0], up])
    return p / p.sum()


def from_above(p: Vector) -> Vector:
    """Return Σ_{j >= i} p_j for every i, smallest first so that small tails keep their digits."""
    return np.cumsum(p[::-1])[::-1]
