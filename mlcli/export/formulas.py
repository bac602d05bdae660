"""Derived columns: a formula's program as nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np

from mlcli.export.functions import cosine, log1p, remainder
from mlcli.export.graph import Graph, Value
from mlcli.formulas.program import COMPARISONS, NEGATE, Apply, Formula, Load, Push

_OPERATORS = {
    "+": "Add",
    "-": "Sub",
    "*": "Mul",
    "/": "Div",
    "**": "Pow",
    NEGATE: "Neg",
    "sin": "Sin",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "<": "Less",
    "<=": "LessOrEqual",
    ">": "Greater",
    ">=": "GreaterOrEqual",
    "==": "Equal",
}


def write_formula(graph: Graph, formula: Formula, columns: Mapping[str, str]) -> str:
    """A formula of float64 columns (n, 1); NaN where the result is not a finite number."""
    stack: list[Value] = []
    for instruction in formula.program:
        match instruction:
            case Push(value):
                stack.append(value)
            case Load(name):
                stack.append(columns[name])
            case Apply(symbol, arity):
                stack[-arity:] = [_operate(graph, symbol, stack[-arity:])]
    return finite_or_nan(graph, str(stack.pop()))


def finite_or_nan(graph: Graph, value: str) -> str:
    """Infinite numbers as NaN."""
    return graph.node("Where", graph.node("IsInf", value), np.nan, value)


def _operate(graph: Graph, symbol: str, operands: list[Value]) -> str:
    match symbol:
        case "%":
            return remainder(graph, *operands)
        case "cos":
            return cosine(graph, _value(graph, operands[0]))
        case "tan":
            return graph.node("Div", graph.node("Sin", operands[0]), cosine(graph, _value(graph, operands[0])))
        case "log1p":
            return log1p(graph, _value(graph, operands[0]))
        case "min" | "max":
            kept = "Less" if symbol == "min" else "Greater"
            return _value(
                graph, reduce(lambda a, b: _unless_nan(graph, graph.node(kept, a, b), a, b, (a, b)), operands)
            )
        case "!=":
            return _unless_nan(graph, graph.node("Equal", *operands), 0.0, 1.0, operands)
        case _ if symbol in COMPARISONS:
            return _unless_nan(graph, graph.node(_OPERATORS[symbol], *operands), 1.0, 0.0, operands)
    return graph.node(_OPERATORS[symbol], *operands)


def _unless_nan(graph: Graph, condition: str, a: Value, b: Value, operands: list[Value] | tuple[Value, ...]) -> str:
    """Where the condition holds a, else b; NaN where one of two operands is."""
    missing = graph.node("Or", *(graph.node("IsNaN", operand) for operand in operands))
    return graph.node("Where", missing, np.nan, graph.node("Where", condition, a, b))


def _value(graph: Graph, operand: Value) -> str:
    return operand if isinstance(operand, str) else graph.constant(operand)
