"""Labels that are probably wrong, by confident learning (Northcutt, Jiang and Chuang, 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.improve.probes.forest import ForestFacts

# Where classes overlap, errors lie among the doubtful rows; wrong labels lie among the sure ones as well.
SUREST = 0.25


@dataclass(frozen=True)
class LabelFacts:
    """What contradicts the labels of a sample of training rows.

    floor    : share of errors among the quarter of rows that are predicted most surely
    surest   : how many rows that quarter has
    share    : of labels in the sample that confident learning takes for wrong
    suspects : their rows among the training rows, from 1, the surest first
    """

    floor: float
    surest: int
    share: float
    suspects: tuple[int, ...]


def suspect_labels(forest: ForestFacts) -> LabelFacts:
    """Find them in out-of-bag probabilities (n, K).

    A row is taken for class j where its probability of j is at least the mean that rows labelled j have; it is a
    suspect where j, the likeliest of such classes, is not its label.
    """
    labels, probabilities = forest.truth.argmax(axis=1), forest.predicted
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.maximum(forest.truth.sum(axis=0), 1)
    usual = np.where(forest.truth.sum(axis=0) > 0, (forest.truth * probabilities).sum(axis=0) / counts, np.inf)
    sure = np.where(probabilities >= usual, probabilities, 0.0)
    wrong = (sure.max(axis=1) > 0) & (sure.argmax(axis=1) != labels)
    order = np.argsort(own - probabilities.max(axis=1), kind="stable")
    suspects = [int(forest.rows[at]) + 1 for at in order if wrong[at]]
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")[: max(1, round(SUREST * len(labels)))]
    floor = float((probabilities[surest].argmax(axis=1) != labels[surest]).mean())
    return LabelFacts(floor, len(surest), float(wrong.mean()), tuple(suspects))
