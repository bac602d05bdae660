"""scikit-learn's models behind the trained baselines, and the bounds that keep fitting them to seconds."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from mlcli.data.profile import is_imbalanced
from mlcli.evaluation.training_sample import TrainingSample, n_model_outputs
from mlcli.models.task import Classification, FittedTask, Regression

MAX_ITERATIONS = 500  # of logistic and Poisson regression
# Rows of linear quantile regression, a linear program whose time grows with their square; rows × inputs.
MAX_PROGRAM_ROWS, MIN_PROGRAM_ROWS, MAX_PROGRAM = 2_000, 200, 200_000
N_NEIGHBOURS = 5
# Distances of nearest neighbours: training rows × measured rows × inputs.
MAX_DISTANCES = 40_000_000_000
MIN_NEIGHBOUR_ROWS = 200
MIN_LEAF_ROWS = 5
# Trees of the forest; fewer where trees × measured rows are more than MAX_ANSWERS; rows that each tree is fitted on.
N_TREES, MIN_TREES, MAX_ANSWERS, MAX_TREE_ROWS = 100, 20, 20_000_000, 20_000
# Cost of the histograms of boosting: rounds × columns × outputs.
MAX_HISTOGRAMS = 60_000
MIN_ROUNDS, MAX_ROUNDS, UNCHECKED_ROUNDS = 8, 300, 100
# Codes of a column that boosting can treat as categories; with many columns, bins are fewer.
MAX_BINS, FEW_BINS, MANY_COLUMNS = 255, 63, 500
# Rows from which boosting has validation rows, and from which it is not fitted again on all rows.
MIN_CHECKED_ROWS, MAX_REFITTED_ROWS = 500, 10_000
PATIENCE = 20


def fit_estimator(name: str, task: FittedTask, sample: TrainingSample, n_measured: int, seed: int) -> tuple[Any, str]:
    """The fitted estimator, and what it does."""
    if name == "linear" and task.measured_as == "quantile":
        n_rows = max(MIN_PROGRAM_ROWS, min(MAX_PROGRAM_ROWS, MAX_PROGRAM // sample.n_inputs))
        sample = sample.part(n_rows, seed)
    if name == "knn":
        sample = sample.part(max_neighbour_rows(sample.n_inputs, n_measured), seed)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        if name == "boosting":
            estimator, text = _fit_boosting(task, sample, seed)
        else:
            estimator, text = make_estimator(name, task, sample, n_measured, seed)
            if name == "knn" and sample.weights is not None:
                text += ", which count alike"
            estimator.fit(sample.x, _answers(sample), **_weights_of(estimator, sample))
    if sample.block > 1:
        text += f"; on means of {sample.block} × {sample.block} pixels"
    if len(sample.x) < sample.n_rows:
        text += f"; trained on {len(sample.x):,} of {sample.n_rows:,} rows"
    if any("converge" in str(warning.message) for warning in raised):
        text += f"; stopped before it converged, after {MAX_ITERATIONS} steps"
    return estimator, text


def outputs_of(estimator: Any, task: FittedTask, x: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Probabilities (n, K), 0 for classes that the sample lacked; or standardised numbers (n, n_targets)."""
    if not isinstance(task, Classification):
        return np.asarray(estimator.predict(x)).reshape(-1, task.n_outputs)
    probabilities = np.zeros((len(x), len(task.classes)))
    probabilities[:, estimator.classes_] = estimator.predict_proba(x)
    return probabilities


def max_neighbour_rows(n_inputs: int, n_measured: int) -> int:
    """Training rows of nearest neighbours: every measured row is compared with each."""
    return max(MIN_NEIGHBOUR_ROWS, MAX_DISTANCES // (n_inputs * n_measured))


def _answers(sample: TrainingSample) -> np.ndarray:
    return sample.y[:, 0] if sample.y.shape[1:] == (1,) else sample.y


def _weights_of(estimator: Any, sample: TrainingSample) -> dict[str, Any]:  # noqa: ANN401
    """The rows' weights, for an estimator or the steps of a pipeline that take them."""
    from sklearn.utils.validation import has_fit_parameter

    steps = {f"{name}__": step for name, step in getattr(estimator, "steps", ())} or {"": estimator}
    taking = [name for name, step in steps.items() if has_fit_parameter(step, "sample_weight")]
    return {} if sample.weights is None else {f"{name}sample_weight": sample.weights for name in taking}


def make_estimator(name: str, task: FittedTask, sample: TrainingSample, n_measured: int, seed: int) -> tuple[Any, str]:
    """scikit-learn's estimator before it is fitted, and what it does."""
    from sklearn import linear_model, tree

    match name:
        case "logistic":
            text = "logistic regression on standardised inputs (L2 penalty, C = 1)"
            return _on_standardised(linear_model.LogisticRegression(max_iter=MAX_ITERATIONS), sample), text
        case "linear":
            return _linear(task, sample)
        case "ridge":
            text = "linear regression on standardised inputs (L2 penalty of 1)"
            return _on_standardised(linear_model.Ridge(), sample), text
        case "knn":
            return _neighbours(task, sample)
        case "tree":
            text = f"a decision tree with {MIN_LEAF_ROWS} training rows or more in each leaf"
            tree_of = tree.DecisionTreeClassifier if isinstance(task, Classification) else tree.DecisionTreeRegressor
            return tree_of(min_samples_leaf=MIN_LEAF_ROWS, random_state=seed % 2**32, **_criterion(task)), text
        case _:
            return _forest(task, len(sample.x), n_measured, seed)


def _linear(task: FittedTask, sample: TrainingSample) -> tuple[Any, str]:
    from sklearn import linear_model

    n_rows = len(sample.x)
    if task.measured_as == "quantile":
        q = _quantile(task)
        text = f"linear regression of the {q:g} quantile on standardised inputs (L1 penalty of 1)"
        linear = linear_model.QuantileRegressor(quantile=q, alpha=1 / n_rows)
        return _on_standardised(_for_each_target(linear, task), sample), text
    if task.measured_as == "counts":
        linear = linear_model.PoissonRegressor(alpha=1 / n_rows, max_iter=MAX_ITERATIONS)
        text = "Poisson regression on standardised inputs (L2 penalty of 1)"
        return _on_standardised(_for_each_target(linear, task), sample), text
    return _on_standardised(linear_model.LinearRegression(), sample), "linear regression (ordinary least squares)"


def _neighbours(task: FittedTask, sample: TrainingSample) -> tuple[Any, str]:
    from sklearn import neighbors

    of_kind = neighbors.KNeighborsClassifier if isinstance(task, Classification) else neighbors.KNeighborsRegressor
    k = min(N_NEIGHBOURS, len(sample.x))
    return _on_standardised(of_kind(k), sample), f"predicts the average of the {k} nearest training rows"


def _forest(task: FittedTask, n_rows: int, n_measured: int, seed: int) -> tuple[Any, str]:
    """A random forest of classes; extremely randomised trees (Geurts et al., 2006) of numbers, which cost less."""
    from sklearn import ensemble, impute, pipeline

    n_trees = min(N_TREES, max(MIN_TREES, MAX_ANSWERS // max(1, n_measured)))
    common: dict[str, Any] = {"n_estimators": n_trees, "random_state": seed % 2**32, **_criterion(task)}
    many = n_rows > MAX_TREE_ROWS
    if many:
        common |= {"max_samples": MAX_TREE_ROWS, "bootstrap": True}
    classes = isinstance(task, Classification)
    forest = ensemble.RandomForestClassifier if classes else ensemble.ExtraTreesRegressor
    text = f"a forest of {n_trees} {'random' if classes else 'extremely randomised'} trees"
    text += f", each fitted on {MAX_TREE_ROWS:,} of the rows" if many else ""
    filled = impute.SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return pipeline.make_pipeline(filled, forest(**common)), text


def _criterion(task: FittedTask) -> dict[str, str]:
    return {"criterion": "poisson"} if task.measured_as == "counts" else {}


def _on_standardised(estimator: Any, sample: TrainingSample) -> Any:  # noqa: ANN401
    """Missing numbers filled with means, categories as columns of 0 and 1, all of mean 0 and deviation 1.

    Gradient descent converges, and a penalty treats all inputs alike, where the inputs have one scale.
    """
    from sklearn import compose, impute, pipeline, preprocessing

    sizes = sample.cardinalities
    n_numbers = sample.x.shape[1] - len(sizes)
    codes = [np.arange(size) for size in sizes]
    flags = preprocessing.OneHotEncoder(categories=codes, sparse_output=False, dtype=sample.x.dtype)
    filled = impute.SimpleImputer(add_indicator=True, keep_empty_features=True)
    parts = [("numbers", filled, slice(0, n_numbers))] if n_numbers else []
    parts += [("codes", flags, slice(n_numbers, None))] if sizes else []
    return pipeline.make_pipeline(compose.ColumnTransformer(parts), preprocessing.StandardScaler(), estimator)


def _quantile(task: FittedTask) -> float:
    """Of a task that predicts one."""
    return (isinstance(task, Regression) and task.q) or math.nan


def _for_each_target(estimator: Any, task: FittedTask) -> Any:  # noqa: ANN401
    """Of an estimator that predicts one number, one for each target."""
    from sklearn import multioutput

    several = isinstance(task, Regression) and task.n_outputs > 1
    return multioutput.MultiOutputRegressor(estimator) if several else estimator


def boosting_rounds(n_columns: int, n_outputs: int) -> int:
    """Trees one after the other, at most; every round makes histograms of all columns, for each output."""
    return min(MAX_ROUNDS, max(MIN_ROUNDS, MAX_HISTOGRAMS // (n_columns * n_outputs)))


def _fit_boosting(task: FittedTask, sample: TrainingSample, seed: int) -> tuple[Any, str]:
    """With validation rows of its own where there are enough; with few rows, fitted again on all of them."""
    limit = boosting_rounds(sample.x.shape[1], n_model_outputs(task))
    if not _has_validation_rows(task, sample):
        rounds = min(limit, UNCHECKED_ROUNDS)
        found = _boosting(task, sample, rounds, seed).fit(sample.x, _answers(sample), sample.weights)
        return found, f"gradient boosting of trees, {rounds} rounds"
    checked = {"early_stopping": True, "validation_fraction": 0.1, "n_iter_no_change": PATIENCE}
    found = _boosting(task, sample, limit, seed, **checked).fit(sample.x, _answers(sample), sample.weights)
    trained = getattr(found, "estimators_", [found])
    best = [_best_round(own) for own in trained]
    rounds = round(float(np.mean(best)))
    text = f"gradient boosting of trees, {rounds} round{'s' * (rounds > 1)}, chosen on a tenth of its rows"
    if len(sample.x) <= MAX_REFITTED_ROWS:
        found = _boosting(task, sample, rounds, seed, rate=_rate(limit))
        found.fit(sample.x, _answers(sample), sample.weights)
        text += ", then fitted on all of them"
    return found, text


def _best_round(estimator: Any) -> int:  # noqa: ANN401
    """The round with the best score on the validation rows; 1 at least."""
    return max(1, int(np.argmax(estimator.validation_score_)))


def _has_validation_rows(task: FittedTask, sample: TrainingSample) -> bool:
    """The validation rows are stratified, which needs two rows of every class."""
    if len(sample.x) < MIN_CHECKED_ROWS:
        return False
    if not isinstance(task, Classification):
        return True
    counts = np.bincount(sample.y)
    return bool(counts[counts > 0].min() > 1) and (counts > 0).sum() <= len(sample.x) // 10


def _rate(rounds: int) -> float:
    """The learning rate: scikit-learn's 0.1, and more where rounds are few."""
    return min(0.3, max(0.1, 10 / rounds))


def _boosting(
    task: FittedTask, sample: TrainingSample, rounds: int, seed: int, *, rate: float | None = None, **settings: float
) -> Any:  # noqa: ANN401
    from sklearn import ensemble

    classes = isinstance(task, Classification)
    boosting = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
    losses: dict[str, dict[str, Any]] = {
        "quantile": {"loss": "quantile", "quantile": _quantile(task)},
        "counts": {"loss": "poisson"},
    }
    n_columns = sample.x.shape[1]
    bins = MAX_BINS if n_columns * n_model_outputs(task) <= MANY_COLUMNS else FEW_BINS
    first = n_columns - len(sample.cardinalities)
    codes = [first + i for i, size in enumerate(sample.cardinalities) if size <= bins]
    one = boosting(
        max_iter=rounds,
        learning_rate=rate or _rate(rounds),
        max_bins=bins,
        categorical_features=codes or None,
        # Without a penalty the first rounds of imbalanced classes have leaves so far out that none is an improvement.
        l2_regularization=1.0 if isinstance(task, Classification) and is_imbalanced(task.sizes) else 0.0,
        random_state=seed % 2**32,
        **{"early_stopping": False, **settings},
        **losses.get(task.measured_as, {}),
    )
    return _for_each_target(one, task)
