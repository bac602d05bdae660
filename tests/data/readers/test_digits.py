import subprocess
import sys

import numpy as np
import pytest

from mlcli.data.readers import bundled as digits
from mlcli.errors import DataError


def test_same_as_scikit_learns():
    from sklearn.datasets import load_digits

    theirs, ours = load_digits(), digits.read_digits()
    assert ours.pixels.shape == (1797, 8, 8)
    assert ours.pixels.dtype == np.uint8
    assert ours.labels.dtype == np.int64
    np.testing.assert_array_equal(ours.pixels, theirs.images)
    np.testing.assert_array_equal(ours.labels, theirs.target)
    assert ours.class_names == tuple(str(name) for name in theirs.target_names)


def test_without_importing_scikit_learn():
    code = (
        "import sys; from mlcli.data.readers.bundled import read_digits; "
        "read_digits(); sys.exit('sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing(monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="reinstall scikit-learn"):
        digits.read_digits()
