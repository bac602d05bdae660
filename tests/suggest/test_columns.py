"""Columns that say what an earlier one says; whole numbers that are counts."""

import numpy as np
import polars as pl
import pytest

from mlcli.suggest.columns import are_counts, find_copies

N = 3_000
RNG = np.random.default_rng(0)
NUMBER = RNG.normal(size=N)
GRADE = RNG.integers(1, 4, N)
WORDS = np.array(["", "First", "Second", "Third"])[GRADE]
FLAG = GRADE == 1
EQUAL, ONE_TO_ONE = "a copy of a: equal to it in every row", "a copy of a: one to one with it"
GAPS = [None if i % 7 == 0 else float(x) for i, x in enumerate(GRADE)]
LATE = np.where(np.arange(N) == N - 1, 9.5, NUMBER)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (NUMBER, NUMBER, EQUAL),
        (NUMBER, LATE, None),  # the last row differs
        (NUMBER, NUMBER**3, None),  # one to one, another number
        (NUMBER, -NUMBER, None),
        (GRADE, WORDS, ONE_TO_ONE),
        (WORDS, GRADE, ONE_TO_ONE),
        (WORDS, np.char.upper(WORDS), ONE_TO_ONE),
        (GRADE, GRADE**2, None),  # two numbers
        (GRADE, FLAG, None),  # some, but not one to one
        (FLAG, ~FLAG, ONE_TO_ONE),
        (NUMBER, NUMBER.astype(str), None),  # different in every row
        (GAPS, [None if x is None else str(x) for x in GAPS], None),  # imputed, the number is less than the text
        ([None if x is None else str(x) for x in GAPS], GAPS, ONE_TO_ONE),
        (GAPS, GAPS, EQUAL),
        (NUMBER[:40], NUMBER[:40], None),  # too few rows
    ],
)
def test_copies(a, b, expected):
    frame = pl.DataFrame({"a": as_cells(a), "x": RNG.permutation(len(a)).astype(float), "b": as_cells(b)})
    assert find_copies(frame) == ({"b": expected} if expected else {})


def as_cells(values):
    column = pl.Series(values)
    return column if column.dtype == pl.String else column.cast(pl.Float64)


def test_the_first_of_several_is_kept():
    frame = pl.DataFrame({"a": WORDS, "n": NUMBER, "b": WORDS, "c": GRADE.astype(float), "m": NUMBER})
    assert find_copies(frame) == {"b": EQUAL, "c": ONE_TO_ONE, "m": "a copy of n: equal to it in every row"}


@pytest.mark.parametrize(
    ("values", "rows", "expected"),
    [
        (range(19), [500 >> (i // 2) for i in range(19)], True),  # visits
        ([*range(9), 14], [60, 120, 70, 40, 22, 12, 6, 3, 2, 1], True),  # the most frequent is not 0
        (range(10), [98, 112, 101, 95, 104, 99, 91, 107, 100, 93], False),  # digits
        (range(1, 6), [10, 40, 30, 15, 5], False),  # grades
        (range(11), [1, 4, 11, 21, 25, 21, 11, 4, 2, 1, 1], False),
        (range(7), [400, 200, 100, 50, 25, 12, 6], False),  # too few to tell
        (range(12), [300, 20, 150, 5, 9, 80, 2, 30, 4, 3, 2, 2], False),  # codes
        (range(0, 100, 10), [500 >> i for i in range(10)], False),  # steps
        (range(2, 21), [500 >> (i // 2) for i in range(19)], False),  # nobody has 0
        ([*range(9), 10**9], [500 >> i for i in range(10)], False),
    ],
)
def test_skewed_numbers_from_0_are_counts_and_digits_grades_and_codes_are_not(values, rows, expected):
    assert are_counts(pl.Series(np.repeat([*values], rows)).cast(pl.Float64)) is expected
