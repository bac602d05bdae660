"""What to do about a problem: recommendations in order, and the first of them as keys that can be set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mlcli.config.sections.config import Config, usual_rate
from mlcli.config.sections.dataset import TableConfig
from mlcli.config.sections.optimizer import DECADE, AdamConfig, LbfgsConfig
from mlcli.config.tree import JsonValue

if TYPE_CHECKING:
    from mlcli.diagnosis.evidence import TrainingEvidence

Level = Literal["ailment", "note"]


@dataclass(frozen=True)
class Finding:
    """An ailment.

    remedies : what to try, the most promising first
    patch    : the first remedy as dotted keys and values; empty where no key does it
    level    : note where a training may be as good as it can be all the same
    """

    name: str
    course_term: str
    evidence: str
    remedies: tuple[str, ...]
    patch: dict[str, Any] = field(default_factory=dict)
    level: Level = "ailment"

    def to_json(self) -> dict[str, Any]:
        """The finding in a JSON document."""
        return asdict(self)


def merged_patch(findings: Iterable[Finding]) -> dict[str, JsonValue]:
    """All patches as one; where two change the same key, the graver finding's does."""
    merged: dict[str, JsonValue] = {}
    for finding in findings:
        merged = finding.patch | merged
    return merged


Remedies = tuple[tuple[str, ...], dict[str, JsonValue]]
FIRST_HIDDEN = [16]
PATIENCE = 15
VALID_SHARE = 0.2
STRONGEST_DROPOUT = 0.5
SMOOTHING = 0.1


def keep_valid_rows(config: Config) -> Remedies:
    """Rows that training does not see."""
    split = config.dataset.split
    if split.by == "given":
        return (f"write valid into column {split.column} of some training rows",), {}
    return (f"dataset.split.valid: {VALID_SHARE}",), {"dataset.split.valid": VALID_SHARE}


def lower_rate(case: TrainingEvidence) -> Remedies:
    """What the range test suggests, where that is lower; else a decade less, or the default after a divergence."""
    config, lr, suggested = case.config, case.config.optimizer.lr / DECADE, case.suggested_rate
    if case.diverged:
        lr = min(lr, usual_rate(config))
    advice, patch = _set_rate(config, suggested if suggested and suggested < config.optimizer.lr / 2 else lr)
    advice += ("features.scale: standard, where inputs are large numbers",)
    if not isinstance(config.optimizer, LbfgsConfig):
        advice += ("training.clip_norm: 1",)
    return advice, patch


def raise_rate(case: TrainingEvidence) -> Remedies:
    """What the range test suggests, where that is higher; else a decade more."""
    lr, suggested = case.config.optimizer.lr, case.suggested_rate
    advice, patch = _set_rate(case.config, suggested if suggested and suggested > 2 * lr else lr * DECADE)
    if not isinstance(case.config.optimizer, AdamConfig):
        advice += ("optimizer.name: adam, which suits its steps to each weight",)
    return (*advice, "more training.epochs"), patch


def _set_rate(config: Config, lr: float) -> Remedies:
    better = float(f"{lr:.1g}")
    return (f"optimizer.lr: {better:g} (now {config.optimizer.lr:g})",), {"optimizer.lr": better}


def double_epochs(config: Config) -> Remedies:
    """More passes, stopped early when they no longer help."""
    epochs = 2 * config.training.epochs
    return (f"training.epochs: {epochs}", "a higher optimizer.lr"), {"training.epochs": epochs}


def grow_network(config: Config) -> Remedies:
    """Less restraint where there is some, else a more complex model."""
    restraints: dict[str, JsonValue] = {}
    if config.model.dropout > 0:
        restraints["model.dropout"] = 0.0
    restraints |= {f"optimizer.{name}": 0.0 for name in ("l1", "l2") if getattr(config.optimizer, name) > 0}
    hidden: list[int] = [2 * units for units in config.model.hidden] or FIRST_HIDDEN
    larger = f"model.hidden: {hidden}, a more complex model"
    features = "more features: features.derive, or columns that tell more"
    if restraints:
        less = "less regularisation: " + ", ".join(f"{key}: {value:g}" for key, value in restraints.items())
        return (less, larger, features), restraints
    if config.model.hidden and config.model.init == "zeros":
        auto = "model.init: auto; units that start equal stay equal"
        return (auto, larger, features), {"model.init": "auto"}
    if config.model.hidden and config.model.activation == "identity":
        relu = "model.activation: relu; without a non-linearity the network is linear"
        return (relu, larger, features), {"model.activation": "relu"}
    return (larger, features), {"model.hidden": hidden}


def regularise(config: Config) -> Remedies:
    """Restraint: dropout and weight decay, and early stopping where there is none."""
    advice, patch = [], dict[str, JsonValue]()
    if config.model.hidden and config.model.dropout < STRONGEST_DROPOUT:
        patch["model.dropout"] = min(round_number(config.model.dropout + 0.2), STRONGEST_DROPOUT)
        advice.append(f"model.dropout: {patch['model.dropout']}")
    else:
        patch["optimizer.l2"] = round_number(max(10 * config.optimizer.l2, 1e-3))
        advice.append(f"optimizer.l2: {patch['optimizer.l2']}")
    if config.training.early_stopping is None:
        patch["training.early_stopping"] = {"metric": "loss", "patience": PATIENCE}
        advice.append(f"training.early_stopping: {{metric: loss, patience: {PATIENCE}}}")
    advice += ["more training rows", "fewer features (features.select)", "a smaller model.hidden"]
    return tuple(advice), patch


def decay_rate(config: Config) -> Remedies:
    """Shorter steps once long ones no longer help."""
    advice = (
        "optimizer.schedule: plateau, which lowers the learning rate where the loss stands still",
        f"training.early_stopping: {{metric: loss, patience: {PATIENCE}}}, which saves the time",
        "another model.hidden or model.activation",
    )
    return advice, {"optimizer.schedule": {"name": "plateau"}}


def weigh_classes(config: Config) -> Remedies:
    """A cost in which every class counts the same."""
    return (
        "loss.class_weights: balanced",
        "evaluation.threshold: f1, where there are two classes",
        "judge by recall, f1 and pr_auc, not by accuracy",
    ), {"loss.class_weights": "balanced"}


def drop_column(config: Config, name: str) -> Remedies:
    """The leak out of the features, where they are a table's own columns."""
    advice = (f"dataset.drop: [{name}], where it is not known when a prediction is made",)
    if not isinstance(config.dataset, TableConfig) or name in config.features.derive:
        return advice, {}
    return advice, {"dataset.drop": [*config.dataset.drop, name]}


def scale_inputs(config: Config) -> Remedies:
    """Inputs of comparable size."""
    if config.features.scale in ("none", "robust"):
        better = "standard" if config.features.scale == "none" else "quantile"
        return (f"features.scale: {better}",), {"features.scale": better}
    return ("features.columns.<name>.scale: standard", "features.clip: 5, against far outliers"), {}


def stratify(config: Config) -> Remedies:
    """Every class among all rows."""
    advice = ("dataset.split.by: stratified", "more rows of the class", "rows of the class left out (dataset.keep)")
    by = config.dataset.split.by
    return (advice, {"dataset.split.by": "stratified"}) if by in ("auto", "random") else (advice, {})


def gather_features() -> Remedies:
    """There is nothing to be tuned."""
    return (
        "columns that tell more, or features.derive",
        "the target column: do its rows belong to the features beside them?",
    ), {}


def correct_labels(config: Config) -> Remedies:
    """The labels first; then what is least misled by them."""
    advice, patch = ["look at the suspects and correct them"], dict[str, JsonValue]()
    if getattr(config.loss, "label_smoothing", None) == 0.0:
        patch["loss.label_smoothing"] = SMOOTHING
        advice.append(f"loss.label_smoothing: {SMOOTHING}, against too much trust in any label")
    if config.training.early_stopping is None:
        patch["training.early_stopping"] = {"metric": "loss", "patience": PATIENCE}
        advice.append("training.early_stopping, before wrong labels are memorised")
    return tuple(advice), patch


def gather_rows(config: Config) -> Remedies:
    """More rows; else less to learn from them."""
    advice = ("more training rows", "fewer validation and test rows (dataset.split)")
    return (*advice, *regularise(config)[0][:1]), {}


def shorten_gradients(config: Config) -> Remedies:
    """A limit for the gradient, and weights and layers that do not let it grow."""
    patch: dict[str, JsonValue] = {"training.clip_norm": 1.0}
    advice = ["training.clip_norm: 1"]
    if config.model.init != "auto":
        patch["model.init"] = "auto"
        advice.insert(0, "model.init: auto")
    return (*advice, "model.norm: batch", "fewer layers in model.hidden"), patch


def unsaturate(config: Config) -> Remedies:
    """Units with a slope, and values that stay where it is."""
    if config.model.activation in ("sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softsign", "step"):
        patch: dict[str, JsonValue] = {"model.activation": "relu"}
        return ("model.activation: relu", "model.norm: batch", "fewer layers in model.hidden"), patch
    return ("model.norm: batch", "model.init: auto", "fewer layers in model.hidden"), {"model.norm": "batch"}


def revive_units(config: Config) -> Remedies:
    """Units that keep a slope where they are negative; and steps that do not throw them there."""
    return (
        "model.activation: leaky_relu",
        f"optimizer.lr: {config.optimizer.lr / DECADE:.1g} (now {config.optimizer.lr:g})",
        "features.scale: standard, where inputs are large numbers",
    ), {"model.activation": "leaky_relu"}


def round_number(value: float) -> float:
    """Three significant digits: enough for a hyper-parameter, and readable."""
    return float(f"{value:.3g}")
