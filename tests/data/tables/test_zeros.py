"""Zeros far below all other numbers of a column are said, with the line that makes them missing."""

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.dataset import CsvConfig
from mlcli.data.sources import read_source

RNG = np.random.default_rng(0)
N = 400


def with_zeros(numbers, share=0.05):
    return np.where(np.arange(N) < share * N, 0, numbers)


PRESSURE = (2 * np.round(RNG.normal(36, 6, N))).clip(24, 122).astype(int)
# Columns of numbers, and whether their zeros are said.
COLUMNS = {
    "blood pressure": (with_zeros(PRESSURE), True),
    "body mass": (with_zeros(RNG.normal(32, 6, N).clip(18, 60).round(1)), True),
    "births": (RNG.poisson(4, N), False),
    "ratings": (RNG.integers(0, 6, N), False),
    "mostly zeros": (with_zeros(PRESSURE, 0.7), False),
    "skewed amounts": (with_zeros(RNG.lognormal(6, 1, N).round()), False),
    "negative numbers": (with_zeros(-PRESSURE), False),
    "no zeros": (PRESSURE, False),
}


def read(tmp_path, cells, **options):
    pl.DataFrame({"a": cells, "y": RNG.normal(size=N)}).write_csv(tmp_path / "t.csv")
    return read_source(CsvConfig(name="csv", path=str(tmp_path / "t.csv"), target="y", **options))


@pytest.mark.parametrize("name", COLUMNS)
def test_what_is_said(tmp_path, name):
    cells, said = COLUMNS[name]
    doubts = read(tmp_path, cells).cleaning.doubts
    assert [doubt.column for doubt in doubts] == ["a"] * said
    if said:
        zero = "0" if cells.dtype == int else "0.0"
        assert f"(20 cells; else from {cells[cells > 0].min():g})" in doubts[0].text
        assert doubts[0].text.endswith(f"write dataset.replace: {{a: {{'{zero}': ''}}}}")
        assert not doubts[0].serious


def test_the_line_makes_them_missing_and_a_declared_number_is_meant(tmp_path):
    cells, _ = COLUMNS["blood pressure"]
    replaced = read(tmp_path, cells, replace={"a": {"0": ""}})
    assert replaced.rows.frame["a"].null_count() == 20
    assert not replaced.cleaning.doubts
    assert not read(tmp_path, cells, types={"a": "number"}).cleaning.doubts
