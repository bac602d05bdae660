"""Makes a table of ten numbers and a target: python -m tests.benchmarks.scaling_data ROWS."""

import sys

import numpy as np

from tests.benchmarks.folders import DATA
from tests.benchmarks.scaling import INPUTS

rng = np.random.default_rng(0)
x = rng.standard_normal((int(sys.argv[1]), INPUTS), dtype=np.float32)
y = np.tanh(x @ rng.standard_normal(INPUTS, dtype=np.float32))
DATA.mkdir(parents=True, exist_ok=True)
np.savez(DATA / "scaling.npz", x=x, y=y)
