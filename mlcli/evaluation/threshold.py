"""What of the decoding is fitted on validation rows: a threshold, or the mean of a transformed number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlcli.config.sections.training import THRESHOLD_RULE, EvaluationConfig
from mlcli.errors import DataError, UsageError
from mlcli.metrics.conformal import ValidationScores, require_scores
from mlcli.models.task import Classification, FittedTask, Regression

KEY = "evaluation.threshold"
EXPECTED = (
    "expected a number between 0 and 1, f1, balanced_accuracy, recall=0.9, precision=0.9 or cost=fp:1,fn:5 (what a "
    "false positive and a false negative cost)"
)


def parse_threshold(text: str) -> float | str:
    """A number, or a rule as evaluation.threshold has it. Raises UsageError."""
    wanted = text.replace(" ", "")
    if re.fullmatch(THRESHOLD_RULE, wanted):
        return wanted
    try:
        number = float(wanted)
    except ValueError:
        number = np.nan
    if not 0 < number < 1:
        raise UsageError(f"--threshold '{text}': {EXPECTED}")
    return number


def tune_decoding(
    task: FittedTask,
    config: EvaluationConfig,
    outputs: Callable[[], ArrayLike],
    y: ArrayLike,
    weights: NDArray[np.float64] | None = None,
) -> FittedTask:
    """The task with the config's decision threshold, or the best one on these rows, or with means corrected by them.

    outputs : gives the raw outputs for the validation rows, or for the training rows where there are none; called only
        where they are needed
    y       : the encoded targets of these rows
    weights : (n,), of these rows; None where all count alike
    """
    if isinstance(task, Regression):
        return task if task.smearing is None else task.measure_smearing(outputs(), y, weights)
    chosen = config.threshold
    if len(task.classes) != 2 or chosen == "auto":
        return task
    if isinstance(chosen, float):
        return task.with_threshold(chosen)
    probabilities = task.decode(outputs()).probabilities
    if probabilities is None:
        return task
    cut = choose_threshold(task.decode_targets(y), probabilities[:, 1], chosen, weights=weights)
    return task.with_threshold(cut)


def rechoose_threshold(task: FittedTask, kept: ValidationScores | None, text: str) -> Classification:
    """The task with the threshold of `--threshold`. Raises UsageError and DataError."""
    chosen = parse_threshold(text)
    if not isinstance(task, Classification) or len(task.classes) != 2:
        what = f"{len(task.classes)} classes" if isinstance(task, Classification) else "numbers"
        raise UsageError(f"--threshold is for two classes; this model predicts {what}")
    if not task.has_probabilities:
        raise UsageError("--threshold needs probabilities, which this model does not give; train with another loss")
    if isinstance(chosen, float):
        return task.with_threshold(chosen)
    kept = require_scores(kept, f"--threshold {text}")
    probability, weights = kept.scores[:, 0], kept.row_weights
    return task.with_threshold(choose_threshold(kept.truth, probability, chosen, "--threshold", weights))


def describe_threshold(task: Classification, rule: float | str, kept: ValidationScores | None) -> str:
    """The threshold, how it was chosen, and the class that it is for."""
    chosen = ""
    if rule == "auto":
        chosen = ", by the class weights" if task.divisors else ""
    elif isinstance(rule, str) and kept is not None:
        chosen = f", by {rule} on {len(kept.truth):,} validation rows"
    return f"Threshold: {task.classes[1]!r} is predicted from a probability of {task.threshold:.4g} on{chosen}"


class Counts(NamedTuple):
    """At each cut, the rows predicted positive and those of them that are: whole numbers, so that ties are exact.

    Of rows with weights, the sums of these.

    chosen, hits : (n_cuts,)
    positives    : of all n_rows
    """

    chosen: NDArray[np.float64]
    hits: NDArray[np.float64]
    positives: float
    n_rows: float


def choose_threshold(
    truth: np.ndarray,
    positive_probability: np.ndarray,
    rule: str,
    key: str = KEY,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """The best cut t by the rule when `probability >= t` means positive, among all cuts there are.

    truth                : (n,) of 0 and 1
    positive_probability : (n,) in [0, 1]
    rule                 : f1 or balanced_accuracy, which is maximised; recall=R, the highest cut with at least this
                           recall; precision=P, the one of the highest recall with at least this precision;
                           cost=fp:A,fn:B, the lowest cost of false positives and negatives
    key                  : that asks for it, for messages
    weights              : (n,), how much each row counts; None where all count alike

    A cut is midway between two neighbouring probabilities, or between 0 or 1 and the outermost; of equally
    good ones, the nearest to 0.5 is chosen. Raises DataError when one class has no rows, or no cut is precise enough.
    """
    if weights is not None:
        truth, positive_probability, weights = (own[weights > 0] for own in (truth, positive_probability, weights))
    if int(truth.sum()) in (0, len(truth)):
        raise DataError(
            f"{key}: {rule} cannot be optimised on {len(truth)} validation rows of one class; "
            "enlarge dataset.split.valid, or set the threshold to a number"
        )
    levels, inverse = np.unique(positive_probability, return_inverse=True)
    each = np.ones(len(truth)) if weights is None else weights
    hits, chosen = (_from_each_level(inverse, own, len(levels)) for own in (each * truth, each))
    quality = _judge(Counts(chosen, hits, hits[0], chosen[0]), rule, key)
    if levels[-1] == 1:  # no cut leaves it below
        quality = quality[:-1]
    best = _cuts(levels)[: len(quality)][quality == quality.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def _from_each_level(levels: NDArray[np.int64], amounts: NDArray[np.float64], n_levels: int) -> NDArray[np.float64]:
    """Sums of the amounts (n,) of rows at each level or above, and 0 above all: (n_levels + 1,)."""
    sums = np.bincount(levels, weights=amounts, minlength=n_levels)
    return np.append(sums[::-1].cumsum()[::-1], 0.0)


def _judge(cuts: Counts, rule: str, key: str) -> NDArray[Any]:
    """How good each cut is, (n_cuts,); the higher the better."""
    name, *numbers = re.split("[=:,]", rule)
    chosen, hits, n_positive, n_rows = cuts
    false_positives = chosen - hits
    if name == "f1":
        return 2 * hits / (chosen + n_positive)
    if name == "balanced_accuracy":  # times 2 · P · N
        n_negative = n_rows - n_positive
        return hits * n_negative + (n_negative - false_positives) * n_positive
    if name == "cost":
        costs = dict(zip(numbers[::2], map(float, numbers[1::2]), strict=True))
        return -(costs["fp"] * false_positives + costs["fn"] * (n_positive - hits))
    wanted = float(numbers[0]) - 1e-12
    if name == "recall":
        return np.where(hits >= wanted * n_positive, -chosen, -n_rows - 1)
    enough = (hits >= wanted * chosen) & (hits > 0)
    if not enough.any():
        highest = (hits[:-1] / chosen[:-1]).max()
        raise DataError(
            f"{key}: {rule}: no threshold is so precise on the validation rows; the highest precision is {highest:.3g}"
        )
    return np.where(enough & (hits == hits[enough].max()), -chosen, -n_rows - 1)


def _cuts(levels: np.ndarray) -> np.ndarray:
    """Cut i leaves the i lowest of the ascending distinct levels below it.

    None can leave a level of 1 below; the last cut then does not.
    """
    edges = np.concatenate([[0.0], levels, [1.0]])
    middle = (edges[:-1] + edges[1:]) / 2
    return np.where(middle > edges[:-1], middle, edges[1:])
