"""A parsed formula over number columns, as a flat program for a stack machine."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Evaluate = Callable[..., NDArray[Any]]

FUNCTIONS = ("sin", "cos", "tan", "exp", "log", "log1p", "sqrt", "abs", "min", "max")
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "**": operator.pow,
}
NEGATE = "negate"


class FormulaError(ValueError):
    """A formula that cannot be read; the message gives the position and what is allowed."""


@dataclass(frozen=True)
class Push:
    """Puts a number on the stack."""

    value: float


@dataclass(frozen=True)
class Load:
    """Puts a column on the stack."""

    name: str


@dataclass(frozen=True)
class Apply:
    """Replaces the top `arity` operands by the result of an operation."""

    symbol: str
    arity: int


Instruction = Push | Load | Apply


@dataclass(frozen=True)
class Formula:
    """A formula ready to be evaluated; `text` is all that needs to be stored.

    names : the columns used, in order of first use
    """

    text: str
    names: tuple[str, ...]
    program: tuple[Instruction, ...] = field(repr=False)

    def evaluate(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Compute the formula on float64 (n,) columns; NaN where the result is not a finite number.

        A comparison gives 1 or 0, or NaN where an operand is NaN (a missing value).
        """
        import numpy as np

        stack: list[Any] = []
        with np.errstate(all="ignore"):
            for instruction in self.program:
                match instruction:
                    case Push(value):
                        stack.append(np.float64(value))
                    case Load(name):
                        stack.append(columns[name])
                    case Apply(symbol, arity):
                        operands = stack[-arity:]
                        stack[-arity:] = [_array_operation(symbol)(*operands)]
            result = stack.pop()
            # x - x is 0 for a finite x and NaN for an infinite one.
            found: NDArray[Any] = result + (result - result)
        return found


def fold_constants(symbol: str, operands: tuple[float, ...]) -> float:
    """Compute an operation on plain numbers; ValueError or ArithmeticError where it has no real result."""
    if symbol == NEGATE:
        return -operands[0]
    if symbol in ("min", "max"):
        return min(operands) if symbol == "min" else max(operands)
    operations: Mapping[str, Callable[..., float]] = {**COMPARISONS, **ARITHMETIC, "abs": abs}
    result = (operations.get(symbol) or getattr(math, symbol))(*operands)
    if isinstance(result, complex) or not math.isfinite(result):
        raise ValueError("no finite real result")
    return float(result)


def _array_operation(symbol: str) -> Evaluate:
    import numpy as np

    if symbol in COMPARISONS:
        compare: Any = COMPARISONS[symbol]
        return lambda left, right: np.where(np.isnan(left) | np.isnan(right), math.nan, compare(left, right))
    if symbol in ARITHMETIC:
        return cast("Evaluate", ARITHMETIC[symbol])
    if symbol == NEGATE:
        return np.negative
    if symbol in ("min", "max"):
        pairwise = np.minimum if symbol == "min" else np.maximum
        return lambda *operands: reduce(pairwise, operands)
    function: Evaluate = getattr(np, symbol)
    return function
