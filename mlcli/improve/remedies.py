"""What to do about an ailment: advice in order, and the first of it as keys that can be set."""

from __future__ import annotations

from mlcli.config.optimizer import LbfgsConfig
from mlcli.config.schema import Config
from mlcli.config.tree import JsonValue

Remedies = tuple[tuple[str, ...], dict[str, JsonValue]]

DECADE = 10.0
FIRST_HIDDEN = [16]
PATIENCE = 15
VALID_SHARE = 0.2
STRONGEST_DROPOUT = 0.5


def keep_valid_rows(config: Config) -> Remedies:
    """Rows that training does not see."""
    split = config.dataset.split
    if split.by == "given":
        return (f"write valid into column {split.column} of some training rows",), {}
    return (f"dataset.split.valid: {VALID_SHARE}",), {"dataset.split.valid": VALID_SHARE}


def lower_rate(config: Config, diverged: bool) -> Remedies:
    """A decade less, or the optimizer's default where nothing was learned; long steps can have other causes."""
    lr = config.optimizer.lr / DECADE
    advice, patch = _set_rate(config, min(lr, usual_rate(config)) if diverged else lr)
    advice += ("features.scale: standard, where inputs are large numbers",)
    if not isinstance(config.optimizer, LbfgsConfig):
        advice += ("training.clip_norm: 1",)
    return advice, patch


def raise_rate(config: Config) -> Remedies:
    """A decade more."""
    advice, patch = _set_rate(config, config.optimizer.lr * DECADE)
    return (*advice, "optimizer.name: adam, which suits its steps to each weight"), patch


def _set_rate(config: Config, lr: float) -> Remedies:
    better = round_number(lr)
    return (f"optimizer.lr: {better:g} (now {config.optimizer.lr:g})",), {"optimizer.lr": better}


def usual_rate(config: Config) -> float:
    """The optimizer's default learning rate."""
    return float(type(config.optimizer).model_fields["lr"].default)


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


def round_number(value: float) -> float:
    """Three significant digits: enough for a hyper-parameter, and readable."""
    return float(f"{value:.3g}")
