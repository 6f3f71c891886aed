"""Promises: what a service is held to, in words that plans, runs and reports share.

    p99<5s             99 of 100 are done within 5 s of their arrival; the same as 'sojourn p99<5s'
    wait p95<2s        95 of 100 wait no longer than 2 s before their work begins
    mean<1s            on average; also 'wait mean<1s'
    loss<0.1%          of 1000 fewer than one finds no place
    failed<1%          of 100 requests fewer than one fails, for whatever reason
    utilisation<80%    workers work less than 80 % of their time
    backlog<1000       at any given moment the backlog is below 1000 in 99 of 100 cases; 'backlog p95<1000': in 95
    drained<5m         the largest backlog is worked off within 5 minutes

``<=`` is understood too; a share may be written as 0.001.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from forebay.errors import UsageError
from forebay.quantity import duration, show_seconds

EXAMPLES = "write 'p99<5s', 'wait p95<2s', 'loss<0.1%', 'utilisation<80%', 'backlog<1000' or 'drained<5m'"
_FORM = re.compile(
    r"\s*(?:(?!mean\b|p[0-9])(?P<what>[a-z]+)\b)?\s*(?P<of>p[0-9.]+|mean)?\s*(?P<sign><=|<)\s*(?P<limit>[^\s<>=]+)\s*"
)
_BACKLOG_PERCENT = 99.0
_ROUNDING = 1e-9
"""By which a value that is the limit may be off."""


class Quantity(StrEnum):
    """What can be promised."""

    SOJOURN = "sojourn"
    WAIT = "wait"
    LOSS = "loss"
    FAILED = "failed"
    UTILISATION = "utilisation"
    BACKLOG = "backlog"
    DRAINED = "drained"


_TIMES = (Quantity.SOJOURN, Quantity.WAIT)
_SHARES = (Quantity.LOSS, Quantity.FAILED, Quantity.UTILISATION)
_WORDS = {str(one): one for one in Quantity} | {"utilization": Quantity.UTILISATION}


@dataclass(frozen=True, slots=True)
class Promise:
    """That a quantity stays below a limit; its text form is what `promise` reads.

    Arguments:
        quantity: of what.
        percent: of a time or a backlog: its percentile; None: the mean, or a quantity that has no distribution.
        limit: seconds, a share of 1, or messages.
        strict: whether the limit itself is too much.
    """

    quantity: Quantity
    percent: float | None
    limit: float
    strict: bool = True

    @property
    def name(self) -> str:
        """What is promised, without the limit: ``sojourn p99``."""
        if self.percent is not None:
            return f"{self.quantity} p{self.percent:g}"
        return f"{self.quantity} mean" if self.quantity in _TIMES else str(self.quantity)

    def kept(self, value: float) -> bool:
        """Return whether the promise is kept by a value; nan keeps none."""
        if math.isclose(value, self.limit, rel_tol=_ROUNDING):
            return not self.strict
        return value < self.limit

    def margin(self, value: float) -> float:
        """Return what is left to the limit as a share of it: 0.25 at three quarters of it, below 0 beyond."""
        return (self.limit - value) / self.limit if self.limit else math.copysign(math.inf, -value)

    def show(self, value: float) -> str:
        """Return a value of this quantity as people write it."""
        if self.quantity in _SHARES:
            return f"{value * 100:.4g}%"
        return f"{value:,.0f}" if self.quantity is Quantity.BACKLOG else show_seconds(value)

    def __str__(self) -> str:
        limit = f"{self.limit * 100:.9g}%" if self.quantity in _SHARES else self.show(self.limit).replace(",", "")
        return f"{self.name}{'<' if self.strict else '<='}{limit}"


def promise(text: str) -> Promise:
    """Return the promise that a text names; see the top of this module.

    Raises:
        UsageError: names what cannot be read, and shows how it is written.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a promise", EXAMPLES)
    quantity = _quantity(text, match["what"])
    percent = _percent(text, quantity, match["of"])
    try:
        limit = _limit(quantity)(match["limit"])
    except UsageError as error:
        raise UsageError(f"{text!r}: {error}", error.hint) from error
    strict = match["sign"] == "<"
    if limit < 0 or (limit == 0 and strict):
        raise UsageError(f"{text!r} cannot be kept: nothing is below it", EXAMPLES)
    return Promise(quantity, percent, limit, strict)


def _quantity(text: str, word: str | None) -> Quantity:
    if word is None:
        return Quantity.SOJOURN
    if word not in _WORDS:
        near = difflib.get_close_matches(word, _WORDS, n=1)
        raise UsageError(f"{text!r}: {word} cannot be promised", f"did you mean {near[0]}?" if near else EXAMPLES)
    return _WORDS[word]


def _percent(text: str, quantity: Quantity, of: str | None) -> float | None:
    if of is None and quantity in _TIMES:
        raise UsageError(
            f"{text!r} does not say whose {quantity}", f"write '{quantity} p99<5s' or '{quantity} mean<5s'"
        )
    if of is None:
        return _BACKLOG_PERCENT if quantity is Quantity.BACKLOG else None
    if quantity not in (*_TIMES, Quantity.BACKLOG) or (of == "mean" and quantity is Quantity.BACKLOG):
        raise UsageError(f"{text!r}: there is no {of} of {quantity}", EXAMPLES)
    if of == "mean":
        return None
    try:
        percent = float(of[1:])
    except ValueError:
        percent = math.nan
    if not 0 < percent < 100:
        raise UsageError(f"{text!r}: {of} is not a percentile", "above p0 and below p100, as p99 or p99.9")
    return percent


def _limit(quantity: Quantity) -> Callable[[str], float]:
    if quantity in _SHARES:
        return _share
    return _count if quantity is Quantity.BACKLOG else duration


def _share(text: str) -> float:
    number = _number(text.removesuffix("%"))
    share = number / 100 if text.endswith("%") else number
    if not 0 <= share <= 1:
        raise UsageError(f"{text!r} is not a share", "write it as 0.1%, or as 0.001")
    return share


def _count(text: str) -> float:
    number = _number(text)
    if not number >= 0:
        raise UsageError(f"{text!r} is not a number of messages", "write it as 1000")
    return number


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?|\.[0-9]+", text, re.ASCII) else math.nan
