"""The trainings that the diagnosis is measured on: tables, seeds and severities that no threshold was set on.

Every fault is planted in every table that it suits; each training is healthy without it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlcli.config.loading.load import parse_config
from tests.campaigns import planted_tables as tables
from tests.campaigns.planted_tables import generated, write_table

SEEDS, HEALTHY_SEEDS = range(100, 102), range(100, 104)


@dataclass(frozen=True)
class MeasuredTable:
    """draw(rng) → (x, y).

    curved : a linear model has next to no skill
    clear  : classes without overlap, in which wrong labels can be seen
    noisy  : a network can fit what does not hold for other rows
    """

    draw: Callable
    classes: int = 0
    curved: bool = False
    clear: bool = False
    noisy: bool = False


def cut_in_three(rng):
    """Three kinds of rows by the height of a roll in space."""
    x, t = generated("swiss_roll", n_samples=600, noise=0.3)(rng)
    return x, np.digitize(t, np.quantile(t, [1 / 3, 2 / 3]))


def from_zero(rng):
    """Hastie's table with classes 0 and 1."""
    x, y = generated("hastie_10_2", n_samples=2400)(rng)
    return x, (y > 0).astype(np.int64)


TABLES = {
    "moons": MeasuredTable(generated("moons", n_samples=500, noise=0.12), 2, clear=True),
    "blobs": MeasuredTable(generated("blobs", n_samples=500, n_features=6, centers=5, cluster_std=1.5), 5, clear=True),
    "gaussian quantiles": MeasuredTable(
        generated("gaussian_quantiles", n_samples=600, n_features=3, n_classes=2), 2, curved=True
    ),
    "hastie": MeasuredTable(from_zero, 2, curved=True, noisy=True),
    "swiss roll": MeasuredTable(cut_in_three, 3, clear=True),
    "two classes": MeasuredTable(
        generated("classification", n_samples=600, n_features=12, n_informative=5, class_sep=1.5, flip_y=0.05), 2,
        noisy=True,
    ),
    "four classes": MeasuredTable(
        generated(
            "classification", n_samples=700, n_features=10, n_informative=6, n_classes=4, n_clusters_per_class=1,
            class_sep=2.5, flip_y=0,
        ),
        4, clear=True,
    ),
    "friedman 1": MeasuredTable(generated("friedman1", n_samples=600, noise=1.0), noisy=True),
    "friedman 2": MeasuredTable(generated("friedman2", n_samples=500, noise=80.0), noisy=True),
    "friedman 3": MeasuredTable(generated("friedman3", n_samples=600, noise=0.05)),
    "plane in 12 columns": MeasuredTable(
        generated("regression", n_samples=500, n_features=12, n_informative=6, noise=40.0), noisy=True
    ),
    "sparse plane": MeasuredTable(generated("sparse_uncorrelated", n_samples=600, n_features=8)),
    "s curve": MeasuredTable(generated("s_curve", n_samples=500, noise=0.1)),
}  # fmt: skip

TRAINING = """
name: measured
device: cpu
dataset: {{name: csv, path: {path}, target: target, split: {split}}}
model: {{hidden: [32], activation: relu}}
optimizer: {{name: adam, lr: 0.01}}
training: {{epochs: 40, batch_size: 32, early_stopping: {{metric: loss, patience: 8}}}}
"""
PARTS = "{by: given, column: part}"
WITHOUT_STOPPING = "training.early_stopping=null"
DEEP = "[{}]".format(", ".join(["24"] * 9))


@dataclass(frozen=True)
class Fault:
    """A fault that is planted: --set overrides of the healthy training, and damage to its rows.

    problems : the names that are right
    suits    : of a table, whether the fault shows there
    """

    problems: tuple[str, ...]
    sets: tuple[str, ...] = ()
    damage: Callable | None = None
    split: str = "{test: 0.1, valid: 0.3}"
    suits: Callable = lambda table: True


def has_classes(table):
    return table.classes > 0


def has_numbers(table):
    return not table.classes


FAULTS = {
    "rate too high, adam": Fault(("learning_rate_too_high",), ("optimizer.lr=20.0", WITHOUT_STOPPING)),
    "rate too high, momentum": Fault(
        ("learning_rate_too_high",), ("optimizer={name: sgd, lr: 8.0, momentum: 0.9}", WITHOUT_STOPPING)
    ),
    "rate too low, adam": Fault(("learning_rate_too_low",), ("optimizer.lr=8.0e-6",)),
    "rate too low, sgd": Fault(("learning_rate_too_low",), ("optimizer={name: sgd, lr: 5.0e-5}",)),
    "linear model of curves": Fault(("underfitting",), ("model.hidden=[]",), suits=lambda table: table.curved),
    "too much weight decay": Fault(("underfitting",), ("optimizer.l2=2.0",)),
    "large network, 70 rows": Fault(
        ("overfitting",),
        ("model.hidden=[96, 96]", "training={epochs: 120, batch_size: 16}"),
        split="{test: 20, valid: 0.85}",
        suits=lambda table: table.noisy,
    ),
    "dead units": Fault(
        ("dead_units",), ("model.hidden=[48, 48]", "optimizer.lr=0.6", "training={epochs: 15, batch_size: 32}")
    ),
    "deep sigmoids": Fault(("vanishing_gradients",), (f"model={{hidden: {DEEP}, activation: sigmoid}}",)),
    "deep and linear": Fault(
        ("exploding_gradients",),
        ("model={hidden: [" + ", ".join(["24"] * 18) + "], activation: identity, init: he_normal}",
         "optimizer={name: sgd, lr: 0.01}", WITHOUT_STOPPING),
    ),
    "leak": Fault(("target_leaked",), damage=tables.leaking),
    "shuffled target": Fault(("no_signal",), damage=tables.shuffled),
    "large column": Fault(("unscaled_inputs",), ("features.scale=none",), tables.enlarged),
    "class without validation rows": Fault(
        ("class_missing",), damage=tables.unmeasured, split=PARTS, suits=has_classes
    ),
    "one row in 21 of a class": Fault(("imbalance_ignored",), damage=tables.outnumbered, suits=has_classes),
    "five epochs": Fault(("still_improving",), ("optimizer.lr=0.002", "training={epochs: 5, batch_size: 32}")),
    "a fifth of the labels": Fault(("label_noise",), damage=tables.mislabelled, suits=lambda table: table.clear),
    "mistyped targets": Fault(("outliers",), damage=tables.mistyped, suits=has_numbers),
    "stretched rows": Fault(
        ("outliers", "worse_than_linear"), ("model.activation=tanh",), tables.stretched, PARTS, has_numbers
    ),
}  # fmt: skip
# Early stopping ends these.
LONG = "training.epochs=150"
HEALTHY_NETWORKS = {
    "32 relu": (LONG,),
    "16 tanh": ("model={hidden: [16], activation: tanh}", "optimizer={name: adamw, lr: 0.02, l2: 0.01}", LONG),
}


def measured_config(folder, table, fault, seed, sets=()):
    """The configuration of a table with a fault; the table is written to the folder."""
    rng = np.random.default_rng(seed)
    x, y = TABLES[table].draw(rng)
    x, y, more = fault.damage(x, y, rng) if fault.damage else (x, y, {})
    damage = fault.damage.__name__ if fault.damage else "whole"
    path = write_table(folder / f"{table} {damage} {seed}.csv".replace(" ", "-"), x, y, more)
    text = TRAINING.format(path=path, split=fault.split)
    return parse_config(text, "measured", "measured", [f"seed={seed}", *fault.sets, *sets])
