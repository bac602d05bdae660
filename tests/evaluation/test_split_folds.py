"""Rows dealt into folds, against scikit-learn's splitters."""

import numpy as np
import pytest
from sklearn.model_selection import KFold, LeaveOneOut, StratifiedKFold

from mlcli.errors import ConfigError, DataError
from mlcli.evaluation.cross_validation import split_folds

CLASSES = np.repeat([0, 1, 2], [20, 13, 8])


@pytest.mark.parametrize("first", [0, 7])
@pytest.mark.parametrize(("splitter", "classes"), [(KFold, None), (StratifiedKFold, CLASSES)])
def test_folds_are_those_of_scikit_learn(splitter, classes, first):
    x = np.zeros((41, 1))
    dealt = split_folds(41, 4, 3, first, classes)
    assert len(dealt) == 3
    for repeat, folds in enumerate(dealt):
        theirs = splitter(4, shuffle=True, random_state=first + repeat).split(x, classes)
        assert [fold.tolist() for fold in folds] == [test.tolist() for _, test in theirs]


def test_each_row_is_left_out_once():
    [folds] = split_folds(6, "leave_one_out", 1, 0, None)
    assert [fold.tolist() for fold in folds] == [test.tolist() for _, test in LeaveOneOut().split(np.zeros((6, 1)))]


def test_a_class_of_fewer_rows_than_folds_is_dealt_as_far_as_it_goes():
    [folds] = split_folds(12, 5, 1, 0, np.repeat([0, 1], [10, 2]))
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
        split_folds(n_rows, folds, 1, 0, classes)
