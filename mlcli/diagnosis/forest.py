"""A random forest on the training rows, and the labels that it contradicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlcli.data.folds import group_folds
from mlcli.diagnosis.evidence import ForestFacts, LabelFacts
from mlcli.diagnosis.experiment import Experiment, weights_of
from mlcli.diagnosis.trees import predict_apart, predict_unseen
from mlcli.training.datasets import FileDataset

# Rows looked at for the forest, and folds of whole groups.
FOREST_SAMPLE, FOREST_FOLDS = 3000, 3
# Share of predictions that count as confident: overlapping classes have few errors there, wrong labels have some.
CONFIDENT = 0.25


def grow_forest(experiment: Experiment) -> ForestFacts:
    """Out-of-bag predictions of a random forest on at most FOREST_SAMPLE training rows; by folds of whole groups.

    Out of bag, a row would be predicted by others of its group.
    """
    rows = experiment.permutation(len(experiment.train))[:FOREST_SAMPLE].sort().values
    drawn = experiment.train.at(rows.to(experiment.train.y.device))
    x, weights, truth = drawn.x.float().cpu().numpy(), weights_of(drawn), experiment.targets(drawn.y.cpu())
    alike, seed = np.unique(x, axis=0, return_inverse=True)[1].reshape(-1), experiment.config.seed % 2**32
    asked = {"x": x, "truth": truth, "seed": np.array(seed), "classes": np.array(experiment.n_classes > 0)}
    if weights is not None:
        asked["weights"] = weights
    groups = None if experiment.groups is None else np.unique(experiment.groups[rows.numpy()], return_inverse=True)[1]
    if groups is not None and groups.max() > 0:
        asked["folds"] = group_folds(groups, min(FOREST_FOLDS, int(groups.max()) + 1), seed)
    train = experiment.train
    predicted = predict_apart(asked, train.x.path.parent) if isinstance(train, FileDataset) else predict_unseen(asked)
    return ForestFacts(rows.numpy(), truth, predicted, alike, weights)


def suspect_labels(forest: ForestFacts, row_numbers: np.ndarray, files: Sequence[str] = ()) -> LabelFacts:
    """Confident learning (Northcutt et al., 2021) on out-of-bag probabilities (n, K).

    row_numbers : of the training rows in the file
    files       : of folders of images, the file of each number, from 1

    A row counts for class j where its probability of j is at least the mean of the rows labelled j; it is suspect where
    the most probable of these classes is not its label.
    """
    labels, probabilities = forest.truth.argmax(axis=1), forest.predicted
    own, counts = probabilities[np.arange(len(labels)), labels], forest.truth.sum(axis=0)
    means = np.where(counts > 0, (forest.truth * probabilities).sum(axis=0) / np.maximum(counts, 1), np.inf)
    above = np.where(probabilities >= means, probabilities, 0.0)
    wrong = (above.max(axis=1) > 0) & (above.argmax(axis=1) != labels)
    order = np.argsort(own - probabilities.max(axis=1), kind="stable")
    suspects = tuple(row_numbers[forest.rows[order[wrong[order]]]].tolist())
    n_confident = max(1, round(CONFIDENT * len(labels)))
    confident = np.argsort(-probabilities.max(axis=1), kind="stable")[:n_confident]
    n_distinct = len(np.unique(forest.alike[confident]))
    error_rate = float((probabilities[confident].argmax(axis=1) != labels[confident]).mean())
    all_errors = float((probabilities.argmax(axis=1) != labels).mean())
    names = tuple(files[number - 1] for number in suspects) if files else ()
    return LabelFacts(error_rate, n_confident, n_distinct, all_errors, suspects, names)
