"""Predictions as nodes: from raw outputs to class names and probabilities, or to numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlcli.export.functions import on_lines
from mlcli.export.graph import DOUBLE, INT64, STRING, Graph
from mlcli.models.target_transform import TargetTransform
from mlcli.models.task import Classification, FittedTask, Regression


def output_names(task: FittedTask, taken: Sequence[str]) -> list[str]:
    """`prediction`, with `probabilities` where there are any; of several numbers, `prediction_` and the target each.

    An underscore more where a column has the name.
    """
    if isinstance(task, Classification):
        names = ["prediction", *(["probabilities"] if task.has_probabilities else [])]
    else:
        names = [f"prediction_{name}" for name in task.targets] if len(task.targets) > 1 else ["prediction"]
    return [name + "_" * (name in taken) for name in names]


def write_predictions(graph: Graph, outputs: str, task: FittedTask, names: Sequence[str]) -> None:
    """Raw outputs, float64 (n, o), as outputs of these names."""
    if isinstance(task, Classification):
        _write_classes(graph, outputs, task, names)
        return
    for i, (name, target) in enumerate(zip(names, task.targets, strict=True)):
        number = _decode_number(graph, graph.columns(outputs, [i]), task, i)
        graph.add_output(name, number, DOUBLE, [1], f"number, {target}")


def _write_classes(graph: Graph, outputs: str, task: Classification, names: Sequence[str]) -> None:
    logits = _correct(graph, outputs, task)
    probabilities = _probabilities(graph, logits, task) if task.has_probabilities else None
    if probabilities is None:
        chosen = graph.cast(graph.node("Greater", logits, 0.0), INT64)
    elif len(task.classes) > 2:
        costly = graph.node("Add", logits, np.log(task.costs)) if task.costs else logits
        chosen = graph.node("ArgMax", costly, axis=1, keepdims=1)
    else:
        second = graph.columns(probabilities, [1])
        chosen = graph.cast(graph.node("GreaterOrEqual", second, task.threshold), INT64)
    label = graph.node("Gather", np.array(task.classes, dtype=object), chosen)
    graph.add_output(names[0], label, STRING, [1], f"class, {task.target}")
    if probabilities is not None:
        graph.add_output(names[1], probabilities, DOUBLE, [len(task.classes)], f"of {', '.join(task.classes)}")


def _correct(graph: Graph, logits: str, task: Classification) -> str:
    """As `Classification.correct`."""
    if task.divisors:
        logs = np.log(task.divisors)
        logits = graph.node("Sub", logits, logs if task.output == "softmax" else logs[1:] - logs[:1])
    return logits if task.temperature == 1 else graph.node("Div", logits, task.temperature)


def _probabilities(graph: Graph, logits: str, task: Classification) -> str:
    """Of corrected logits: float64 (n, K)."""
    if task.output == "softmax":
        shares = graph.node("Softmax", logits, axis=1)
    else:
        second = graph.node("Sigmoid", logits)
        shares = graph.concat([graph.node("Sub", 1.0, second), second])
    if not task.uniform:
        return shares
    return graph.node("Add", graph.node("Mul", shares, 1 - task.uniform), task.uniform / len(task.classes))


def _decode_number(graph: Graph, score: str, task: Regression, i: int) -> str:
    """The i-th target's raw output (n, 1) in its own units, as `Regression.decode`."""
    if task.transforms:
        return _undo_transform(graph, score, task.transforms[i], task.smearing[i] if task.smearing else (0.0,))
    number = graph.node("Exp", score) if task.output == "exp" else score
    return graph.node("Add", graph.node("Mul", number, task.std[i]), task.mean[i])


def _undo_transform(graph: Graph, z: str, transform: TargetTransform, residuals: Sequence[float]) -> str:
    """The mean over the residuals, as `TargetTransform.predict`."""
    each = graph.node("Add", z, np.array([residuals], dtype=np.float64))
    scores = graph.node("Add", graph.node("Mul", each, transform.std), transform.mean)
    if transform.kind == "log":
        numbers = graph.node("Sub", graph.node("Exp", scores), transform.offset)
    else:
        numbers = on_lines(graph, scores, np.array(transform.scores), np.array(transform.values))
    return graph.node("ReduceMean", numbers, axes=[1], keepdims=1)
