"""The handwritten digits that come with scikit-learn, read without importing it."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mlcli.data.types import Images
from mlcli.errors import DataError
from mlcli.files import resource_errors

CLASS_NAMES = tuple("0123456789")


def digits_path() -> Path:
    """The file inside the installed scikit-learn; raises DataError when it is not there."""
    package = find_spec("sklearn")
    folders = list(package.submodule_search_locations or ()) if package else []
    for folder in folders:
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            return path
    raise DataError("digits: the file of the installed scikit-learn was not found; reinstall scikit-learn")


def read_digits() -> Images:
    """1,797 digits of 8 × 8 pixels.

    pixels : uint8 (1797, 8, 8), values 0–16
    """
    path = digits_path()
    with resource_errors(path), gzip.open(path, "rt", encoding="ascii") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return Images(rows[:, :64].reshape(-1, 8, 8).copy(), rows[:, 64].astype(np.int64), CLASS_NAMES)
