"""Admission by rate: the generic cell rate algorithm, one number of state."""

from __future__ import annotations

import math

from forebay.errors import UsageError

_SLACK = 1e-9  # seconds: a client exactly on the rate must not fail by the last bit of a float


class Limiter:
    """Admits `rate` requests a second, and `burst` of them at once after a pause (GCRA, ITU-T I.371).

    It is a token bucket of `burst` tokens that is filled at `rate`, kept as the time at which it will be full again.
    A burst of 1 wants every gap to be at least 1/rate: of an even stream slightly above the rate it admits only every
    second request. With 2 or more exactly the excess is refused.

    Arguments:
        rate: requests a second, above 0.
        burst: requests at once, 1 or more; default: those of a tenth of a second, at least 2.

    Raises:
        UsageError: a number is out of its range.
    """

    def __init__(self, rate: float, burst: float | None = None) -> None:
        burst = max(2.0, rate / 10) if burst is None else burst
        if not (0 < rate < math.inf and 1 <= burst < math.inf):
            raise UsageError(f"a limit of {rate:g}/s with a burst of {burst:g} admits nothing sensible")
        self.rate = rate
        self.burst = burst
        self._interval = 1 / rate
        self._tolerance = (burst - 1) / rate
        self._full_at = -math.inf

    def admit(self, now: float) -> float:
        """Return 0 for a request that is admitted, or the seconds after which one will be.

        Arguments:
            now: seconds of a monotonic clock.
        """
        full_at = max(self._full_at, now)
        wait = full_at - self._tolerance - now
        if wait > _SLACK:
            return wait
        self._full_at = full_at + self._interval
        return 0.0
