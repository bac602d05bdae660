"""Rules that follow from what is predicted: numbers or classes."""

from collections.abc import Iterator
from typing import Literal, get_args

from mlcli.config.fault import Fault
from mlcli.config.rules.facts import known_task, watched_metrics
from mlcli.config.schema import Config
from mlcli.config.training import ClassBaseline, NumberBaseline, NumberMetric

_READS = (("dataset", "name"), ("dataset", "task"), ("dataset", "target"))
_REGRESSION_LOSSES = ("mse", "mae", "huber", "quantile")
_REGRESSION_METRICS = get_args(NumberMetric)
_OUTPUT_LOSSES = {
    "sigmoid": ("auto", "bce", "focal"),
    "softmax": ("auto", "cross_entropy", "focal"),
    "step": ("auto", "perceptron", "hinge"),
}


def task_clashes(config: Config) -> Iterator[Fault]:
    """Losses, outputs and metrics that do not suit the task, or each other."""
    yield from _output_clashes(config)
    task = known_task(config.dataset)
    if task == "regression":
        yield from _class_keys(config)
    if task == "classification" and config.loss.name in _REGRESSION_LOSSES:
        message = f"{config.loss.name} is for numbers, and the target is classes; use auto, bce or cross_entropy"
        yield Fault(("loss", "name"), message, reads=_READS)
    if task is not None:
        yield from _metric_clashes(config, task)


def _output_clashes(config: Config) -> Iterator[Fault]:
    output, loss = config.model.output, config.loss.name
    losses = _OUTPUT_LOSSES.get(output)
    if losses and loss not in losses:
        message = f"{output} goes with loss {', '.join(losses[:-1])} or {losses[-1]}; loss.name is {loss}"
        yield Fault(("model", "output"), message, reads=(("loss", "name"),))


def _class_keys(config: Config) -> Iterator[Fault]:
    regression = "is for classes, and the target is numbers"
    if config.loss.name not in ("auto", *_REGRESSION_LOSSES):
        message = f"{config.loss.name} {regression}; use auto, mse, mae, huber or quantile"
        yield Fault(("loss", "name"), message, reads=_READS)
    elif getattr(config.loss, "class_weights", "none") != "none":
        yield Fault(("loss", "class_weights"), f"{regression}; remove it", at_key=True, reads=_READS)
    if config.loss.name == "auto" and getattr(config.loss, "label_smoothing", 0) > 0:
        yield Fault(("loss", "label_smoothing"), f"{regression}; remove it", at_key=True, reads=_READS)
    if config.model.output in ("sigmoid", "softmax", "step"):
        message = f"{config.model.output} {regression}; use auto or identity"
        yield Fault(("model", "output"), message, reads=_READS)
    if config.evaluation.threshold != 0.5:
        yield Fault(("evaluation", "threshold"), f"{regression}; remove it", at_key=True, reads=_READS)
    if config.evaluation.positive is not None:
        yield Fault(("evaluation", "positive"), f"{regression}; remove it", at_key=True, reads=_READS)


def _metric_clashes(config: Config, task: Literal["regression", "classification"]) -> Iterator[Fault]:
    for_numbers, target = task == "regression", "numbers" if task == "regression" else "classes"
    for index, metric in enumerate(_listed(config.evaluation.metrics)):
        if (metric in _REGRESSION_METRICS) != for_numbers:
            message = f"{metric} does not suit a target of {target}; remove it, or use auto"
            yield Fault(("evaluation", "metrics", index), message, reads=_READS)
    for index, baseline in enumerate(_listed(config.evaluation.baselines)):
        if baseline not in get_args(NumberBaseline if for_numbers else ClassBaseline):
            message = f"{baseline} does not suit a target of {target}; remove it, or use auto"
            yield Fault(("evaluation", "baselines", index), message, reads=_READS)
    for place, watched in watched_metrics(config).items():
        if watched != "loss" and (watched in _REGRESSION_METRICS) != for_numbers:
            yield Fault(place, f"{watched} does not suit a target of {target}; use loss", reads=_READS)


def _listed(names: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names of a list; none for a word such as auto."""
    return () if isinstance(names, str) else names
