"""Findings and their recommendations: what to try, and the first of it as configuration keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from mlcli.config.sections.config import Config, usual_rate
from mlcli.config.sections.optimizer import DECADE, AdamConfig, LbfgsConfig
from mlcli.config.sections.rows import TableConfig
from mlcli.config.tree import JsonValue
from mlcli.diagnosis.evidence import TrainingEvidence

Recommendation = tuple[tuple[str, ...], dict[str, JsonValue]]

FIRST_HIDDEN = [16]
PATIENCE = 15
VALID_SHARE = 0.2
MAX_DROPOUT = 0.5
# Weight decay that is tried first: as a part of the gradient, and apart from it (AdamW); and the most.
DECAY, DECOUPLED_DECAY, MAX_DECAY = 0.003, 0.1, 1.0


@dataclass(frozen=True)
class Finding:
    """A problem of a training.

    evidence : the reason, with numbers
    remedies : recommendations, the most promising first
    patch    : the first recommendation as dotted keys and values; empty where it is no key
    level    : "ailment" for a problem, "note" where the training may be as good as it can be
    """

    name: str
    course_term: str
    evidence: str
    remedies: tuple[str, ...]
    patch: dict[str, Any] = field(default_factory=dict)
    level: Literal["ailment", "note"] = "ailment"


def keep_valid_rows(config: Config) -> Recommendation:
    """A validation split."""
    split = config.dataset.split
    if split.by == "given":
        return (f"write valid into column {split.column} of some training rows",), {}
    return (f"dataset.split.valid: {VALID_SHARE}",), {"dataset.split.valid": VALID_SHARE}


def lower_rate(evidence: TrainingEvidence) -> Recommendation:
    """The range test's suggestion where it is lower; else a tenth, or the optimizer's default after a divergence."""
    config, lr = evidence.config, evidence.config.optimizer.lr / DECADE
    suggested = evidence.rates.suggested if evidence.rates else None
    if evidence.diverged:
        lr = min(lr, usual_rate(config))
    advice, patch = _set_rate(config, suggested if suggested and suggested < config.optimizer.lr / 2 else lr)
    advice += ("features.scale: standard, if inputs are large",)
    if not isinstance(config.optimizer, LbfgsConfig):
        advice += ("training.clip_norm: 1",)
    return advice, patch


def raise_rate(evidence: TrainingEvidence) -> Recommendation:
    """The range test's suggestion where it is higher; else ten times the rate."""
    lr, suggested = evidence.config.optimizer.lr, evidence.rates.suggested if evidence.rates else None
    advice, patch = _set_rate(evidence.config, suggested if suggested and suggested > 2 * lr else lr * DECADE)
    if not isinstance(evidence.config.optimizer, AdamConfig):
        advice += ("optimizer.name: adam, which adapts the rate of each weight",)
    return (*advice, "more training.epochs"), patch


def _set_rate(config: Config, lr: float) -> Recommendation:
    better = float(f"{lr:.1g}")
    return (f"optimizer.lr: {better:g} (now {config.optimizer.lr:g})",), {"optimizer.lr": better}


def double_epochs(config: Config) -> Recommendation:
    """Twice the epochs."""
    epochs = 2 * config.training.epochs
    return (f"training.epochs: {epochs}", "a higher optimizer.lr"), {"training.epochs": epochs}


def grow_network(config: Config) -> Recommendation:
    """Less regularisation where there is some, else a larger model."""
    weaker: dict[str, JsonValue] = {}
    if config.model.dropout > 0:
        weaker["model.dropout"] = 0.0
    weaker |= {f"optimizer.{name}": 0.0 for name in ("l1", "l2") if getattr(config.optimizer, name) > 0}
    hidden: list[int] = [2 * units for units in config.model.hidden] or FIRST_HIDDEN
    larger = f"model.hidden: {hidden}, a larger model"
    features = "more informative features: features.derive, or other columns"
    if weaker:
        less = "less regularisation: " + ", ".join(f"{key}: {value:g}" for key, value in weaker.items())
        return (less, larger, features), weaker
    if config.model.hidden and config.model.init == "zeros":
        auto = "model.init: auto; units with equal initial weights stay equal"
        return (auto, larger, features), {"model.init": "auto"}
    if config.model.hidden and config.model.activation == "identity":
        relu = "model.activation: relu; with identity the network is linear"
        return (relu, larger, features), {"model.activation": "relu"}
    return (larger, features), {"model.hidden": hidden}


def regularise(config: Config) -> Recommendation:
    """Weight decay, as long as there is little of it, else dropout; the best weights where the last ones are kept.

    Of twelve large networks on few rows, or trained for too long, decay of 0.003 lowered the test error of eleven, by
    11 % in the median; 0.01 was too much for XOR, and dropout of 0.2 raised the error of three.
    """
    least = DECOUPLED_DECAY if config.optimizer.name in ("adamw", "muon") else DECAY
    stronger, patch = round_number(max(10 * config.optimizer.l2, least)), dict[str, JsonValue]()
    dropout = min(round_number(config.model.dropout + 0.2), MAX_DROPOUT)
    keys: dict[str, float] = {"optimizer.l2": stronger} if stronger <= MAX_DECAY else {}
    if config.model.hidden and config.model.dropout < MAX_DROPOUT:
        keys["model.dropout"] = dropout
    patch.update(list(keys.items())[:1])
    if config.training.keep == "last":
        patch["training.keep"] = "best"
    advice = [f"{key}: {value:g}" for key, value in keys.items()]
    if config.training.early_stopping is None:
        advice.append(f"training.early_stopping: {{metric: loss, patience: {PATIENCE}}}, which saves time")
    advice += ["more training rows", "fewer features (features.select)", "a smaller model.hidden"]
    return tuple(advice), patch


def straighten(config: Config) -> Recommendation:
    """Regularisation; else a linear model."""
    advice, patch = regularise(config)
    return (advice[0], "model.hidden: [], a linear model", *advice[1:]), patch


def resist_outliers() -> Recommendation:
    """A loss on which single rows weigh less."""
    advice = (
        "loss.name: huber, on which single rows weigh less",
        "loss.target: log, where the target is positive and skewed",
        "features.clip: 5, against outliers in columns",
    )
    return advice, {"loss": {"name": "huber"}}


def decay_rate() -> Recommendation:
    """A lower learning rate once the loss is constant."""
    advice = (
        "optimizer.schedule: plateau, which lowers the learning rate when the loss stops falling",
        f"training.early_stopping: {{metric: loss, patience: {PATIENCE}}}, which saves time",
        "another model.hidden or model.activation",
    )
    return advice, {"optimizer.schedule": {"name": "plateau"}}


def balance_classes() -> Recommendation:
    """Class weights, and metrics that do not favour the largest class."""
    return (
        "loss.class_weights: balanced",
        "evaluation.threshold: f1, with two classes",
        "evaluation.metrics: recall, f1 and pr_auc in place of accuracy",
    ), {"loss.class_weights": "balanced"}


def drop_column(config: Config, name: str) -> Recommendation:
    """Without the column, where it is one of a table's own."""
    advice = (f"dataset.drop: [{name}], if it is not known when a prediction is made",)
    if not isinstance(config.dataset, TableConfig) or name in config.features.derive:
        return advice, {}
    return advice, {"dataset.drop": [*config.dataset.drop, name]}


def scale_inputs(config: Config) -> Recommendation:
    """Inputs of comparable size."""
    if config.features.scale in ("none", "robust"):
        better = "standard" if config.features.scale == "none" else "quantile"
        return (f"features.scale: {better}",), {"features.scale": better}
    return ("features.columns.<name>.scale: standard", "features.clip: 5, against outliers"), {}


def stratify(config: Config) -> Recommendation:
    """Every class in all splits."""
    advice = ("dataset.split.by: stratified", "more rows of the class", "dataset.keep without the rows of the class")
    by = config.dataset.split.by
    return (advice, {"dataset.split.by": "stratified"}) if by in ("auto", "random") else (advice, {})


def add_features() -> Recommendation:
    """Other features; no hyper-parameter helps."""
    return (
        "more informative columns, or features.derive",
        "check that each row's target belongs to its features",
    ), {}


def correct_labels(config: Config) -> Recommendation:
    """Correct the labels; end before the network fits wrong ones."""
    review = "review the suspect rows and correct their labels"
    if config.training.early_stopping is not None:
        return (review,), {}
    advice = (review, "training.early_stopping, before the network fits wrong labels")
    return advice, {"training.early_stopping": {"metric": "loss", "patience": PATIENCE}}


def add_rows(config: Config) -> Recommendation:
    """More rows; else regularisation."""
    advice = ("more training rows", "fewer validation and test rows (dataset.split)")
    return (*advice, *regularise(config)[0][:1]), {}


def clip_gradients(config: Config) -> Recommendation:
    """Gradient clipping, default initialisation, normalisation."""
    patch: dict[str, JsonValue] = {"training.clip_norm": 1.0}
    advice = ["training.clip_norm: 1"]
    if config.model.init != "auto":
        patch["model.init"] = "auto"
        advice.insert(0, "model.init: auto")
    return (*advice, "model.norm: batch", "fewer layers in model.hidden"), patch


def replace_saturating(config: Config) -> Recommendation:
    """An activation without flat ends, else batch normalisation."""
    if config.model.activation in ("sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softsign", "step"):
        patch: dict[str, JsonValue] = {"model.activation": "relu"}
        return ("model.activation: relu", "model.norm: batch", "fewer layers in model.hidden"), patch
    return ("model.norm: batch", "model.init: auto", "fewer layers in model.hidden"), {"model.norm": "batch"}


def replace_relu(config: Config) -> Recommendation:
    """An activation with a slope for negative inputs, and a lower rate."""
    return (
        "model.activation: leaky_relu",
        f"optimizer.lr: {config.optimizer.lr / DECADE:.1g} (now {config.optimizer.lr:g})",
        "features.scale: standard, if inputs are large",
    ), {"model.activation": "leaky_relu"}


def round_number(value: float) -> float:
    """To three significant digits."""
    return float(f"{value:.3g}")
