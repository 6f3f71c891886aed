"""The search for the fewest workers and the fewest places that keep all promises.

More workers keep more promises. More places lose less, and let the accepted wait longer: so for each number of workers
the fewest places that keep the promised loss decide whether the others can be kept too. The search begins where the
fluid model would end it, since a look at a load that changes costs a tenth of a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from forebay.theory.planning.outlook import Demand, Outlook, look
from forebay.theory.planning.promises import Promise, Quantity
from forebay.theory.varying.evolution import Evolution
from forebay.theory.varying.fluid import predict
from forebay.theory.varying.forward import Floats

_MOST_PLACES = 10_000_000
_FLUID_STEPS = 256
_FLOOR = 1e-3
"""Of the promised loss: less is as good as this to the line through two points."""
_STEP = 8
_LOOKS = 8
"""After so many only halves are trusted."""
_ROUNDED = 50
"""Of which one place more or less is no matter where the formula is approximate."""
_WIDE = 3
"""Between places that are so much more only their order of magnitude is halved."""
_NEAR = 2.0
"""ln(loss/limit) up to which the tail of a queue without limit shows the way."""


@dataclass
class Search:
    """The looks at one demand, each taken once.

    Arguments:
        demand: what comes. promises: what is to be kept.
        q: the places, if they are given; None: as few as needed, without a limit where no loss is promised.
    """

    demand: Demand
    promises: Sequence[Promise]
    q: float | None = None
    _looks: dict[tuple[int, float], Outlook] = field(default_factory=dict)
    _places: dict[int, float | None] = field(default_factory=dict)
    _any: dict[int, bool] = field(default_factory=dict)
    _last: Evolution | None = None

    @property
    def looks(self) -> int:
        """How many were taken."""
        return len(self._looks)

    def look(self, n: int, q: float) -> Outlook:
        """Return what becomes of the demand with n workers and q places."""
        if (n, q) not in self._looks:
            found = look(self.demand, n, q, self.promises, begin=self._last)
            self._looks[n, q] = found
            if isinstance(found.answer, Evolution) and found.answer.hills:
                self._last = found.answer
        return self._looks[n, q]

    def broken(self, outlook: Outlook) -> tuple[Promise, ...]:
        """Return the promises that are not kept."""
        return tuple(promise for promise in self.promises if not promise.kept(outlook.value(promise)))

    def workers(self, least: int, most: int) -> int | None:
        """Return the fewest workers from `least` to `most` that keep all promises; None: none do."""
        n, step = min(max(least, self._guess(least, most)), most), 1
        if not self._enough(n):
            low = n
            while not self._enough(n):
                if n >= most:
                    return None
                low, n, step = n, min(most, n + step), 2 * step
        else:
            low = n - 1
            while low >= least and self._enough(low):
                step *= 2
                n, low = low, max(least - 1, low - step)
        while n - low > 1:
            middle = (low + n) // 2
            low, n = (low, middle) if self._enough(middle) else (middle, n)
        return n

    def _enough(self, n: int) -> bool:
        """Return whether there are places with which n workers keep all promises."""
        if self.q is not None or not self._losses() or n in self._places:
            return self.places(n) is not None
        if n not in self._any:
            self._any[n] = _Places(self, self._losses()[0], n, first=True).fewest() is not None
        return self._any[n]

    def _losses(self) -> list[Promise]:
        """Return the promised losses, the smallest first."""
        losses = [promise for promise in self.promises if promise.quantity is Quantity.LOSS and promise.limit > 0]
        return sorted(losses, key=lambda promise: promise.limit)

    def places(self, n: int) -> float | None:
        """Return the fewest places with which n workers keep all promises; None: there are none such."""
        if n not in self._places:
            if self.q is None and self._losses():
                self._places[n] = _Places(self, self._losses()[0], n).fewest()
            else:
                q = math.inf if self.q is None else self.q
                outlook = self.look(n, q)
                self._places[n] = None if outlook.growing or self.broken(outlook) else q
        return self._places[n]

    def _guess(self, least: int, most: int) -> int:
        """Return the fewest workers with whom the fluid model waits no longer than is promised."""
        limits = [promise.limit for promise in self.promises if promise.quantity in (Quantity.SOJOURN, Quantity.WAIT)]
        if self.demand.seconds is None or not limits:
            return least
        low, high, service = least - 1, most, self.demand.service.mean
        while high - low > 1:
            n = (low + high) // 2
            fluid = predict(
                self.demand.rate,
                self.demand.seconds * (2 if self.demand.periodic else 1),
                n / service,
                Q0=self.demand.backlog,
                steps=_FLUID_STEPS,
            )
            low, high = (low, n) if fluid.longest_wait < min(limits) else (n, high)
        return high


@dataclass
class _Places:
    """The fewest places for n workers: ln(loss/limit) falls with q, and is 0 where they are.

    Where the formula is no more than approximate, to a fiftieth; `first`: any that keep all promises.
    """

    search: Search
    loss: Promise
    n: int
    first: bool = False
    _points: dict[int, float] = field(default_factory=dict)

    def fewest(self) -> float | None:
        """Return them, or None where another promise is broken before the loss is kept."""
        demand = self.search.demand
        if not self.loss.kept(1 - self.n / demand.service.mean / demand.mean_rate):
            return None  # an overload loses this much whatever the places
        low, high, q = -1, _MOST_PLACES, self._first()
        while high - low > self._apart(high):
            outlook = self.search.look(self.n, q)
            broken, loss = self.search.broken(outlook), outlook.value(self.loss)
            self._points[q] = math.log(max(loss, _FLOOR * self.loss.limit) / self.loss.limit)
            if self.loss.kept(loss):
                high = q
                if self.first and not broken:
                    return q
            elif any(promise.quantity is not Quantity.LOSS for promise in broken):
                return None
            else:
                low = q
            q = min(max(self._next(low, high), low + 1), high - 1)
        return None if self.search.broken(self.search.look(self.n, high)) else high

    def _first(self) -> int:
        """Return where to begin: where a queue without limit is seldom so long, or the wait is all that is allowed."""
        answer = self.search.look(self.n, math.inf).answer
        if not isinstance(answer, Evolution) or not answer.stable:
            return _STEP
        q = self._where(answer, self.loss.limit)
        limits = [p.limit for p in self.search.promises if p.quantity in (Quantity.SOJOURN, Quantity.WAIT)]
        return min([q, *(math.ceil(answer.setting.capacity * limit) for limit in limits)])

    def _apart(self, high: int) -> int:
        exact = self.search.look(self.n, math.inf).exact
        return 1 if exact or high == _MOST_PLACES else max(1, high // _ROUNDED)

    def _next(self, low: int, high: int) -> int:
        if low in self._points and high in self._points and high > _WIDE * (low + 1):
            return math.isqrt((low + 1) * high)
        if low in self._points and high in self._points and self._points[high] > math.log(_FLOOR):
            if len(self._points) > _LOOKS or len(self._points) % 2:
                return (low + high) // 2
            rise = self._points[low] - self._points[high]
            return math.ceil(low + (high - low) * self._points[low] / rise) if rise else (low + high) // 2
        trusted = len(self._points) <= _LOOKS  # near the limit a tail would show the way one place at a time
        if high in self._points:
            return self._alike(high) if trusted and self._points[high] > math.log(_FLOOR) else (low + high) // 2
        return self._alike(low) if trusted and self._points.get(low, 0) < _NEAR else 2 * low + _STEP

    def _alike(self, q: int) -> int:
        """Return where the loss is kept if it falls as the tail of a queue without limit does."""
        answer = self.search.look(self.n, math.inf).answer
        away = max(1, q // 8)
        if not isinstance(answer, Evolution) or not answer.stable:
            return q + away if self._points[q] > 0 else q - away
        now = float(np.interp(q, answer.ahead, self._longer(answer)))
        found = self._where(answer, now / math.exp(self._points[q]))
        return found if found != q else q + int(math.copysign(1, self._points[q]))

    @classmethod
    def _where(cls, answer: Evolution, share: float) -> int:
        """Return the smallest backlog that so few arrivals find, or more."""
        longer = cls._longer(answer)
        j = int(np.searchsorted(-longer, -share))
        return math.ceil(float(answer.ahead[j])) if j < len(longer) else math.ceil(float(answer.ahead[-1])) + 1

    @staticmethod
    def _longer(answer: Evolution) -> Floats:
        """Return P(an arrival finds so many waiting or more) by `answer.ahead`."""
        return np.cumsum(answer.found[::-1])[::-1]
