"""Functions that ONNX has no operator for, in float64, from operators that runtimes have for float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.export.graph import Graph, Value
from mlcli.features.normal_scores import CENTRE, TAILS

Floats = NDArray[np.float64]

# Relative, of functions in which runtimes differ in the last digits.
_ROUNDING = 1e-12


def log1p(graph: Graph, x: str) -> str:
    """ln(1 + x), exact for small x: ln(u) · x / (u − 1) of the rounded u = 1 + x (Higham, 2002)."""
    u = graph.node("Add", x, 1.0)
    grown = graph.node("Sub", u, 1.0)
    is_zero = graph.node("Equal", grown, 0.0)
    ratio = graph.node("Div", x, graph.node("Where", is_zero, 1.0, grown))
    ratio = graph.node("Where", graph.node("Less", x, 2.0**53), ratio, 1.0)
    return graph.node("Where", is_zero, x, graph.node("Mul", graph.node("Log", u), ratio))


def expm1(graph: Graph, x: str) -> str:
    """exp(x) − 1, exact for small x, in the same way."""
    u = graph.node("Exp", x)
    grown = graph.node("Sub", u, 1.0)
    is_one = graph.node("Equal", u, 1.0)
    log = graph.node("Log", graph.node("Where", is_one, 2.0, u))
    exact = graph.node("Where", is_one, x, graph.node("Div", graph.node("Mul", grown, x), log))
    return graph.node("Where", graph.node("Less", graph.node("Abs", x), 1.0), exact, grown)


def cosine(graph: Graph, x: str) -> str:
    """1 − 2 sin²(x / 2): runtimes have no cosine of float64."""
    sine = graph.node("Sin", graph.node("Mul", x, 0.5))
    return graph.node("Sub", 1.0, graph.node("Mul", graph.node("Mul", sine, sine), 2.0))


def remainder(graph: Graph, x: Value, y: Value) -> str:
    """X % y as Python has it, with the sign of y."""
    rest = graph.node("Mod", x, y, fmod=1)
    opposite = graph.node("Less", graph.node("Mul", graph.node("Sign", rest), graph.node("Sign", y)), 0.0)
    return graph.node("Where", opposite, graph.node("Add", rest, y), rest)


def yeo_johnson(graph: Graph, x: str, exponents: Floats) -> str:
    """As `mlcli.features.scaling.yeo_johnson`: x (n, k), exponents (k,)."""
    rises = graph.node("GreaterOrEqual", x, 0.0)
    exponent = graph.node("Where", rises, exponents, 2.0 - exponents)
    is_log = graph.node("Equal", exponent, 0.0)
    log = log1p(graph, graph.node("Abs", x))
    power = expm1(graph, graph.node("Mul", exponent, log))
    power = graph.node("Div", power, graph.node("Where", is_log, 1.0, exponent))
    grown = graph.node("Where", is_log, log, power)
    return graph.node("Where", rises, grown, graph.node("Neg", grown))


def count_below(graph: Graph, x: str, ascending: Floats, *, or_equal: bool) -> str:
    """How many numbers of each ascending row (k, m) are below, or at most, x (n, k): int64 (n, k), by bisection.

    One row serves every column of x.
    """
    k, m = ascending.shape
    size = 1 << m.bit_length()
    padded = np.full((k, size), np.nan)  # which is neither below nor above
    padded[:, :m] = ascending
    table, starts = padded.ravel(), np.arange(k) * size
    count: Value = np.zeros((1, k), dtype=np.int64)
    step = size // 2
    while step:
        further = graph.node("Add", count, step)
        number = graph.node("Gather", table, graph.node("Add", further, starts - 1))
        reached = graph.node("LessOrEqual" if or_equal else "Less", number, x)
        count, step = graph.node("Where", reached, further, count), step // 2
    return str(count)


def on_lines(graph: Graph, x: str, xs: Floats, ys: Floats) -> str:
    """`np.interp`: on the lines through ascending xs (m,) and ys; those of the ends beyond them."""
    if len(xs) == 1:
        return graph.node("Add", graph.node("Mul", x, 0.0), float(ys[0]))
    inside = graph.node("Min", graph.node("Max", x, xs[0]), xs[-1])
    right = _within(graph, count_below(graph, inside, xs[np.newaxis], or_equal=True), len(xs))
    left = graph.node("Sub", right, 1)
    slope = graph.node("Gather", np.diff(ys) / np.diff(xs), left)
    risen = graph.node("Mul", slope, graph.node("Sub", inside, graph.node("Gather", xs, left)))
    return graph.node("Add", risen, graph.node("Gather", ys, left))


def to_nearest(graph: Graph, x: str, ascending: Floats) -> str:
    """Each x (n, k) that differs by its rounding alone from a number of its row (k, m) as that number."""
    k, m = ascending.shape
    right = _within(graph, count_below(graph, x, ascending, or_equal=True), m)
    for shift in (-1, 0):
        number = graph.node("Gather", ascending.ravel(), graph.node("Add", right, np.arange(k) * m + shift))
        distance = graph.node("Abs", graph.node("Sub", x, number))
        is_same = graph.node("LessOrEqual", distance, graph.node("Mul", graph.node("Abs", number), _ROUNDING))
        x = graph.node("Where", is_same, number, x)
    return x


def _within(graph: Graph, count: str, m: int) -> str:
    """The number of the quantile to the right, from 1 to m − 1."""
    return graph.node("Min", graph.node("Max", count, 1), m - 1)


def rank_share(graph: Graph, x: str, quantiles: Floats, shares: Floats) -> str:
    """The mean share of x (n, k) between the quantiles (k, m) with shares (k, 2, m), from either side."""
    k, m = quantiles.shape
    starts = np.arange(k) * m
    sides = []
    for or_equal in (True, False):
        right = _within(graph, count_below(graph, x, quantiles, or_equal=or_equal), m)
        right = graph.node("Add", right, starts)
        left = graph.node("Sub", right, 1)
        x0, x1 = (graph.node("Gather", quantiles.ravel(), at) for at in (left, right))
        y0 = graph.node("Gather", shares[:, 1].ravel(), left)
        y1 = graph.node("Gather", shares[:, 0].ravel(), right)
        width = graph.node("Sub", x1, x0)
        is_wide = graph.node("Greater", width, 0.0)
        part = graph.node("Div", graph.node("Sub", x, x0), graph.node("Where", is_wide, width, 1.0))
        reached = graph.node("Where", graph.node("GreaterOrEqual", x, x1), 1.0, 0.0)
        part = graph.node("Clip", graph.node("Where", is_wide, part, reached), 0.0, 1.0)
        sides.append(graph.node("Add", y0, graph.node("Mul", part, graph.node("Sub", y1, y0))))
    return graph.node("Mul", graph.node("Add", *sides), 0.5)


def normal_deviate(graph: Graph, share: str) -> str:
    """The number below which a normal variable is with this probability (n, k), between 1e-11 and 1 − 1e-11."""
    centred = graph.node("Sub", share, 0.5)
    near = graph.node("Sub", 0.180625, graph.node("Mul", centred, centred))
    near = graph.node("Mul", centred, _ratio(graph, near, CENTRE))
    tail = graph.node("Min", share, graph.node("Sub", 1.0, share))
    root = graph.node("Sqrt", graph.node("Neg", graph.node("Log", tail)))
    far = _ratio(graph, graph.node("Sub", root, 1.6), TAILS)
    far = graph.node("Mul", graph.node("Sign", centred), far)
    return graph.node("Where", graph.node("LessOrEqual", graph.node("Abs", centred), 0.425), near, far)


def _ratio(graph: Graph, x: str, coefficients: Floats) -> str:
    """Of two polynomials (2, powers) of x (n, k)."""
    powers = np.arange(coefficients.shape[1], dtype=np.float64)
    terms = graph.node("Pow", graph.node("Unsqueeze", x, np.array([-1])), powers)
    both = graph.node("MatMul", terms, np.ascontiguousarray(coefficients.T))
    above, below = (graph.node("Gather", both, i, axis=-1) for i in (0, 1))
    return graph.node("Div", above, below)
