"""Counting rows is as good as repeating them."""

import numpy as np
import pytest

from mlcli.metrics.catalog import names_for
from mlcli.metrics.probabilities import FEW, descending
from mlcli.metrics.sampling import sample_scores
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression, sampled_classes
from tests.metrics.peers import of_classes, of_numbers


class Recorded:
    """Resamples of rows that can be repeated elsewhere; cells are the rows with like labels."""

    def __init__(self, n_rows, n_resamples, *labels):
        self.rows = np.random.default_rng(7).integers(n_rows, size=(n_resamples, n_rows))
        self.cells = np.unique(np.stack(labels), axis=1, return_inverse=True)[1].ravel() if labels else None

    def counts(self, sizes, groups=None):
        drawn = self.rows if (sizes == 1).all() else self.cells[self.rows]
        yield from np.array_split([np.bincount(rows, minlength=len(sizes)).astype(np.int32) for rows in drawn], 2)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_classes_of_resampled_rows_agree_with_scikit_learn(n_classes):
    truth, probabilities = sampled_classes(n_classes, 150)
    order = np.argsort(-probabilities[:, 1], kind="stable")  # the order in which two classes' rows are drawn
    truth, probabilities = truth[order], probabilities[order]
    odds = np.round(5 * probabilities) + 0.1  # many rows of equal probability
    models = [class_predictions(probabilities), class_predictions(odds / odds.sum(axis=1, keepdims=True))]
    recorded = Recorded(150, 2, truth, *(model.values for model in models))
    samples = sample_scores(classification(n_classes), truth, models, names_for("classification"), recorded)
    for model, sample in zip(models, samples, strict=True):
        for i, rows in enumerate(recorded.rows):
            expected = of_classes(truth[rows], model.values[rows], model.probabilities[rows])
            assert {name: sample.draws[name][i] for name in expected} == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n_rows", "n_targets"), [(80, 1), (81, 1), (81, 3)])
def test_numbers_of_resampled_rows_agree_with_scikit_learn(n_rows, n_targets):
    rng = np.random.default_rng(1)
    truth = rng.normal(50, 5, size=(n_rows, n_targets))
    guess = truth + rng.normal(size=truth.shape)
    recorded = Recorded(n_rows, 6)
    [sample] = sample_scores(
        regression(n_targets), truth, [number_predictions(guess)], names_for("regression"), recorded
    )
    for i, rows in enumerate(recorded.rows):
        expected = of_numbers(truth[rows], guess[rows])
        assert {name: sample.draws[name][i] for name in expected} == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weighted_rows_of_classes_agree_with_scikit_learn(n_classes):
    from sklearn.metrics import average_precision_score, f1_score, log_loss

    truth, probabilities = sampled_classes(n_classes, 200)
    probabilities = np.round(5 * probabilities) + 0.1  # many rows of equal probability
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    weights, model = np.random.default_rng(0).uniform(1, 50, size=200), class_predictions(probabilities)
    names, macro = ("pr_auc", "f1_macro", "log_loss"), {"average": "macro", "sample_weight": weights}
    [sample] = sample_scores(classification(n_classes), truth, [model], names, weights=weights)
    ranked = probabilities[:, 1] if n_classes == 2 else probabilities
    assert sample.values == pytest.approx(
        {
            "pr_auc": average_precision_score(truth, ranked, **macro),
            "f1_macro": f1_score(truth, model.values, **macro),
            "log_loss": log_loss(truth, probabilities, sample_weight=weights),
        }
    )


def test_many_scores_are_ordered_as_by_comparisons():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=FEW)
    smallest = np.finfo(np.float64).smallest_subnormal
    signs = np.where(rng.random(FEW) < 0.5, -0.0, 0.0)
    for scores in (drawn, drawn.round(1), 1 / (1 + np.exp(6 - drawn)), signs, signs + smallest * (drawn > 1)):
        np.testing.assert_array_equal(descending(scores), np.argsort(-scores, kind="stable"))
