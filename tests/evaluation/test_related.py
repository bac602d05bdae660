"""Columns of which one determines another are grouped, and others are not."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlcli.data.tables.types import Column
from mlcli.evaluation.related import group_related

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 1000))
CITY = RNG.choice([f"city {i}" for i in range(12)], size=1000)
KINDS = {pl.Float64: "number", pl.String: "category", pl.Boolean: "boolean", pl.Datetime: "date"}


def with_r(r):
    return r * X + np.sqrt(1 - r * r) * Y


def groups(**cells):
    frame = pl.DataFrame(cells)
    kinds = [next(kind for dtype, kind in KINDS.items() if own.dtype == dtype) for own in frame]
    return group_related(frame, [Column(*own) for own in zip(frame.columns, kinds, strict=True)])


@pytest.mark.parametrize(("other", "related"), [
    (with_r(0.95), True),
    (with_r(-0.95), True),
    (with_r(0.8), False),
    (np.exp(X), True),
    (X**2, True),  # not correlated, but determined
    (Y, False),
    ((X > 0.3).tolist(), True),
    (np.where(X > 0, "high", "low").tolist(), True),
    ((Y > 0.3).tolist(), False),
    ([datetime(2024, 1, 1) + timedelta(hours=float(x)) for x in X], True),
])  # fmt: skip
def test_a_number_and_another_column(other, related):
    assert groups(x=X, other=other) == ((("x", "other"),) if related else (("x",), ("other",)))


@pytest.mark.parametrize(("other", "related"), [
    (np.char.add("town of ", CITY).tolist(), True),
    (np.where(np.isin(CITY, ["city 1", "city 2", "city 3"]), "north", "south").tolist(), True),
    ([float(name[5:]) for name in CITY], True),
    (RNG.choice(["north", "south"], size=1000).tolist(), False),
    ([f"name {i}" for i in range(1000)], False),  # a name for each row determines nothing
    (["same"] * 1000, False),
])  # fmt: skip
def test_a_category_and_another_column(other, related):
    assert groups(city=CITY.tolist(), other=other) == ((("city", "other"),) if related else (("city",), ("other",)))


def test_chains_are_one_group_and_names_keep_their_order():
    assert groups(a=X, b=Y, c=with_r(0.93), d=-Y, e=CITY.tolist()) == (("a", "c"), ("b", "d"), ("e",))


def test_cells_missing_together_relate_no_columns():
    gaps = RNG.random(1000) < 0.5
    x, y = (pl.Series(np.where(gaps, np.nan, own)).fill_nan(None) for own in (X, Y))
    assert groups(x=x, y=y) == (("x",), ("y",))


@pytest.mark.parametrize("n_rows", [0, 1, 5])
def test_few_rows_relate_no_columns(n_rows):
    assert groups(x=X[:n_rows], y=X[:n_rows]) == (("x",), ("y",))
