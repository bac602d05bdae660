"""Measures against NumPy, scikit-learn's counts and numbers worked out by hand."""

import numpy as np
import pytest

from mlcli.eda.association import (
    Association,
    TargetColumn,
    category_associations,
    category_auc,
    correlation_ratio,
    cramers_v,
    number_associations,
    number_auc,
    pearson,
)

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


def rare(n_rows, n_rare, n_classes=2):
    """Codes of classes of which the last has few rows, in any order."""
    codes = np.arange(n_rows) % (n_classes - 1)
    codes[:n_rare] = n_classes - 1
    return np.random.default_rng(0).permutation(codes)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_auc_of_numbers_is_scikit_learns_over_the_known_rows(n_classes, sign):
    from sklearn.metrics import roc_auc_score

    codes = rare(600, 12, n_classes)
    values = sign * np.round(np.random.default_rng(1).normal(size=600) + codes, 1)  # with ties
    values[::7], codes[::11] = NAN, -1
    known = np.isfinite(values) & (codes >= 0)
    areas = [roc_auc_score(codes[known] == k, values[known]) for k in range(n_classes)]
    expected = np.mean(np.maximum(areas, np.subtract(1, areas)))
    assert number_auc(values, codes) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_auc_of_categories_is_that_of_scikit_learns_target_encoder_on_rows_left_out(n_classes):
    from sklearn.metrics import roc_auc_score
    from sklearn.preprocessing import TargetEncoder

    codes = rare(500, 40, n_classes)
    categories = np.where(np.random.default_rng(2).random(500) < 0.5, 5 * codes, np.arange(500) % 17)
    fold = np.empty(500, dtype=int)
    for k in range(n_classes):
        fold[codes == k] = (np.flatnonzero(np.sort(codes) == k)) % 5
    by_class = []
    for k in range(n_classes):
        truth, areas = (codes == k).astype(int), []
        for part in range(5):
            fit, measured = fold != part, fold == part
            encoder = TargetEncoder(smooth=1.0, target_type="binary").fit(categories[fit, np.newaxis], truth[fit])
            scores = encoder.transform(categories[measured, np.newaxis])[:, 0]
            areas.append(roc_auc_score(truth[measured], scores))
        by_class.append(np.mean(areas))
    assert category_auc(categories, codes) == pytest.approx(np.mean(by_class), abs=1e-12)


def test_auc_of_what_separates_a_rare_class_and_of_what_does_not():
    codes, noise = rare(5000, 12), np.random.default_rng(3)
    assert number_auc(np.where(codes == 1, -5.0, noise.random(5000)), codes) == 1
    assert category_auc(codes + 3, codes) == 1
    assert category_auc(np.arange(5000), codes) == 0.5  # a name of its own in each row
    assert category_auc(noise.integers(0, 50, 5000), codes) < 0.62
    assert number_auc(np.zeros(5000), codes) == 0.5
    assert number_auc(np.arange(3.0), np.zeros(3, dtype=int)) is None
    assert category_auc(np.arange(3), np.array([0, 0, -1])) is None


def test_a_rare_class_is_judged_by_auc_and_others_by_variance():
    """A flag of three frauds in four and of one row in ten: AUC (0.75 + 0.9) / 2, where Cramér's V is below 0.1."""
    codes = np.repeat([1, 0], [12, 6924])
    flag = np.concatenate([np.repeat([1, 0], [9, 3]), np.tile([1] + [0] * 9, 693)[:6924]])
    target = TargetColumn("fraud", ("no", "yes"), (6924, 12), codes, np.empty(0))
    [by_number], [by_category] = number_associations(flag * 1.0, [target]), category_associations(flag, [target])
    assert (by_number.measure, by_category.measure) == ("auc", "auc")
    assert by_number.value == pytest.approx((9 / 12 + 1 - flag[12:].mean()) / 2)
    assert by_category.value == pytest.approx(by_number.value, abs=0.02)
    assert cramers_v(flag, codes) < 0.1
    even = TargetColumn("y", ("a", "b"), (50, 50), np.arange(100) % 2, np.empty(0))
    assert next(number_associations(np.arange(100.0), [even])).measure == "correlation_ratio"


@pytest.mark.parametrize(
    ("measure", "value", "strength"), [("auc", 0.75, 0.5), ("pearson", -0.5, 0.5), ("auc", 0.5, 0)]
)
def test_the_strength_of_an_association(measure, value, strength):
    assert Association("y", measure, value).strength == strength
