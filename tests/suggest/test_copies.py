"""Columns that say what another one says."""

import numpy as np
import polars as pl

from mlcli.suggest.columns import find_copies

N = 2_000
RNG = np.random.default_rng(0)
CLASS, WEIGHT = RNG.integers(1, 4, N), RNG.normal(70, 9, N)


def columns(**cells):
    return pl.DataFrame(cells).with_columns(pl.all().cast(pl.Float64))


def test_equal_columns_and_columns_one_to_one_are_copies_of_the_first():
    gaps = pl.Series(CLASS).cast(pl.Float64).set(pl.Series(RNG.random(N) < 0.1), None)
    frame = columns(pclass=CLASS, weight=WEIGHT, flag=CLASS == 1).with_columns(
        pl.Series("again", WEIGHT),
        pl.Series("class", np.array(["First", "Second", "Third"])[CLASS - 1]),
        pl.Series("unlike", 1.0 - (CLASS == 1)),
        gaps.alias("gaps"),
        gaps.alias("same gaps"),
        pl.Series("squared", CLASS**2.0),
    )
    assert find_copies(frame) == {
        "again": "a copy of weight: equal to it in every row",
        "class": "a copy of pclass: one to one with it",
        "unlike": "a copy of flag: one to one with it",
        "same gaps": "a copy of gaps: equal to it in every row",
    }


def test_columns_that_differ_in_one_late_row_and_names_of_rows_are_no_copies():
    late = WEIGHT.copy()
    late[-1] += 1
    other = CLASS.copy()
    other[-1] = 4 - other[-1] if other[-1] != 2 else 1
    names = [f"n{i}" for i in range(N)]
    frame = columns(weight=WEIGHT, late=late, cls=CLASS, other=other).with_columns(
        pl.Series("name", names), pl.Series("ticket", names[::-1])
    )
    assert find_copies(frame) == {}
    assert find_copies(columns(a=CLASS[:40], b=CLASS[:40])) == {}
