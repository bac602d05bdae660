"""Outliers of training rows, against SciPy and NumPy; repeated rows, one by one."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from mlcli.config.sections.rows import OutliersConfig
from mlcli.data.cleaning import drop_outliers, mark_duplicates
from mlcli.data.tables.types import Column, Table
from mlcli.errors import DataError

RNG = np.random.default_rng(0)
A = np.append(RNG.normal(size=200), [9.0, -12.0])
B = np.append(RNG.exponential(size=200), [0.1, 40.0])
TABLE = Table(
    pl.DataFrame({"a": A, "b": B, "flat": [0.0] * 150 + [1.0] * 52, "u": ["m"] * 202, "y": A * 1000}),
    (Column("a", "number"), Column("b", "number"), Column("flat", "number"), Column("u", "category")),
    (Column("y", "number"),),
)


def fences(values, width):
    q1, q3 = np.percentile(values, [25, 75])
    return q1 - width * stats.iqr(values), q3 + width * stats.iqr(values)


BANDS = {
    ("iqr", 1.5): lambda values: fences(values, 1.5),
    ("iqr", 3.0): lambda values: fences(values, 3.0),
    ("zscore", 3.0): lambda values: (
        values.mean() - 3 * stats.tstd(values, ddof=0),
        values.mean() + 3 * np.std(values),
    ),
}


@pytest.mark.parametrize(("rule", "band"), BANDS.items(), ids=[f"{name}-{width}" for name, width in BANDS])
def test_outliers(rule, band):
    name, threshold = rule
    bands = {column: band(values) for column, values in {"a": A, "b": B}.items()}
    wrong = {"a": (bands["a"][0] > A) | (bands["a"][1] < A), "b": (bands["b"][0] > B) | (bands["b"][1] < B)}
    kept = ~(wrong["a"] | wrong["b"])
    assert 0 < kept.sum() < len(A)

    dropped, report, _ = drop_outliers(TABLE, OutliersConfig(name=name, threshold=threshold))
    assert dropped.frame.equals(TABLE.frame.filter(pl.Series(kept)))
    assert report.dropped == (~kept).sum()
    for column, mask in wrong.items():
        bounds = report.bounds[column]
        assert bounds.cells == mask.sum()
        np.testing.assert_allclose((bounds.low, bounds.high), bands[column], rtol=1e-12)

    masked, report, _ = drop_outliers(TABLE, OutliersConfig(name=name, threshold=threshold, action="missing"))
    assert report.dropped == 0
    for column, mask in wrong.items():
        np.testing.assert_array_equal(masked.frame[column].is_null().to_numpy(), mask)
    assert masked.frame["y"].null_count() == 0


def test_columns_without_spread_have_no_outliers():
    table = Table(pl.DataFrame({"a": [0.0] * 9 + [1.0]}), (Column("a", "number"),), ())
    kept, report, _ = drop_outliers(table, OutliersConfig(name="iqr"))
    assert len(kept) == 10
    assert report.flat == ("a",)


def test_missing_cells_are_no_outliers():
    table = Table(pl.DataFrame({"a": [1.0, 2.0, None, 3.0, 99.0]}), (Column("a", "number"),), ())
    kept, _, _ = drop_outliers(table, OutliersConfig(name="iqr", threshold=1.0))
    assert kept.frame["a"].to_list() == [1.0, 2.0, None, 3.0]


def test_no_policy_changes_nothing():
    assert drop_outliers(TABLE, OutliersConfig())[0] is TABLE


def test_dropping_every_row_is_refused():
    table = Table(pl.DataFrame({"a": [0.0, 1.0, 2.0]}), (Column("a", "number"),), ())
    middle = table.frame.filter(pl.col("a") != 1.0)
    with pytest.raises(DataError, match="every training row is an outlier"):
        drop_outliers(Table(middle, table.features, ()), OutliersConfig(name="zscore", threshold=0.5))


class Collided(pl.DataFrame):
    """A table of which many rows have the hash of others."""

    def hash_rows(self, *_):
        return pl.Series(np.arange(self.height) % 5, dtype=pl.UInt64)


@pytest.mark.parametrize("kind", [pl.DataFrame, Collided])
def test_repeated_rows_are_those_equal_to_an_earlier_one(kind):
    rng = np.random.default_rng(0)
    words = [["p", "q", None][code] for code in rng.integers(0, 3, 60)]
    frame = kind({"a": rng.choice([1.0, 2.0, np.nan], 60), "b": words, "c": rng.integers(0, 3, 60)})
    rows = list(map(str, frame.rows()))
    assert mark_duplicates(frame).to_list() == [row in rows[:at] for at, row in enumerate(rows)]
