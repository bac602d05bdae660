"""Cross-field checks of the task and the training."""

from collections.abc import Iterator
from typing import get_args

from mlcli.config.rules.messages import join_or
from mlcli.config.rules.search import SPACE
from mlcli.config.rules.values import ConfigIssue
from mlcli.config.sections.config import Config, watched_metrics
from mlcli.config.sections.model import LossConfig, ModelConfig, UniformInit, normalises_batches
from mlcli.config.sections.optimizer import LbfgsConfig, SgdConfig
from mlcli.config.sections.rows import ImageConfig, Task
from mlcli.config.sections.training import (
    USUAL_THRESHOLDS,
    ClassBaseline,
    ClassMetric,
    NumberBaseline,
    NumberMetric,
    QuantileBaseline,
    QuantileMetric,
)
from mlcli.config.tree import KeyPath

_READS = (("dataset", "name"), ("dataset", "task"), ("dataset", "target"))
_REGRESSION_LOSSES = ("mse", "mae", "huber", "quantile", "poisson")
_REGRESSION_METRICS = get_args(NumberMetric)
_OUTPUT_LOSSES = {
    "sigmoid": ("auto", "bce", "focal", "mse"),
    "softmax": ("auto", "cross_entropy", "focal"),
    "step": ("auto", "perceptron", "hinge"),
}
_OF_THE_MIDDLE = tuple(name for name in _REGRESSION_METRICS if name not in get_args(QuantileMetric))


def check_task(config: Config) -> Iterator[ConfigIssue]:
    """Losses, outputs and metrics that do not suit the task, or each other."""
    losses, loss = _OUTPUT_LOSSES.get(config.model.output), config.loss.name
    if losses and loss not in losses:
        message = f"{config.model.output} needs loss {join_or(losses)}; loss.name is {loss}"
        yield ConfigIssue(("model", "output"), message, reads=(("loss", "name"),))
    if loss == "poisson" and config.model.output == "identity":
        message = "identity can be negative, which no count is; use auto: exp with loss poisson"
        yield ConfigIssue(("model", "output"), message, reads=(("loss", "name"),))
    yield from _check_quantile_metrics(config)
    yield from _check_searched_quantile(config)
    task = config.dataset.known_task
    if task is not None:
        yield from check_kind(task, config.model, config.loss)
        yield from _check_metrics(config, task)
    if task == "regression":
        yield from _class_keys(config)


def check_kind(task: Task, model: ModelConfig, loss: LossConfig) -> Iterator[ConfigIssue]:
    """A loss and an output for the other kind of target; with `task: auto`, only the data decides."""
    of_probability = loss.name == "mse" and model.output == "sigmoid"
    if task == "classification" and loss.name in _REGRESSION_LOSSES and not of_probability:
        message = (
            f"{loss.name} is for regression, and the target is classes; use auto, bce or cross_entropy, or "
            "dataset.task: regression where the classes are numbers"
            + ("; or model.output: sigmoid, for the squared error of two classes' probability" * (loss.name == "mse"))
        )
        yield ConfigIssue(("loss", "name"), message, reads=_READS)
    transform = getattr(loss, "target", "none")
    if task == "classification" and (loss.name == "auto" or of_probability) and transform != "none":
        message = f"{transform} is for regression, and the target is classes; remove it"
        yield ConfigIssue(("loss", "target"), message, reads=_READS)
    if task == "regression" and loss.name not in ("auto", *_REGRESSION_LOSSES):
        losses = join_or(("auto", *_REGRESSION_LOSSES))
        message = f"{loss.name} is for classification, and the target is numbers; use {losses}"
        yield ConfigIssue(("loss", "name"), message, reads=_READS)
    if task == "regression" and model.output in _OUTPUT_LOSSES:
        message = f"{model.output} is for classification, and the target is numbers; use auto or identity"
        yield ConfigIssue(("model", "output"), message, reads=_READS)


def _class_keys(config: Config) -> Iterator[ConfigIssue]:
    """Keys that only classification uses."""
    for_numbers = config.loss.name in ("auto", *_REGRESSION_LOSSES)
    used = {
        ("loss", "class_weights"): for_numbers and getattr(config.loss, "class_weights", "none") != "none",
        ("loss", "label_smoothing"): config.loss.name == "auto" and getattr(config.loss, "label_smoothing", 0) > 0,
        ("evaluation", "threshold"): config.evaluation.threshold not in USUAL_THRESHOLDS,
        ("evaluation", "calibration"): config.evaluation.calibration == "temperature",
        ("evaluation", "positive"): config.evaluation.positive is not None,
    }
    message = "is for classification, and the target is numbers; remove it"
    yield from (ConfigIssue(path, message, at_key=True, reads=_READS) for path, is_used in used.items() if is_used)


def _check_quantile_metrics(config: Config) -> Iterator[ConfigIssue]:
    """Metrics of a quantile without one, and where a direction is needed, which coverage does not have."""
    if config.dataset.known_task == "classification":
        return
    decisive: list[tuple[KeyPath, str]] = [
        *watched_metrics(config).items(),
        (("improve", "metric"), config.improve.metric),
    ]
    listed = config.evaluation.metrics if not isinstance(config.evaluation.metrics, str) else ()
    measured = [(("evaluation", "metrics", index), name) for index, name in enumerate(listed)]
    for place, name in (*decisive, *measured):
        if name in get_args(QuantileMetric) and config.loss.name != "quantile":
            message = f"{name} needs loss.name: quantile; it is {config.loss.name}"
            yield ConfigIssue(place, message, reads=(("loss", "name"),))
        elif place[1] in ("metrics", "watch"):
            continue
        elif name == "coverage":
            yield ConfigIssue(place, "coverage is right at loss.q, and a constant reaches it; use pinball")
        elif name in _OF_THE_MIDDLE and _is_outer_quantile(config):
            message = f"{name} judges predictions of the middle, and loss.q asks for another quantile; use pinball"
            yield ConfigIssue(place, message, reads=(("loss", "name"), ("loss", "q")))


def _is_outer_quantile(config: Config) -> bool:
    """Whether the loss asks for one quantile other than the median."""
    return getattr(config.loss, "q", 0.5) != 0.5 and "loss.q" not in config.improve.space


def _check_searched_quantile(config: Config) -> Iterator[ConfigIssue]:
    """Trials of different quantiles, compared by a loss of their own."""
    early, metric = config.training.early_stopping, str(config.improve.metric)
    if early is not None and metric == "auto":
        metric = early.metric
    if config.loss.name == "quantile" and "loss.q" in config.improve.space and metric in ("auto", "loss", "pinball"):
        message = "losses of different quantiles are not comparable; train a configuration for each quantile"
        yield ConfigIssue((*SPACE, "loss.q"), message, at_key=True, reads=(("loss", "name"), ("improve", "metric")))


def _check_metrics(config: Config, task: Task) -> Iterator[ConfigIssue]:
    for_numbers = task == "regression"
    suitable = (NumberMetric, NumberBaseline) if for_numbers else (ClassMetric, ClassBaseline)
    if for_numbers and config.loss.name == "quantile":
        suitable = (NumberMetric, QuantileBaseline)
    for key, names in zip(("metrics", "baselines"), suitable, strict=True):
        listed = getattr(config.evaluation, key)  # a word such as auto, or a list
        for index, name in enumerate(() if isinstance(listed, str) else listed):
            if name not in get_args(names):
                message = f"{name} does not suit {task}; remove it, or use auto"
                yield ConfigIssue(("evaluation", key, index), message, reads=_READS)
    for place, watched in watched_metrics(config).items():
        if watched != "loss" and (watched in _REGRESSION_METRICS) != for_numbers:
            remedy = "remove it" if place[1] == "watch" else "use loss"
            yield ConfigIssue(place, f"{watched} does not suit {task}; {remedy}", reads=_READS)


def check_training(config: Config) -> Iterator[ConfigIssue]:
    """Optimizer settings that need or exclude others."""
    optimizer, training = config.optimizer, config.training
    if training.augment and not isinstance(config.dataset, ImageConfig):
        message = f"is for images, and dataset.name is {config.dataset.name}; remove it"
        yield ConfigIssue(("training", "augment"), message, at_key=True, reads=(("dataset", "name"),))
    if config.model.embedding.name != "none" and isinstance(config.dataset, ImageConfig):
        message = f"is for the numbers of a table, and dataset.name is {config.dataset.name}; use none"
        yield ConfigIssue(("model", "embedding"), message, reads=(("dataset", "name"),))
    yield from _check_sums(config)
    init = config.model.init
    if isinstance(init, UniformInit) and init.low >= init.high:
        message = f"must be above model.init.low; got {init.low:g} to {init.high:g}"
        yield ConfigIssue(("model", "init", "high"), message, reads=(("model", "init", "low"),))
    if isinstance(optimizer, SgdConfig) and optimizer.nesterov and optimizer.momentum == 0:
        message = "needs optimizer.momentum > 0, such as 0.9"
        yield ConfigIssue(("optimizer", "nesterov"), message, reads=(("optimizer", "momentum"),))
    if training.shards & (training.shards - 1):
        message = f"must be a power of two, so that sums are in one order; got {training.shards}"
        yield ConfigIssue(("training", "shards"), message)
    least = 2 * training.shards
    if isinstance(training.batch_size, int) and training.batch_size < least and normalises_batches(config.model):
        each = "" if training.shards == 1 else " in each of training.shards"
        message = f"one row{each} has no variance for model.norm: batch; use {least} or more, or model.norm: layer"
        reads = (("model", "norm"), ("model", "hidden"), ("training", "shards"))
        yield ConfigIssue(("training", "batch_size"), message, reads=reads)
    if training.keep == "last" and training.early_stopping is not None:
        message = "last keeps the weights of the last epoch, and early stopping those of the best; remove one of them"
        yield ConfigIssue(("training", "keep"), message, reads=(("training", "early_stopping"),))
    if isinstance(optimizer, LbfgsConfig):
        if training.batch_size != "full":
            message = f'lbfgs needs training.batch_size: "full"; it is {training.batch_size}'
            yield ConfigIssue(("optimizer", "name"), message, reads=(("training", "batch_size"),))
        if training.clip_norm is not None:
            message = "lbfgs chooses its own step length; remove clip_norm, or use another optimizer"
            yield ConfigIssue(("training", "clip_norm"), message, reads=(("optimizer", "name"),))


def _check_sums(config: Config) -> Iterator[ConfigIssue]:
    if config.loss.reduction == "sum" and config.training.batch_size == "auto":
        message = (
            "sum grows with the rows of a step, which training.batch_size: auto chooses; set that to a number or full"
        )
        yield ConfigIssue(("loss", "reduction"), message, reads=(("training", "batch_size"),))
