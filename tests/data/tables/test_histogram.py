import numpy as np
import polars as pl
import pytest

from mlcli.data.tables import histogram
from mlcli.data.tables.histogram import N_BINS, count_bins


def counted(values):
    column = pl.Series(values, dtype=pl.Float64)
    known = column.drop_nulls().to_numpy()
    return count_bins(column, known.min(), *np.quantile(known, [0.25, 0.75]), known.max())


def test_bins_are_those_of_numpy():
    values = np.random.default_rng(0).uniform(-1, 2, 500)
    found = counted([*values, None])
    counts, edges = np.histogram(values, N_BINS)
    assert found == {"low": edges[0], "high": edges[-1], "counts": counts.tolist()}


def test_far_cells_are_counted_in_the_outermost_bins():
    """Quartiles 25 and 75 of 0 to 100, so the bins end at 75 + 3 · 50."""
    found = counted([*range(101), 1e6])
    assert found["high"] == pytest.approx(75.75 + 3 * 50.5)
    assert (found["low"], found["counts"][-1], sum(found["counts"])) == (0, 1, 102)


def test_where_most_values_are_equal_all_of_the_range_is_shown():
    found = counted([0.0] * 90 + [1000.0] * 10)
    assert (found["low"], found["high"], found["counts"]) == (0, 1000, [90] + [0] * 22 + [10])


@pytest.mark.parametrize("values", [[3.0] * 4, [-1.7e308, -1.7e308, 1.7e308, 1.7e308]])
def test_without_a_finite_width_there_is_none(values):
    assert count_bins(pl.Series(values), *values) is None


def test_many_rows_are_thinned_out_evenly(monkeypatch):
    monkeypatch.setattr(histogram, "MAX_ROWS", 100)
    found = counted(np.arange(2400) % 240)
    assert sum(found["counts"]) == 100
    assert max(found["counts"]) <= 10
