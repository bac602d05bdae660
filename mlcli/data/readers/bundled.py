"""The datasets that come with scikit-learn, read from its files without importing it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.config.sections.dataset import BundledConfig, BundledName, DigitsConfig
from mlcli.data.clean_tables import clean_tables
from mlcli.data.readers.source import Source
from mlcli.data.tables.rows import Origin, Rows
from mlcli.data.tables.types import Images, SourceRead
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors

DIGIT_NAMES = tuple("0123456789")
_CELL_TRAITS = (
    "radius", "texture", "perimeter", "area", "smoothness",
    "compactness", "concavity", "concave_points", "symmetry", "fractal_dimension",
)  # fmt: skip


@dataclass(frozen=True)
class _Bundled:
    """Files in sklearn/datasets/data, which have no header, and the names of their columns."""

    files: tuple[str, ...]
    features: tuple[str, ...]
    target: str


_SETS: dict[str, _Bundled] = {
    "iris": _Bundled(("iris.csv",), ("sepal_length", "sepal_width", "petal_length", "petal_width"), "species"),
    "wine": _Bundled(
        ("wine_data.csv",),
        (
            "alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids",
            "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280_od315_of_diluted_wines",
            "proline",
        ),
        "cultivar",
    ),
    "breast_cancer": _Bundled(
        ("breast_cancer.csv",),
        tuple(form.format(trait) for form in ("mean_{}", "{}_error", "worst_{}") for trait in _CELL_TRAITS),
        "diagnosis",
    ),
    "diabetes": _Bundled(
        ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"),
        ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        "progression",
    ),
}  # fmt: skip


class BundledSource(Source[BundledConfig]):
    """A table of scikit-learn's."""

    def content(self) -> Iterator[str]:
        yield version("scikit-learn")

    def read(self) -> SourceRead:
        name = self.config.name
        return clean_tables(read_bundled(name), None, (_SETS[name].target,), self.config)


class DigitsSource(Source[DigitsConfig]):
    """scikit-learn's digits."""

    def files(self) -> tuple[Path, ...]:
        return (sklearn_file("digits.csv.gz"),)

    def read(self) -> SourceRead:
        return SourceRead(read_digits(), None, "classification")


def read_bundled(name: BundledName) -> Rows:
    """Features as numbers in their original units; the target as class names, or numbers for diabetes."""
    bundled = _SETS[name]
    if name == "diabetes":
        x, y = (_numbers(sklearn_file(file), " ", skip=0) for file in bundled.files)
        target = pl.Series(bundled.target, y[:, 0])
    else:
        path = sklearn_file(bundled.files[0])
        table = _numbers(path, ",", skip=1)
        x, codes = table[:, :-1], table[:, -1].astype(np.int64)
        with path.open() as file:
            labels = np.array(file.readline().strip().split(",")[2:])  # after the numbers of rows and columns
        target = pl.Series(bundled.target, labels[codes], dtype=pl.String)
    frame = pl.DataFrame({column: x[:, i] for i, column in enumerate(bundled.features)}).with_columns(target)
    return Rows.read(frame, Origin(name))


def _numbers(path: Path, delimiter: str, skip: int) -> NDArray[np.float64]:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return np.loadtxt(BytesIO(text), delimiter=delimiter, skiprows=skip, ndmin=2)


def sklearn_file(name: str) -> Path:
    """A data file of the installed scikit-learn, found without importing it; raises DataError where there is none."""
    package = find_spec("sklearn")
    for folder in (package.submodule_search_locations if package else None) or ():
        path = Path(folder, "datasets", "data", name)
        if path.is_file():
            return path
    raise DataError(f"{name}, a file of scikit-learn, was not found; run: pip install --force-reinstall scikit-learn")


def read_digits() -> Images:
    """1,797 digits of 8 × 8 pixels.

    pixels : uint8 (1797, 8, 8), values 0–16
    """
    path = sklearn_file("digits.csv.gz")
    with resource_errors(path), gzip.open(path, "rt", encoding="ascii") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return Images(rows[:, :64].reshape(-1, 8, 8).copy(), rows[:, 64].astype(np.int64), DIGIT_NAMES)
