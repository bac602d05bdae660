"""Trainings with one problem, and clean ones, on bundled and generated data.

Each is a function of the seed to a configuration; damaged rows are written to a CSV file first.
"""

from dataclasses import dataclass

import numpy as np

from mlcli.config.loading.load import parse_config
from tests.campaigns.diagnosis.tables import (
    bundled_rows,
    card_payments,
    imbalanced,
    leaking,
    mislabelled,
    mistyped,
    passengers,
    patients,
    shuffled,
    stretched,
    tasted_wines,
    taxi_rides,
    unmeasured,
    write_table,
)

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

    def write(self, name, seed, draw, damage=None):
        """The rows that `draw` draws, after `damage`; the path of the table."""
        rng = np.random.default_rng(seed)
        x, y, *drawn = draw(rng)
        x, y, more = damage(x, y, rng) if damage else (x, y, *(drawn or [{}]))
        return write_table(self.folder / f"{name}-{damage.__name__ if damage else 'whole'}-{seed}.csv", x, y, more)


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
        problem,
        lambda field, seed: training(csv(field.write(table, seed, bundled_rows(table), damage), split), **options),
        quick,
    )


def drawn(problem, draw, *arguments, split=SPLIT, quick=False, **options):
    """A training on a table that is drawn from the seed."""
    return PlantedProblem(
        problem,
        lambda field, seed: training(csv(field.write(draw.__name__, seed, draw), split), *arguments, **options),
        quick,
    )


HIGH, LOW = "learning_rate_too_high", "learning_rate_too_low"
DEEP = "[16, 16, 16, 16, 16, 16, 16, 16]"
SHORT = "{epochs: 15, batch_size: 32}"
PATIENT = "{epochs: 60, batch_size: 32, early_stopping: {metric: loss, patience: 10}}"
FEW_STEPS = "{epochs: 12, batch_size: 64, early_stopping: {metric: loss, patience: 4}}"
PARTS = "split: {by: given, column: part}"
CALM = "{name: adam, lr: 0.002}"
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
    "restrained, plane": plant(
        "underfitting",
        "{name: plane, rows: 400, split: {test: 0.2, valid: 0.2}}",
        optimizer="{name: adam, lr: 0.01, l2: 1.0}",
    ),
    "restrained, diabetes": plant("underfitting", bundled("diabetes"), optimizer="{name: adam, lr: 0.01, l2: 2.0}"),
    "restrained, wine": plant("underfitting", bundled("wine"), optimizer="{name: adam, lr: 0.01, l2: 2.0}"),
    "shuffled, diabetes": damaged("no_signal", "diabetes", shuffled, training=PATIENT),
    "shuffled, diabetes, small": damaged("no_signal", "diabetes", shuffled, hidden="[8]", training=STOPPED),
    "stopped, diabetes": plant(
        "still_improving",
        bundled("diabetes"),
        optimizer="{name: adam, lr: 0.001}",
        training="{epochs: 6, batch_size: 16}",
    ),
    "stopped, circle": plant(
        "still_improving",
        "{name: circle, rows: 500, split: {test: 0.2, valid: 0.2}}",
        optimizer="{name: adam, lr: 0.003}",
        training="{epochs: 6, batch_size: 32}",
    ),
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
    "100 rows, digits": plant(
        "too_little_data",
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
    "taxi rides": drawn("outliers", taxi_rides, "[16]", "tanh", split=PARTS, training=PATIENT, quick=True),
    "taxi rides, 60 epochs": drawn("outliers", taxi_rides, "[64, 64]", "tanh", CALM, split=PARTS),
    "mistyped targets, diabetes": damaged("outliers", "diabetes", mistyped, hidden="[16]", training=PATIENT),
    "stretched rows, diabetes": damaged("outliers", "diabetes", stretched, PARTS, hidden="[16]", training=PATIENT),
    "card payments": drawn("imbalance_ignored", card_payments, training=FEW_STEPS, quick=True),
    "card payments, long": drawn("imbalance_ignored", card_payments, optimizer=CALM, training=FEW_STEPS),
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
    "passengers": drawn("", passengers, hidden="[8]", optimizer=CALM, training=PATIENT, quick=True),
    "patients": drawn("", patients, hidden="[8]", optimizer=CALM, training=PATIENT),
    "tasted wines": drawn("", tasted_wines, hidden="[8]", optimizer=CALM, training=PATIENT),
}
