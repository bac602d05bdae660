"""The forest in a process of its own."""

import numpy as np
import pytest

from mlcli.diagnosis import trees


@pytest.mark.parametrize("classes", [True, False])
def test_another_process_predicts_the_same_rows_alike(workspace, monkeypatch, classes):
    rng = np.random.default_rng(0)
    x, weights, folds = rng.normal(size=(60, 2)), rng.random(60), np.arange(60) % 3
    truth = np.eye(2)[(x[:, 0] > 0).astype(int)] if classes else x @ [[1.0], [-1.0]]
    asked = {"x": x, "truth": truth, "seed": np.array(1), "classes": np.array(classes), "weights": weights}
    if classes:
        asked["folds"] = folds
    else:
        monkeypatch.setattr(trees, "ASKED", "nothing")  # the process fails, and the answer is this one's
    found = trees.predict_apart(asked, workspace / "rows")
    assert np.array_equal(found, trees.predict_unseen(asked))
    assert not [*workspace.glob(".*"), *workspace.glob("rows*")]
