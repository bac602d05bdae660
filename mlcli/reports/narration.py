"""The explanations of --verbose: each step in the course's words, with this run's numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from mlcli.config.loading.dump import value_at
from mlcli.config.reference.explain import Topic
from mlcli.config.rules.messages import shown_value
from mlcli.config.sections.config import Config
from mlcli.config.tree import Value
from mlcli.data.notes import profile_notes
from mlcli.data.prepare import Prepared
from mlcli.data.tables.types import SplitName
from mlcli.evaluation.evaluate import Evaluation
from mlcli.features.fitted import FittedFeatures
from mlcli.features.report import FeatureReport, feature_notes
from mlcli.io.text import counted
from mlcli.metrics.catalog import CATALOG
from mlcli.models.task import Classification, FittedTask
from mlcli.reporter import Step
from mlcli.reports.scores import describe_direction
from mlcli.training.context import TrainingContext
from mlcli.training.losses import loss_name

ROLES: dict[SplitName, str] = {
    "train": "training rows fit the weights",
    "valid": "validation rows choose between epochs, thresholds and configurations",
    "test": "test rows are used by evaluate alone",
}
ROWS = {
    "test": "they were used neither to fit nor to choose anything, so they estimate the performance on new rows",
    "valid": "they were used to choose epochs and thresholds, so the scores are slightly optimistic",
    "train": "the network was fitted to them, so the scores are optimistic",
}


def term_of(key: str) -> str:
    """The course's word for a key, or for the step of a section."""
    return _capitalised(Topic(tuple(key.split("."))).advice.term)


def about(config: Config, key: str, value: Value = None) -> str:
    """A key with its value and what that means, e.g. `Normalisation (normalización): features.scale is standard: …`.

    value : shown in place of the configured one, such as the number used for "auto"
    """
    value = value_at(config, key) if value is None else value
    topic = Topic(tuple(key.split(".")))
    written = value if isinstance(value, str) else shown_value(value)
    term = f"{term_of(key)}: " if topic.advice.term else ""
    meaning = topic.entries()[0].meaning
    own = clause(meaning, written)
    return f"{term}{key} is {written}: {own}." if own else f"{term}{key} is {written}. {meaning}"


def about_member(section: str, name: str) -> str:
    """The meaning of a section's member with this name, e.g. of `loss`: `mse: mean squared error`."""
    (meaning,) = Topic((section,), member=name).members().values()
    if own := clause(meaning, name):
        return f"{name}: {own}"
    if dated := re.search(rf"\b{name} \([^)]*\)", meaning):
        return dated[0]
    listed = re.search(rf"(?:^|, ){name}\b", meaning) and name
    return listed or f"{name}: {meaning.rstrip('.')}"


def clause(text: str, word: str) -> str:
    """The part of a text that explains one word of a list; empty without one.

    >>> clause("standard: mean 0, deviation 1; minmax: 0–1.", "minmax")
    '0–1'
    """
    found = re.search(rf"(?:^|[.;] ){re.escape(word)}(?::| (?=[a-z]))\s*([^;]*?)(?:;|\.(?: |$)|$)", text)
    return found[1] if found else ""


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def narrate_data(config: Config, prepared: Prepared) -> Iterator[str]:
    """The split, what was found, and how it was cleaned."""
    yield term_of("dataset")
    total = sum(len(prepared.splits[split]) for split in ROLES)
    parts = (
        f"{len(prepared.splits[split]):,} ({len(prepared.splits[split]) / total:.0%}) {role}"
        for split, role in ROLES.items()
        if len(prepared.splits[split])
    )
    yield f"{term_of('dataset.split')}: {'; '.join(parts)}."
    yield about(config, "dataset.split.by")
    yield from (f"{_capitalised(note)}." for note in profile_notes(prepared.profile))


def narrate_features(config: Config, features: FittedFeatures) -> Iterator[str]:
    """The transforms in use, and the number of features."""
    report = features.report
    yield term_of("features")
    yield f"Everything is fitted on the {report.rows:,} training rows alone."
    yield from (about(config, key) for key in _transform_keys(report))
    yield from (f"{_capitalised(note)}." for note in feature_notes(report))
    yield f"Dimension (dimensión): {counted(features.layout.width, 'input')} of the network per row."


def _transform_keys(report: FeatureReport) -> Iterator[str]:
    """The keys that changed these columns."""
    if any(imputed.missing for imputed in report.imputed.values()):
        yield "features.impute"
    if report.encoded:
        yield "features.encode"
    if report.scaled:
        yield "features.scale"
    yield from (f"features.{dropped}" for dropped in dict.fromkeys(one.key for one in report.dropped) if "." in dropped)
    if report.explained_variance:
        yield "features.extract.components"


def narrate_training(context: TrainingContext, task: FittedTask) -> Iterator[str]:
    """The network, the cost, and the optimizer."""
    config = context.config
    yield term_of("training")
    yield from _network(context, task)
    loss, reduction = about_member("loss", loss_name(config.loss, task)), config.loss.reduction
    yield f"{term_of('loss')}: {loss}; the cost is the rows' {reduction}."
    yield f"{term_of('optimizer')}: by {about_member('optimizer', config.optimizer.name)}."
    yield about(config, "optimizer.lr", context.lr)
    batches = "all rows" if context.steps_per_epoch == 1 else f"mini-batches of {context.batch_size:,} rows"
    steps = "1 step" if context.steps_per_epoch == 1 else f"{context.steps_per_epoch:,} steps"
    yield f"{term_of('training.batch_size')}: {batches} → {steps} an epoch."
    yield about(config, "training.epochs")
    yield from (about(config, key) for key in _regularisation_keys(context))


def _network(context: TrainingContext, task: FittedTask) -> Iterator[str]:
    config = context.config
    sizes = context.layer_sizes(task)
    products = " + ".join(f"({before:,} + 1) · {after:,}" for before, after in pairwise(sizes))
    counted = sum((before + 1) * after for before, after in pairwise(sizes)) == context.n_parameters
    how = f"(inputs + 1 bias) · units, layer by layer: {products} = " if counted else ""
    yield f"{term_of('model')}: {'-'.join(map(str, sizes))} units; parameters to learn: {how}{context.n_parameters:,}."
    if context.model.n_members > 1:
        yield about(config, "model.members")
    if context.model.numbers is not None:
        yield about(config, "model.embedding.width")
    if config.model.hidden:
        yield about(config, "model.activation")
    yield about(config, "model.output")
    yield about(config, "model.init")


def _regularisation_keys(context: TrainingContext) -> Iterator[str]:
    """Keys of the regularisations in use."""
    config = context.config
    keys = ("model.dropout", "model.max_norm", "optimizer.l1", "optimizer.l2")
    yield from (key for key in keys if value_at(config, key))
    if config.training.early_stopping is not None and len(context.valid):
        yield "training.early_stopping.patience"


def narrate_scores(config: Config, evaluation: Evaluation) -> Iterator[str]:
    """The rows measured, and the meaning of each metric."""
    yield term_of("evaluation")
    yield f"{counted(evaluation.n_rows, f'{evaluation.split} row')}: {ROWS[evaluation.split]}."
    for score in evaluation.scores:
        yield f"{score.name}: {CATALOG[score.name].meaning}; {describe_direction(score)}."
    yield about(config, "evaluation.confidence")
    if evaluation.threshold is not None:
        yield about(config, "evaluation.threshold")
        yield about(config, "evaluation.positive", evaluation.classes[-1])
    if evaluation.baselines:
        yield about(config, "evaluation.baselines")
    if evaluation.folds is not None:
        yield about(config, "evaluation.folds")
    if evaluation.seeds is not None:
        yield about(config, "evaluation.seeds")


def narrate_prediction(task: FittedTask) -> Iterator[str]:
    """How new rows are predicted."""
    yield "Inference (inferencia)"
    yield "New rows are transformed by the features fitted on the training rows; nothing is fitted to them."
    if not isinstance(task, Classification) and task.output == "exp":
        yield "The network's output is a logarithm; its exponential is the predicted count."
    elif not isinstance(task, Classification):
        yield "The network's output is converted back to the unit of the target."
    elif task.output == "softmax":
        chosen = "the one of the largest probability times class weight" if task.costs else "the most probable one"
        yield f"{term_of('model.output')}: each class gets a probability, and {chosen} is predicted."
    elif task.output == "sigmoid":
        yield (
            f"{term_of('model.output')}: the probability of '{task.classes[-1]}'; "
            f"from {task.threshold:.4g} on it is predicted."
        )


def narrate_diagnosis() -> Iterator[str]:
    """What the diagnosis does."""
    yield term_of("improve")
    yield (
        "The diagnosis compares the training and validation curves with each other, with chance and with simple "
        "models, and names the problems."
    )
    yield (
        "Bad on both is underfitting (high bias, sesgo). Try a larger network, better features or another learning "
        "rate. Good on the training rows alone is overfitting (high variance, varianza). Try more rows, fewer "
        "features, a smaller network or regularisation."
    )
    yield "Three checks come first: the initial loss, overfitting a few rows, and the learning-rate range test."


def narrate_search(config: Config, metric: str, keys: Sequence[str]) -> Iterator[str]:
    """The search space, and how trials are compared."""
    yield "Hyperparameter search (búsqueda)"
    yield (
        f"{term_of('improve.space')}: the search varies {', '.join(keys)}; it compares trials by {metric} on the "
        "validation rows and never uses the test rows."
    )
    yield about(config, "improve.sampler")
    yield about(config, "improve.pruning")
    yield "The first trial is your configuration; the second is the recommendation of the diagnosis, if there is one."


NARRATIONS: dict[Step, Callable[..., Iterator[str]]] = {
    "data": narrate_data,
    "features": narrate_features,
    "training": narrate_training,
    "scores": narrate_scores,
    "prediction": narrate_prediction,
    "diagnosis": narrate_diagnosis,
    "search": narrate_search,
}
