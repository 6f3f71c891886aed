"""The laws of A/B/n/q: how long it is between two arrivals (A), and how long the work on one takes (B).

    M         exponential: no memory (Markov)                 c² = 1
    D         always the same (deterministic)                 c² = 0
    E_k       Erlang: a sum of k exponentials                 c² = 1/k
    H_2       hyperexponential: one of two exponentials       c² > 1, balanced means
    U         uniform from 0 to twice the mean                c² = 1/3
    G(c²)     general: two moments, and nothing else is known
    G(file)   samples that were measured

c² is the squared coefficient of variation, Var/mean². Times are seconds.
"""

from __future__ import annotations

import cmath
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from forebay.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Law(ABC):
    """The distribution of a time above 0; frozen, equal when the parameters are.

    Arguments:
        mean: seconds.

    Raises:
        UsageError: the mean is not a finite time above 0, or a parameter does not fit.
    """

    mean: float

    def __post_init__(self) -> None:
        if not 0 < self.mean < math.inf:
            raise UsageError(f"a mean of {self.mean:g} s is not possible", "a time has a finite mean above 0")

    @property
    @abstractmethod
    def letter(self) -> str:
        """How the notation writes this law: M, D, E3, H2(4), U, G(2)."""

    @property
    @abstractmethod
    def c2(self) -> float:
        """The squared coefficient of variation."""

    @abstractmethod
    def moment(self, k: int) -> float:
        """Return E[X^k], seconds^k.

        Raises:
            UsageError: the law does not say (G(c²) knows two moments).
        """

    @abstractmethod
    def transform(self, s: complex) -> complex:
        """Return E[e^(−sX)], the Laplace-Stieltjes transform.

        Raises:
            UsageError: the law does not say.
        """

    @abstractmethod
    def draw(self, generator: np.random.Generator, out: NDArray[np.float64]) -> None:
        """Fill `out` with independent times.

        Raises:
            UsageError: the law does not say.
        """

    def with_mean(self, mean: float) -> Self:
        """Return the law of the same form with another mean."""
        return replace(self, mean=mean)


@dataclass(frozen=True, slots=True)
class Exponential(Law):
    """M: what remains does not depend on what has passed."""

    letter = "M"
    c2 = 1.0

    def moment(self, k: int) -> float:
        """Return k! mean^k."""
        return math.factorial(k) * self.mean**k

    def transform(self, s: complex) -> complex:
        """Return 1/(1 + s mean)."""
        return 1 / (1 + s * self.mean)

    def draw(self, generator: np.random.Generator, out: NDArray[np.float64]) -> None:
        """Fill `out`."""
        generator.standard_exponential(out=out)
        out *= self.mean


@dataclass(frozen=True, slots=True)
class Deterministic(Law):
    """D: a clock. A mean of 0 is one who comes again at once: a client that does not think."""

    letter = "D"
    c2 = 0.0

    def __post_init__(self) -> None:
        if self.mean != 0:
            Law.__post_init__(self)

    def moment(self, k: int) -> float:
        """Return mean^k."""
        return self.mean**k

    def transform(self, s: complex) -> complex:
        """Return e^(−s mean)."""
        return cmath.exp(-s * self.mean)

    def draw(self, generator: np.random.Generator, out: NDArray[np.float64]) -> None:
        """Fill `out`."""
        out[:] = self.mean


@dataclass(frozen=True, slots=True)
class Erlang(Law):
    """E_k: k exponential stages one after the other."""

    k: int

    def __post_init__(self) -> None:
        Law.__post_init__(self)
        if self.k < 1:
            raise UsageError(f"E{self.k} has no stages", "write E1 (which is M), E2, E3, ...")

    @property
    def letter(self) -> str:
        """E and the number of stages."""
        return f"E{self.k}"

    @property
    def c2(self) -> float:
        """1/k."""
        return 1 / self.k

    def moment(self, k: int) -> float:
        """Return k(k+1)...(k+i−1) (mean/k)^i, for the i-th moment."""
        return math.prod(range(self.k, self.k + k)) * (self.mean / self.k) ** k

    def transform(self, s: complex) -> complex:
        """Return (1 + s mean/k)^−k."""
        return (1 + s * self.mean / self.k) ** -self.k

    def draw(self, generator: np.random.Generator, out: NDArray[np.float64]) -> None:
        """Fill `out`."""
        generator.standard_gamma(self.k, out=out)
        out *= self.mean / self.k


@dataclass(frozen=True, slots=True)
class Hyperexponential(Law):
    """H_2 with balanced means: with probability p a short exponential, else a long one, each giving half of the mean.

    p = ½ (1 + √((c² − 1)/(c² + 1))), the means are mean/2p and mean/2(1 − p). Source: H. C. Tijms, "A First Course in
    Stochastic Models" (2003), appendix B.
    """

    variation: float

    def __post_init__(self) -> None:
        Law.__post_init__(self)
        if not 1 <= self.variation < math.inf:
            raise UsageError(f"H2({self.variation:g}) is not possible", "its c² is 1 or above; below it, take E_k")

    @property
    def letter(self) -> str:
        """H2 and its c²."""
        return f"H2({self.variation:g})"

    @property
    def c2(self) -> float:
        """As given."""
        return self.variation

    @property
    def branches(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(probability, mean in seconds) of the short branch and of the long one."""
        p = (1 + math.sqrt((self.c2 - 1) / (self.c2 + 1))) / 2
        return (p, self.mean / (2 * p)), (1 - p, self.mean / (2 * (1 - p)))

    def moment(self, k: int) -> float:
        """Return k! Σ p_i m_i^k."""
        return math.factorial(k) * sum(p * m**k for p, m in self.branches)

    def transform(self, s: complex) -> complex:
        """Return Σ p_i/(1 + s m_i)."""
        return sum((p / (1 + s * m) for p, m in self.branches), 0j)

    def draw(self, generator: np.random.Generator, out: NDArray[np.float64]) -> None:
        """Fill `out`."""
        (p, short), (_, long) = self.branches
        scale = (generator.random(len(out)) < p) * (short - long) + long
        generator.standard_exponential(out=out)
        out *= scale


@dataclass(frozen=True, slots=True)
class Uniform(Law):
    """U: anything between 0 and twice the mean."""

    letter = "U"
    c2 = 1 / 3

    def moment(self, k: int) -> float:
        """Return (2 mean)^k/(k + 1)."""
        return float((2 * self.mean) ** k / (k + 1))

    def transform(self, s: complex) -> complex:
        """Return (1 − e^(−2 s mean))/(2 s mean)."""
        x = 2 * s * self.mean
        return (1 - cmath.exp(-x)) / x if abs(x) > 1e-9 else 1 - x / 2

    def draw(self, generator: np.random.Generator, out: NDArray[np.float64]) -> None:
        """Fill `out`."""
        generator.random(out=out)
        out *= 2 * self.mean


@dataclass(frozen=True, slots=True)
class General(Law):
    """G(c²): two moments; what needs more of the law is refused, or approximated by a law of the same two moments."""

    variation: float

    def __post_init__(self) -> None:
        Law.__post_init__(self)
        if not 0 <= self.variation < math.inf:
            raise UsageError(f"G({self.variation:g}) is not possible", "c² is 0 or above")

    @property
    def letter(self) -> str:
        """G and its c²."""
        return f"G({self.variation:g})"

    @property
    def c2(self) -> float:
        """As given."""
        return self.variation

    def moment(self, k: int) -> float:
        """Return the first or the second."""
        if k > 2:
            raise UsageError(f"{self.letter} does not say its moment {k}", "it knows two; name the law: M, D, E_k, H2")
        return self.mean if k == 1 else (1 + self.c2) * self.mean**2

    def transform(self, s: complex) -> complex:
        """Refuse."""
        raise UsageError(f"{self.letter} has two moments, no transform", "name the law: M, D, E_k, H2, or a file")

    def draw(self, generator: np.random.Generator, out: NDArray[np.float64]) -> None:
        """Fill `out` from the gamma law of these two moments, the one of least information (D where c² = 0)."""
        if self.c2 == 0:
            out[:] = self.mean
            return
        generator.standard_gamma(1 / self.c2, out=out)
        out *= self.mean * self.c2


@dataclass(frozen=True, slots=True)
class Samples(Law):
    """G(file): times that were measured, each as likely as the others."""

    seconds: tuple[float, ...]
    name: str = "samples"

    @classmethod
    def of(cls, seconds: Sequence[float], name: str = "samples") -> Samples:
        """Return the law of measured times.

        Raises:
            UsageError: there are none, or one is negative or not a number.
        """
        if not seconds or not all(0 <= x < math.inf for x in seconds):
            raise UsageError(
                f"{name} holds no usable times", "a file of seconds, each 0 or above, at least one above 0"
            )
        return cls(math.fsum(seconds) / len(seconds), tuple(map(float, seconds)), name)

    @property
    def letter(self) -> str:
        """G and where the samples are from."""
        return f"G({self.name})"

    @property
    def c2(self) -> float:
        """Of the samples."""
        return max(0.0, self.moment(2) / self.mean**2 - 1)

    def moment(self, k: int) -> float:
        """Return the mean of the k-th powers."""
        return math.fsum(x**k for x in self.seconds) / len(self.seconds)

    def transform(self, s: complex) -> complex:
        """Return the mean of e^(−sx)."""
        return sum((cmath.exp(-s * x) for x in self.seconds), 0j) / len(self.seconds)

    def draw(self, generator: np.random.Generator, out: NDArray[np.float64]) -> None:
        """Fill `out` by drawing with replacement."""
        import numpy as np

        out[:] = np.asarray(self.seconds)[generator.integers(len(self.seconds), size=len(out))]

    def with_mean(self, mean: float) -> Samples:
        """Return the samples stretched to another mean."""
        return Samples(mean, tuple(x * mean / self.mean for x in self.seconds), self.name)
