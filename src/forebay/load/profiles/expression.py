"""An expression of t: any rate that can be written down, as in ``50*sin(2*pi*t/60) + 50``."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from forebay.errors import UsageError
from forebay.load.profiles.integral import Integral
from forebay.load.profiles.profile import Profile

if TYPE_CHECKING:
    from forebay.load.profiles.profile import Seconds

_HINT = "numbers, t, pi, e, + - * / ** %, and sin cos tan exp log sqrt abs min max floor"
Value = Callable[[float], float]

_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "floor")},
    "abs": abs,
    "min": min,
    "max": max,
}


@dataclass(frozen=True, slots=True)
class Expression(Profile):
    """The rate that an expression of t says, seconds and shots a second; where it is below 0, it is 0.

    Arguments:
        lasting: seconds, after which there is nothing.

    Raises:
        UsageError: it is not such an expression.
    """

    text: str
    lasting: float = math.inf
    value: Value = field(init=False, repr=False, compare=False)
    _integral: Integral = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
            object.__setattr__(self, "value", _compiled(tree))
            object.__setattr__(self, "_integral", Integral(lambda t: self._rate(min(t, self.lasting))))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise UsageError(f"{self.text.strip()!r} is not an expression of t: {error}", _HINT) from error

    @property
    def span(self) -> float:
        """As long as it lasts."""
        return self.lasting

    def rate(self, t: float) -> float:
        """Return the value at t, at least 0.

        Raises:
            UsageError: it has no value there.
        """
        return self._rate(t) if t < self.lasting else 0.0

    def _rate(self, t: float) -> float:
        try:
            found = float(self.value(t))
        except (ArithmeticError, ValueError, TypeError) as error:
            raise UsageError(f"{self.text} has no value at t = {t:g}: {error}", _HINT) from error
        if not math.isfinite(found):
            raise UsageError(f"{self.text} has no value at t = {t:g}", _HINT)
        return max(0.0, found)

    def cumulative(self, t: float) -> float:
        """Return the integral of the rate."""
        return self._integral(min(t, self.lasting))

    def at(self, x: Seconds) -> Seconds:
        """Return the instants of numbers of shots that come before the last t of `cumulative`."""
        return self._integral.inverse(x)

    def __str__(self) -> str:
        lasting = "" if math.isinf(self.lasting) else f", lasting={self.lasting:.12g}s"
        return f"expr({self.text.strip()}{lasting})"


def _compiled(node: ast.AST) -> Value:
    """Return the function of t that a node stands for.

    Raises:
        ValueError: it is something else than arithmetic.
    """
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return lambda t: float(number)  # whole numbers would grow without end: 9**9**9
        case ast.Name(id="t"):
            return lambda t: t
        case ast.Name(id=name) if name in _CONSTANTS:
            return lambda t: _CONSTANTS[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _applied(_OPERATORS[type(op)], left, right)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _applied(_OPERATORS[type(op)], operand)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _applied(_FUNCTIONS[name], *arguments)
    raise ValueError(f"{ast.unparse(node)} is not understood")


def _applied(function: Callable[..., float], *nodes: ast.AST) -> Value:
    values: list[Any] = [_compiled(node) for node in nodes]
    return lambda t: function(*(value(t) for value in values))
