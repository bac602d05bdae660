"""Measures against NumPy, scikit-learn's counts and numbers worked out by hand."""

import numpy as np
import pytest

from mlcli.eda.association import correlation_ratio, cramers_v, pearson

NAN = np.nan


def test_r_is_numpys_over_the_rows_that_know_both():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 1e6
    columns[rng.random(columns.shape) < 0.2] = NAN
    found = pearson(columns)
    for i in range(4):
        for j in range(4):
            both = np.isfinite(columns[:, i]) & np.isfinite(columns[:, j])
            assert found[i, j] == pytest.approx(np.corrcoef(columns[both, i], columns[both, j])[0, 1], abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([3.0, 3.0, 3.0], [1.0, 2.0, 3.0]),
        ([0.1] * 3, [1.0, 2.0, 3.0]),
        ([1.0, 2.0, NAN], [NAN, NAN, 3.0]),
        ([5.0, 5.0, 9.0], [1.0, 2.0, NAN]),
    ],
)
def test_a_column_that_does_not_vary_beside_the_other_has_no_r(first, second):
    assert np.isnan(pearson(np.column_stack([first, second]))[0, 1])


def test_the_largest_numbers_have_a_correlation():
    huge = np.array([-1.7e308, 0.0, 1.7e308])
    assert pearson(np.column_stack([huge, -huge]))[0, 1] == pytest.approx(-1)


def test_correlation_ratio_by_hand():
    """Between: 2·(2−4)² + 2·(6−4)² = 16 of 20, so ε² = 1 − (4/2)/(20/3) = 0.7."""
    values, groups = np.array([1.0, 3.0, 5.0, 7.0]), np.array([0, 0, 1, 1])
    assert correlation_ratio(values, groups) == pytest.approx(np.sqrt(0.7))


def test_correlation_ratio_of_two_large_groups_is_r():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, 50_000)
    values = rng.normal(size=50_000) + groups
    assert correlation_ratio(values, groups) == pytest.approx(np.corrcoef(values, groups)[0, 1], abs=1e-4)


def test_cramers_v_by_hand():
    """χ² of [[30, 10], [10, 30]] is 20 = 80 φ²; φ² − 1/79 over the corrected 2 − 1/79 − 1."""
    first = np.repeat([0, 0, 1, 1], [30, 10, 10, 30])
    second = np.repeat([0, 1, 0, 1], [30, 10, 10, 30])
    assert cramers_v(first, second) == pytest.approx(np.sqrt((0.25 - 1 / 79) / (1 - 1 / 79)))


def test_categories_that_are_the_same_tell_all_and_a_name_of_its_own_in_each_row_tells_nothing():
    classes = np.arange(300) % 3
    assert cramers_v(classes, 2 - classes) == pytest.approx(1)
    assert cramers_v(np.arange(300), classes) == 0
    assert correlation_ratio(np.random.default_rng(0).normal(size=300), np.arange(300)) is None


def test_missing_rows_are_left_out():
    values, groups = np.array([1.0, 3.0, 5.0, 7.0, NAN, 99.0]), np.array([0, 0, 1, 1, 1, -1])
    assert correlation_ratio(values, groups) == pytest.approx(np.sqrt(0.7))
    assert cramers_v(np.array([0, 1, -1]), np.array([0, 0, 1])) is None
