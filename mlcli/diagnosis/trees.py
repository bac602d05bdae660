"""A random forest's predictions for rows that it was not grown on, here or in a process of its own.

scikit-learn and what it imports take about 110 MB, which such a process gives back when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.io import disk
from mlcli.io.arrays import read_arrays, write_arrays
from mlcli.io.atomic import claimed
from mlcli.io.programs import running

# Leaves of single rows would fit wrong labels.
N_TREES, MIN_LEAF = 100, 3
ASKED, FOUND = "asked.safetensors", "found.safetensors"
# By name: x (n, d); truth (n, k), classes as ones and zeros where `classes` is true, else numbers; seed; weights (n,)
# and folds (n,), where there are any.
Asked = Mapping[str, NDArray[Any]]


def predict_unseen(asked: Asked) -> NDArray[np.float64]:
    """Of each row, out of bag or, where there are folds, by a forest of the other folds: as truth, (n, k)."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    x, truth, weights, folds = asked["x"], asked["truth"], asked.get("weights"), asked.get("folds")
    classes = bool(asked["classes"])
    options = {"n_estimators": N_TREES, "min_samples_leaf": MIN_LEAF, "random_state": int(asked["seed"])}
    forest = RandomForestClassifier(**options) if classes else RandomForestRegressor(max_features=1 / 3, **options)
    labels, predicted = truth.argmax(axis=1) if classes else truth.squeeze(), np.zeros(truth.shape)
    if folds is None:
        forest.set_params(oob_score=True).fit(x, labels, weights)
        if not classes:
            return np.asarray(forest.oob_prediction_, dtype=np.float64).reshape(truth.shape)
        predicted[:, forest.classes_] = forest.oob_decision_function_
        return predicted
    for inside in (folds == fold for fold in range(int(folds.max()) + 1)):
        forest.fit(x[~inside], labels[~inside], None if weights is None else weights[~inside])
        if classes:
            predicted[np.ix_(inside, forest.classes_)] = forest.predict_proba(x[inside])
        else:
            predicted[inside] = forest.predict(x[inside]).reshape(-1, truth.shape[1])
    return predicted


def predict_apart(asked: Asked, beside: Path) -> NDArray[np.float64]:
    """`predict_unseen` by another process; by this one where that one fails.

    beside : a path on whose disk, in whose folder, the two exchange files
    """
    with claimed(beside.with_name(f"{beside.name}-forest"), disk.mkdir) as folder:
        write_arrays(folder / ASKED, asked)
        with running([(["improve", "--forest", str(folder), "--quiet"], {})]) as (process,):
            code = process.wait()
        return predict_unseen(asked) if code else read_arrays(folder / FOUND)["predicted"]


def predict_asked(folder: Path) -> None:
    """What the process started by `predict_apart` does."""
    write_arrays(folder / FOUND, {"predicted": predict_unseen(read_arrays(folder / ASKED))})
