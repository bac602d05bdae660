"""Rows in folds, against scikit-learn's splitters and their properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, LeaveOneGroupOut, LeaveOneOut, StratifiedKFold, TimeSeriesSplit

from mlcli.data.folds import group_folds, rows_before, split_folds
from mlcli.errors import ConfigError, DataError

CLASSES = np.repeat([2, 0, 1], [20, 13, 8])


@pytest.mark.parametrize("first", [0, 7])
@pytest.mark.parametrize(("splitter", "classes"), [(KFold, None), (StratifiedKFold, CLASSES)])
def test_folds_are_those_of_scikit_learn(splitter, classes, first):
    x = np.zeros((41, 1))
    dealt = split_folds("evaluation.folds", 41, 4, 3, first, classes)
    assert len(dealt) == 3
    for repeat, folds in enumerate(dealt):
        theirs = splitter(4, shuffle=True, random_state=first + repeat).split(x, classes)
        assert [fold.tolist() for fold in folds] == [test.tolist() for _, test in theirs]


def test_each_row_is_left_out_once():
    [folds] = split_folds("evaluation.folds", 6, "leave_one_out", 1, 0, None)
    assert [fold.tolist() for fold in folds] == [test.tolist() for _, test in LeaveOneOut().split(np.zeros((6, 1)))]


def test_a_class_of_fewer_rows_than_folds_is_dealt_as_far_as_it_goes():
    [folds] = split_folds("evaluation.folds", 12, 5, 1, 0, np.repeat([0, 1], [10, 2]))
    assert sorted(np.concatenate(folds)) == list(range(12))
    assert max((fold >= 10).sum() for fold in folds) == 1


@pytest.mark.parametrize(
    ("n_rows", "folds", "classes", "error", "message"),
    [
        (501, "leave_one_out", None, ConfigError, "each of the 501 rows"),
        (1, "leave_one_out", None, DataError, "at least two rows, got 1"),
        (3, 4, None, ConfigError, "4 folds need at least 4 rows, got 3"),
        (6, 4, np.repeat([0, 1], 3), ConfigError, "rows of the largest class, got 3"),
    ],
)
def test_too_few_and_too_many_rows_are_refused(n_rows, folds, classes, error, message):
    with pytest.raises(error, match=message):
        split_folds("evaluation.folds", n_rows, folds, 1, 0, classes)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(2, 6), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_groups_stay_whole_in_folds_of_about_as_many_rows(groups, folds, seed):
    groups = np.array(groups)
    if len(np.unique(groups)) < folds:
        with pytest.raises(ConfigError, match=rf"{folds} folds need at least {folds} groups, got"):
            split_folds("improve.folds", len(groups), folds, 1, seed, None, groups)
        return
    [found] = split_folds("improve.folds", len(groups), folds, 1, seed, None, groups)
    assert sorted(np.concatenate(found)) == list(range(len(groups)))
    assert all((np.diff(fold) > 0).all() for fold in found)
    assert sum(len(np.unique(groups[fold])) for fold in found) == len(np.unique(groups))
    sizes = [len(fold) for fold in found]
    assert max(sizes) - min(sizes) <= np.bincount(groups).max()  # as GroupKFold's


def test_groups_are_shuffled_by_the_seed_and_each_repeat_differs():
    groups = np.repeat(np.arange(30), np.arange(1, 31) % 5 + 3)
    two = split_folds("evaluation.folds", len(groups), 5, 2, 0, None, groups)
    again = split_folds("evaluation.folds", len(groups), 5, 2, 0, None, groups)
    assert [[fold.tolist() for fold in folds] for folds in two] == [
        [fold.tolist() for fold in folds] for folds in again
    ]
    assert two[0][0].tolist() != two[1][0].tolist()


def test_folds_of_groups_keep_the_shares_of_classes():
    """60 groups of 10 rows, a third of them with 4 rows of the rare class: 16 of them in each of 5 folds."""
    groups = np.repeat(np.arange(60), 10)
    classes = ((np.arange(600) % 10 < 4) & (groups % 3 == 0)).astype(int)
    folds = group_folds(groups, 5, 1, classes)
    assert np.bincount(folds, minlength=5).tolist() == [120] * 5
    assert np.bincount(folds, classes).tolist() == [16.0] * 5


def test_leaving_one_group_out():
    groups = np.array([4, 1, 1, 7, 4, 4])
    [folds] = split_folds("evaluation.folds", 6, "leave_one_out", 1, 0, None, groups)
    theirs = LeaveOneGroupOut().split(np.zeros((6, 1)), groups=groups)
    assert [fold.tolist() for fold in folds] == [test.tolist() for _, test in theirs]


@pytest.mark.parametrize(("n_rows", "folds"), [(20, 3), (41, 5), (7, 6)])
def test_folds_by_time_are_those_of_scikit_learn(n_rows, folds):
    times = np.random.default_rng(n_rows).permutation(n_rows)
    order = np.argsort(times)
    [found] = split_folds("evaluation.folds", n_rows, folds, 1, 0, None, times, by_time=True)
    theirs = list(TimeSeriesSplit(folds).split(np.zeros((n_rows, 1))))
    assert [fold.tolist() for fold in found] == [sorted(order[test]) for _, test in theirs]
    assert [rows_before(times, fold).tolist() for fold in found] == [sorted(order[train]) for train, _ in theirs]


def test_folds_by_time_keep_the_rows_of_one_time_together():
    times = np.repeat(np.arange(2, 32), 7)
    [found] = split_folds("evaluation.folds", 210, 4, 1, 0, None, times, by_time=True)
    for fold in found:
        assert times[rows_before(times, fold)].max() < times[fold].min()
        assert len(fold) == 42


@pytest.mark.parametrize(
    ("folds", "message"),
    [(3, "3 folds by time need at least 4 different times, got 3"), ("leave_one_out", "later rows")],
)
def test_too_few_times_are_refused(folds, message):
    with pytest.raises(ConfigError, match=message):
        split_folds("improve.folds", 30, folds, 1, 0, None, np.arange(30) % 3, by_time=True)
