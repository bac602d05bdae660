"""Matrix products of rows that stand alone, with the kernels of several processors."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlcli.features import blocks
from mlcli.features.blocks import BLOCK, multiply_rows
from tests.conftest import ROOT

WAYS = [blocks._at_once, blocks._between_margins, blocks._input_by_input]
# Equal rows in every place of two blocks, for shapes on both sides of the sizes at which kernels change their ways.
EQUAL_ROWS = """
import numpy as np
from mlcli.features.blocks import multiply_rows
rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    for k in (1, 2, 5, 8, 13, 33, 100, 784):
        for m in (1, 2, 7, 12, 17, 33, 128, 1003):
            row, weight = rng.standard_normal((1, k)).astype(dtype), rng.standard_normal((k, m)).astype(dtype)
            found = multiply_rows(np.repeat(row, 128, axis=0), weight)
            assert (found == found[0]).all(), (dtype, k, m)
            np.testing.assert_allclose(found[0], row[0].astype(float) @ weight.astype(float), 1e-3, 1e-3)
"""


def knows_avx2():
    """OpenBLAS runs any kernel that it is told to, also one that the processor cannot."""
    described = Path("/proc/cpuinfo")
    return described.exists() and "avx2" in described.read_text()


@pytest.mark.parametrize("kernels", ["Haswell", "Sandybridge"])
def test_equal_rows_have_equal_products_in_every_place(kernels):
    if not knows_avx2():
        pytest.skip("needs a processor with AVX2, whose kernels these are")
    variables = {**os.environ, "OPENBLAS_CORETYPE": kernels, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", EQUAL_ROWS], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("members", [(), (3,)])
def test_every_way_multiplies(way, members):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((*members, 2, BLOCK, 5)), rng.standard_normal((*members, 1, 5, 7))
    found = way(x, weight)
    np.testing.assert_allclose(found, np.einsum("...nk,...km->...nm", x, weight))
    assert found.flags.c_contiguous


def test_a_way_that_rounds_differently_in_a_place_is_not_taken(monkeypatch):
    """The ways are tried from the fastest on."""
    for way in WAYS[:2]:

        def uneven(rows, weight, multiply=way):
            product = multiply(rows, weight)
            product[..., 20, :] = np.nextafter(product[..., 20, :], np.inf)
            return product

        monkeypatch.setattr(blocks, way.__name__, uneven)
    blocks._choose_way.cache_clear()
    assert blocks._choose_way(5, 7, np.dtype("f4"), np.dtype("f4")) is blocks._input_by_input
    x, weight = np.ones((BLOCK, 5), np.float32), np.ones((5, 7), np.float32)
    assert (multiply_rows(x, weight) == 5).all()
    blocks._choose_way.cache_clear()
