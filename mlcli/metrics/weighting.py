"""How class weights of the loss move predicted probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlcli.config.sections.model import LossConfig
from mlcli.models.task import Classification, FittedTask


def describe_weighting(
    task: FittedTask,
    loss: LossConfig,
    mean: Callable[[], np.ndarray | None],
    truth: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> str | None:
    """How far class weights move probabilities, of the class that they move most; None without, or where corrected.

    mean    : gives the mean predicted probability of each class; None without
    truth   : class indices of the predicted rows; None compares with the shares of the training rows
    weights : of the predicted rows, as in the mean; None where all count alike
    """
    if not isinstance(task, Classification) or task.divisors or getattr(loss, "class_weights", "none") == "none":
        return None
    if (means := mean()) is None:
        return None
    counts = np.array(task.sizes) if truth is None else np.bincount(truth, weights, minlength=len(task.classes))
    shares = counts / counts.sum()
    worst = int(np.argmax(means - shares))
    remedy = "; loss.correct_probabilities: true, the default, divides them by the weights"
    return (
        f"class weights change the predicted probabilities: the mean of {task.classes[worst]!r} is {means[worst]:.3g}, "
        f"its share of {'the training rows' if truth is None else 'these rows'} is {shares[worst]:.3g}"
        f"{remedy if hasattr(loss, 'correct_probabilities') else ''}"
    )


def describe_correction(task: FittedTask) -> str | None:
    """That probabilities are corrected for class weights, and what these still decide; None where they are not."""
    if not isinstance(task, Classification) or not task.divisors:
        return None
    what = "Class weights decide which class is predicted; the probabilities are corrected for them"
    return what + (": the predicted class has the largest probability times weight" if task.costs else "")
