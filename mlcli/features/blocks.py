"""Matrix products by which a row's result is the same to the bit, whatever other rows are in the batch.

Libraries round differently for matrices of different shapes. So rows are multiplied in blocks of one size. Some of
OpenBLAS's kernels (Haswell and Zen: most processors without AVX-512, and some with it) round differently in different
places of a block, too. So the first product of a shape tries the ways there are; the fastest that does not is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Rows of a block: whole vector registers.
BLOCK = 64
# Rows before and after a block in whose places those kernels round differently.
MARGIN = 8
# Blocks of equal rows that a way is tried on.
TRIED = 4

Multiply = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


def whole_blocks(n_rows: int) -> int:
    """The rows of as many blocks as n_rows need."""
    return -(-n_rows // BLOCK) * BLOCK


def pad_rows(x: NDArray[Any]) -> NDArray[Any]:
    """Rows (n, k), then rows of zeros up to whole blocks, one at least."""
    n_rows = max(BLOCK, whole_blocks(len(x)))
    if len(x) == n_rows:
        return x
    padded = np.zeros((n_rows, *x.shape[1:]), dtype=x.dtype)
    padded[: len(x)] = x
    return padded


def multiply_rows(x: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """X (…, n, k) @ weight (…, k, m), where n is a multiple of BLOCK."""
    product: NDArray[Any]
    if weight.shape[-2] == 1:
        product = x * weight
        return product
    if weight.shape[-1] == 1:  # a product with a vector sums in an order of its own
        return multiply_rows(x, np.concatenate([weight, np.zeros_like(weight)], axis=-1))[..., :1]
    blocks = np.ascontiguousarray(x).reshape(*x.shape[:-2], -1, BLOCK, x.shape[-1])
    multiply = _choose_way(*weight.shape[-2:], x.dtype, weight.dtype)
    return multiply(blocks, weight[..., np.newaxis, :, :]).reshape(*x.shape[:-1], weight.shape[-1])


@cache
def _choose_way(k: int, m: int, of_rows: np.dtype[Any], of_weight: np.dtype[Any]) -> Multiply:
    """How blocks (…, BLOCK, k) are multiplied by (…, k, m), so that equal rows have equal products."""
    rows = np.sin(np.arange(1.0, TRIED * k + 1)).reshape(TRIED, 1, k).astype(of_rows)
    weight = np.cos(np.arange(1.0, k * m + 1)).reshape(k, m).astype(of_weight)
    for multiply in (_at_once, _between_margins):
        found = multiply(np.repeat(rows, BLOCK, axis=1), weight)
        if np.array_equal(found, np.repeat(found[:, :1], BLOCK, axis=1)):
            return multiply
    return _input_by_input


def _at_once(blocks: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    product: NDArray[Any] = blocks @ weight
    return product


def _between_margins(blocks: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Transposed, and in the middle of MARGIN rows of zeros on each side."""
    padded = np.zeros((*blocks.shape[:-2], BLOCK + 2 * MARGIN, blocks.shape[-1]), dtype=blocks.dtype)
    padded[..., MARGIN:-MARGIN, :] = blocks
    product: NDArray[Any] = weight.swapaxes(-1, -2) @ padded.swapaxes(-1, -2)
    return np.ascontiguousarray(product[..., MARGIN:-MARGIN].swapaxes(-1, -2))  # or sums of rows differ later


def _input_by_input(blocks: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Number by number, as no library could round differently; slow."""
    product: NDArray[Any] = blocks[..., :1] * weight[..., :1, :]
    for at in range(1, blocks.shape[-1]):
        product += blocks[..., at : at + 1] * weight[..., at : at + 1, :]
    return product
