"""Activations of inference, in NumPy: those of `mlcli.models.networks.ACTIVATIONS`, each in place where it can be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections.model import Activation

Array = NDArray[Any]
# Of selu (Klambauer et al., 2017).
_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805
# Rational approximation of erf on ±4, where it is ±1 to float32: odd numerator and even denominator, highest powers
# first (as in Eigen); the error is below 3e-7.
_ERF_ABOVE = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05, -7.34990630326855e-04,
    -2.95459980854025e-03, -1.60960333262415e-02,
)  # fmt: skip
_ERF_BELOW = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02,
)  # fmt: skip


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(−x)), in place."""
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    return np.reciprocal(x, out=x)


def relu(x: Array) -> Array:
    """max(x, 0), in place."""
    return np.maximum(x, 0, out=x)


def erf(x: Array) -> Array:
    """The error function, to the digits of float32."""
    bounded = np.clip(x, -4, 4)
    square = np.square(bounded)
    bounded *= _horner(square, _ERF_ABOVE)
    bounded /= _horner(square, _ERF_BELOW)
    return bounded


def _horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    total = np.full_like(x, coefficients[0])
    for one in coefficients[1:]:
        total *= x
        total += one
    return total


def _elu(x: Array) -> Array:
    below = np.expm1(np.minimum(x, 0))
    np.maximum(x, 0, out=x)
    x += below
    return x


def _selu(x: Array) -> Array:
    below = np.expm1(np.minimum(x, 0))
    below *= _ALPHA
    np.maximum(x, 0, out=x)
    x += below
    x *= _SCALE
    return x


def _gelu(x: Array) -> Array:
    share = erf(x * math.sqrt(0.5))
    share += 1
    share *= 0.5
    x *= share
    return x


def _silu(x: Array) -> Array:
    x *= sigmoid(x.copy())
    return x


def _mish(x: Array) -> Array:
    """X · tanh(softplus(x)), by tanh(ln(1 + e)) = e(e + 2) / (e(e + 2) + 2)."""
    grown = np.exp(np.minimum(x, 20))
    grown *= grown + 2
    grown /= grown + 2
    x *= grown
    return x


def softplus(x: Array) -> Array:
    """ln(1 + exp(x)), in place."""
    rest = np.log1p(np.exp(-np.abs(x)))
    np.maximum(x, 0, out=x)
    x += rest
    return x


def _softsign(x: Array) -> Array:
    x /= np.abs(x) + 1
    return x


def _hard_sigmoid(x: Array) -> Array:
    x += 3
    np.clip(x, 0, 6, out=x)
    x /= 6
    return x


def _hard_swish(x: Array) -> Array:
    x *= _hard_sigmoid(x.copy())
    return x


APPLY: dict[Activation, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "step": lambda x: (x > 0).astype(x.dtype),
    "sigmoid": sigmoid,
    "tanh": lambda x: np.tanh(x, out=x),
    "relu": relu,
    "leaky_relu": lambda x: np.maximum(x, x * 0.01, out=x),
    "elu": _elu,
    "selu": _selu,
    "celu": _elu,  # of alpha 1
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "softplus": softplus,
    "softsign": _softsign,
    "hard_tanh": lambda x: np.clip(x, -1, 1, out=x),
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
    "relu6": lambda x: np.clip(x, 0, 6, out=x),
}
