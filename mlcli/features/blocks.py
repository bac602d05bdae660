"""Matrix products by which a row's result is the same to the bit, whatever other rows are in the batch.

Libraries round differently for matrices of different shapes. So rows are multiplied in blocks of one size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Rows of a block: whole vector registers.
BLOCK = 64


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
    product = blocks @ weight[..., np.newaxis, :, :]
    return product.reshape(*x.shape[:-1], weight.shape[-1])
