"""The estimators of scikit-learn that are trained beside a network."""

from __future__ import annotations

from typing import Any

from sklearn import ensemble, linear_model, multioutput, neighbors, pipeline, preprocessing, tree

from mlcli.evaluation.lessons import rival_outputs
from mlcli.task import Classification, FittedTask

# Boosting: rounds × inputs × outputs, which is what its histograms cost.
HISTOGRAMS = 60_000
MOST_ROUNDS, FEWEST_ROUNDS = 100, 8
BINS = 63
NEIGHBOURS = 5
LEAF_ROWS = 5
LONGEST_DESCENT = 500


def rounds_to_boost(n_inputs: int, n_outputs: int) -> int:
    """Trees one after the other; every round makes histograms of all inputs, for each output."""
    return min(MOST_ROUNDS, max(FEWEST_ROUNDS, HISTOGRAMS // (n_inputs * n_outputs)))


def make_estimator(name: str, task: FittedTask, n_inputs: int, n_rows: int, seed: int) -> tuple[Any, str]:
    """The estimator before its training, and what it does."""
    classes = isinstance(task, Classification)
    match name:
        case "logistic":
            text = "logistic regression on standardised inputs (L2 penalty, C = 1)"
            return _on_standardised(linear_model.LogisticRegression(max_iter=LONGEST_DESCENT)), text
        case "linear":
            return _on_standardised(linear_model.Ridge()), "linear regression on standardised inputs (L2 penalty of 1)"
        case "knn":
            own = neighbors.KNeighborsClassifier if classes else neighbors.KNeighborsRegressor
            k = min(NEIGHBOURS, n_rows)
            return own(k), f"answers as the {k} most similar training rows do on average"
        case "tree":
            own = tree.DecisionTreeClassifier if classes else tree.DecisionTreeRegressor
            text = f"a decision tree with {LEAF_ROWS} training rows or more in each leaf"
            return own(min_samples_leaf=LEAF_ROWS, random_state=seed % 2**32), text
    rounds = rounds_to_boost(n_inputs, rival_outputs(task))
    own = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
    boosting = own(
        max_iter=rounds,
        learning_rate=min(0.3, 10 / rounds),
        max_bins=BINS,
        early_stopping=False,
        random_state=seed % 2**32,
    )
    several = not classes and task.n_outputs > 1
    return multioutput.MultiOutputRegressor(
        boosting
    ) if several else boosting, f"gradient boosting of trees, {rounds} rounds"


def _on_standardised(estimator: Any) -> Any:  # noqa: ANN401
    """Gradient descent converges, and a penalty treats all inputs alike, where they are of one size."""
    return pipeline.make_pipeline(preprocessing.StandardScaler(), estimator)
