"""Trainings with one problem, and clean ones, on bundled and generated data.

Each is a function of the seed to a configuration; damaged rows are written to a CSV file first.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import sklearn.datasets

from mlcli.config.loading.load import parse_config

SPLIT = "split: {test: 0.2, valid: 0.2}"
STOPPED = "{epochs: 100, batch_size: 16, early_stopping: {metric: loss, patience: 15}}"
XOR = "{name: xor, rows: 160, split: {test: 0, valid: 0.25}}"


def bundled(name, more=""):
    return f"{{name: {name}, {SPLIT}{more}}}"


def csv(path, split=SPLIT):
    return f"{{name: csv, path: {path}, target: target, {split}}}"


def training(
    dataset,
    hidden="[32]",
    activation="relu",
    optimizer="{name: adam, lr: 0.01}",
    training="{epochs: 60, batch_size: 16}",
    more="",
):
    """A configuration's text; the defaults suit most small tables."""
    return (
        f"name: planted\ndevice: cpu\ndataset: {dataset}\nmodel: {{hidden: {hidden}, activation: {activation}}}\n"
        f"optimizer: {optimizer}\ntraining: {training}\n{more}"
    )


class Field:
    """Where damaged tables are written."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, name, seed, damage=lambda x, y, rng: (x, y, {})):
        """The bundled table's rows in a new order, after `damage`; its path."""
        bunch = getattr(sklearn.datasets, f"load_{name}")()
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(bunch.target))
        x, y, more = damage(bunch.data[order], bunch.target[order], rng)
        columns = {f"x{at}": x[:, at] for at in range(x.shape[1])}
        path = self.folder / f"{name}-{damage.__name__}-{seed}.csv"
        pl.DataFrame(columns | more | {"target": [f"class {label}" for label in y]}).write_csv(path)
        return path


def shuffled(x, y, rng):
    rng.shuffle(y)
    return x, y, {}


def mislabelled(x, y, rng):
    """A fifth of the labels are another class's."""
    n_classes = y.max() + 1
    wrong = rng.random(len(y)) < 0.2
    return x, np.where(wrong, (y + rng.integers(1, n_classes, len(y))) % n_classes, y), {}


def leaking(x, y, rng):
    return x, y, {"code": 1.5 * y + rng.normal(0, 0.05, len(y))}


def imbalanced(x, y, rng):
    kept = (y == 1) | (np.cumsum(y == 0) <= 15)
    return x[kept], y[kept], {}


def unmeasured(x, y, rng):
    """No row of the last class is a validation row."""
    part = np.where((rng.random(len(y)) < 0.3) & (y != y.max()), "valid", "train")
    return x, y, {"part": part}


@dataclass(frozen=True)
class PlantedProblem:
    """A problem, and the text of a training that has it: make(field, seed). quick: part of every test run."""

    problem: str
    make: object
    quick: bool = False

    def config(self, field, seed):
        return parse_config(self.make(field, seed), "planted", "planted", [f"seed={seed}"])


def plant(problem, *arguments, quick=False, **options):
    """A training on rows that need no damage."""
    return PlantedProblem(problem, lambda field, seed: training(*arguments, **options), quick)


def damaged(problem, table, damage, split=SPLIT, quick=False, **options):
    """A training on a damaged table."""
    return PlantedProblem(
        problem, lambda field, seed: training(csv(field.write(table, seed, damage), split), **options), quick
    )


HIGH, LOW = "learning_rate_too_high", "learning_rate_too_low"
DEEP = "[16, 16, 16, 16, 16, 16, 16, 16]"
SHORT = "{epochs: 15, batch_size: 32}"
PLANTED = {
    "high, cancer, adam": plant(HIGH, bundled("breast_cancer"), optimizer="{name: adam, lr: 3.0}"),
    "high, wine, sgd": plant(HIGH, bundled("wine"), optimizer="{name: sgd, lr: 30.0}", quick=True),
    "high, digits, momentum": plant(
        HIGH,
        bundled("digits"),
        optimizer="{name: sgd, lr: 5.0, momentum: 0.9}",
        training="{epochs: 20, batch_size: 32}",
    ),
    "high, diabetes, sgd": plant(HIGH, bundled("diabetes"), optimizer="{name: sgd, lr: 1.0}"),
    "low, wine, adam": plant(LOW, bundled("wine"), optimizer="{name: adam, lr: 1.0e-5}"),
    "low, xor, adam": plant(
        LOW, XOR, "[8]", "tanh", "{name: adam, lr: 1.0e-3}", "{epochs: 30, batch_size: 16}", quick=True
    ),
    "low, digits, sgd": plant(
        LOW, bundled("digits"), optimizer="{name: sgd, lr: 1.0e-4}", training="{epochs: 30, batch_size: 32}"
    ),
    "low, cancer, sgd": plant(LOW, bundled("breast_cancer"), optimizer="{name: sgd, lr: 1.0e-4}"),
    "low, diabetes, adam": plant(LOW, bundled("diabetes"), optimizer="{name: adam, lr: 1.0e-5}"),
    "too small, xor": plant("underfitting", XOR, "[]", quick=True),
    "too small, circle": plant("underfitting", bundled("circle"), "[]"),
    "too small, digits": plant("underfitting", bundled("digits"), "[1]", "tanh"),
    "too small, spiral": plant("underfitting", bundled("spiral"), "[2]", "tanh"),
    "restrained, cancer": plant("underfitting", bundled("breast_cancer"), optimizer="{name: adam, lr: 0.01, l2: 1.0}"),
    "unrestrained, 100 rows, diabetes": plant(
        "overfitting",
        "{name: diabetes, split: {test: 200, valid: 142}}",
        "[128, 128]",
        training="{epochs: 100, batch_size: 16}",
    ),
    "unrestrained, 100 rows, xor": plant(
        "overfitting",
        "{name: xor, rows: 200, noise: 0.5, split: {test: 0, valid: 0.5}}",
        "[64, 64]",
        "tanh",
        "{name: adam, lr: 0.03}",
        "{epochs: 150, batch_size: 16}",
    ),
    "unrestrained, 100 rows, digits": plant(
        "overfitting",
        "{name: digits, split: {test: 1000, valid: 697}}",
        "[64]",
        optimizer="{name: adam, lr: 0.003}",
        training="{epochs: 60, batch_size: 16}",
        quick=True,
    ),
    "unrestrained, 100 rows, cancer": plant(
        "overfitting",
        "{name: breast_cancer, split: {test: 200, valid: 269}}",
        "[128, 64]",
        training="{epochs: 200, batch_size: 16}",
    ),
    "dead, digits, momentum": plant(
        "dead_units", bundled("digits"), "[64, 64]", optimizer="{name: sgd, lr: 0.7, momentum: 0.9}", training=SHORT
    ),
    "dead, digits, adam": plant(
        "dead_units", bundled("digits"), "[64, 64]", optimizer="{name: adam, lr: 0.1}", training=SHORT
    ),
    "dead, cancer, adam": plant(
        "dead_units",
        bundled("breast_cancer"),
        "[32, 32]",
        optimizer="{name: adam, lr: 0.5}",
        training=SHORT,
        quick=True,
    ),
    "deep sigmoid, digits": plant(
        "vanishing_gradients",
        bundled("digits"),
        "[32, 32, 32, 32, 32, 32]",
        "sigmoid",
        "{name: sgd, lr: 0.1}",
        "{epochs: 20, batch_size: 32}",
    ),
    "deep sigmoid, wine": plant("vanishing_gradients", bundled("wine"), DEEP, "sigmoid", training=SHORT, quick=True),
    "deep sigmoid, cancer": plant(
        "vanishing_gradients", bundled("breast_cancer"), DEEP, "sigmoid", "{name: sgd, lr: 0.1}"
    ),
    "deep linear, wine": plant(
        "exploding_gradients",
        bundled("wine"),
        f"[{', '.join(['32'] * 20)}], init: he_normal",
        "identity",
        "{name: sgd, lr: 0.01}",
        quick=True,
    ),
    "leaked, wine": damaged("target_leaked", "wine", leaking, training=SHORT, quick=True),
    "leaked, digits": damaged("target_leaked", "digits", leaking),
    "leaked, cancer": damaged("target_leaked", "breast_cancer", leaking),
    "shuffled, wine": damaged("no_signal", "wine", shuffled, training=SHORT, quick=True),
    "shuffled, digits": damaged("no_signal", "digits", shuffled),
    "shuffled, cancer": damaged("no_signal", "breast_cancer", shuffled, training=STOPPED),
    "unscaled, wine": plant(
        "unscaled_inputs", bundled("wine"), training=SHORT, more="features: {scale: none}", quick=True
    ),
    "unscaled, cancer": plant(
        "unscaled_inputs", bundled("breast_cancer"), optimizer="{name: sgd, lr: 0.01}", more="features: {scale: none}"
    ),
    "unscaled, digits": plant(
        "unscaled_inputs", bundled("digits"), optimizer="{name: sgd, lr: 0.1}", more="features: {scale: none}"
    ),
    "class not measured, iris": damaged(
        "class_missing", "iris", unmeasured, "split: {by: given, column: part}", training=SHORT, quick=True
    ),
    "class not measured, wine": damaged("class_missing", "wine", unmeasured, "split: {by: given, column: part}"),
    "one class in 25, cancer": damaged("imbalance_ignored", "breast_cancer", imbalanced, training=STOPPED),
    "one class in 25, short": damaged("imbalance_ignored", "breast_cancer", imbalanced, training=SHORT, quick=True),
    "stopped, digits": plant(
        "still_improving",
        bundled("digits"),
        optimizer="{name: adam, lr: 0.001}",
        training="{epochs: 4, batch_size: 32}",
    ),
    "stopped, wine": plant(
        "still_improving",
        bundled("wine"),
        optimizer="{name: adam, lr: 0.001}",
        training="{epochs: 10, batch_size: 16}",
        quick=True,
    ),
    "stopped, cancer": plant(
        "still_improving",
        bundled("breast_cancer"),
        "[16]",
        optimizer="{name: adam, lr: 0.001}",
        training="{epochs: 5, batch_size: 16}",
    ),
    "wrong labels, cancer": damaged("label_noise", "breast_cancer", mislabelled, training=STOPPED),
    "wrong labels, digits": damaged("label_noise", "digits", mislabelled, training=STOPPED),
    "wrong labels, iris": damaged("label_noise", "iris", mislabelled, training=SHORT, quick=True),
}

CLEAN = {
    "iris": plant("", bundled("iris"), "[16]", "tanh", training=STOPPED, quick=True),
    "wine": plant("", bundled("wine"), "[16]", training=STOPPED, quick=True),
    "digits": plant(
        "",
        bundled("digits"),
        "[64]",
        optimizer="{name: adam, lr: 0.003}",
        training="{epochs: 40, batch_size: 32, early_stopping: {metric: loss, patience: 5}}",
        more="features: {scale: minmax}",
        quick=True,
    ),
    "circle": plant(
        "", bundled("circle", ", noise: 0.1"), "[8]", "tanh", "{name: adam, lr: 0.03}", STOPPED, quick=True
    ),
    "cancer": plant(
        "",
        bundled("breast_cancer"),
        "[16]",
        optimizer="{name: adamw, lr: 0.003, l2: 0.01}",
        training=STOPPED,
        quick=True,
    ),
    "diabetes": plant(
        "", bundled("diabetes"), "[16]", optimizer="{name: adamw, lr: 0.003, l2: 0.01}", training=STOPPED
    ),
    "gauss, linear": plant("", bundled("gauss"), "[]", optimizer="{name: adam, lr: 0.03}", training=STOPPED),
    "plane": plant("", bundled("plane"), "[8]", "tanh"),
    "xor": plant("", XOR, "[8]", "tanh", "{name: adam, lr: 0.03}", "{epochs: 30, batch_size: 16}"),
    "cancer, momentum": plant(
        "", bundled("breast_cancer"), "[16]", optimizer="{name: sgd, lr: 0.1, momentum: 0.9}", training=STOPPED
    ),
    "wine, deep": plant("", bundled("wine"), "[32, 32, 32, 32]", "tanh", "{name: adam, lr: 0.001}", STOPPED),
    "cancer, sigmoid": plant("", bundled("breast_cancer"), "[16]", "sigmoid", training=STOPPED),
}
