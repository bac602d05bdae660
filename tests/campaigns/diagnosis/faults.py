"""The same faults, planted in tables on which thresholds are set and in others on which they are measured.

Every fault is planted in every table that it suits; each training is healthy without it. Test rows are drawn with the
others and stay whole, so that an error says what a fault or a recommendation does to the network.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlcli.config.loading.load import parse_config
from tests.campaigns.diagnosis import simulated, tables
from tests.campaigns.diagnosis.tables import generated, write_table

N_TEST = 1000


@dataclass(frozen=True)
class FaultyTable:
    """draw(rng, n) → (x, y).

    curved : a linear model has next to no skill
    clear  : classes without overlap, in which wrong labels can be seen
    noisy  : a network can fit what does not hold for other rows
    """

    draw: Callable
    n: int = 600
    classes: int = 0
    curved: bool = False
    clear: bool = False
    noisy: bool = False


def cut_in_three(rng, n):
    """Three kinds of rows by the height of a roll in space."""
    x, t = generated("swiss_roll", noise=0.3)(rng, n)
    return x, np.digitize(t, np.quantile(t, [1 / 3, 2 / 3]))


def from_zero(rng, n):
    """Hastie's table with classes 0 and 1."""
    x, y = generated("hastie_10_2")(rng, n)
    return x, (y > 0).astype(np.int64)


SETTING_TABLES = {
    "moons": FaultyTable(generated("moons", noise=0.12), 500, 2, clear=True),
    "blobs": FaultyTable(generated("blobs", n_features=6, centers=5, cluster_std=1.5), 500, 5, clear=True),
    "gaussian quantiles": FaultyTable(
        generated("gaussian_quantiles", n_features=3, n_classes=2), classes=2, curved=True
    ),
    "hastie": FaultyTable(from_zero, 2400, 2, curved=True, noisy=True),
    "swiss roll": FaultyTable(cut_in_three, classes=3, clear=True),
    "two classes": FaultyTable(
        generated("classification", n_features=12, n_informative=5, class_sep=1.5, flip_y=0.05), classes=2, noisy=True
    ),
    "four classes": FaultyTable(
        generated(
            "classification", n_features=10, n_informative=6, n_classes=4, n_clusters_per_class=1, class_sep=2.5,
            flip_y=0,
        ),
        700, 4, clear=True,
    ),
    "friedman 1": FaultyTable(generated("friedman1", noise=1.0), noisy=True),
    "friedman 2": FaultyTable(generated("friedman2", noise=80.0), 500, noisy=True),
    "friedman 3": FaultyTable(generated("friedman3", noise=0.05)),
    "plane in 12 columns": FaultyTable(
        generated("regression", n_features=12, n_informative=6, noise=40.0), 500, noisy=True
    ),
    "sparse plane": FaultyTable(generated("sparse_uncorrelated", n_features=8)),
    "s curve": FaultyTable(generated("s_curve", noise=0.1), 500),
    "waveform": FaultyTable(simulated.waveform, 900, 3, noisy=True),
    "twonorm": FaultyTable(simulated.twonorm, 500, 2, clear=True),
    "threenorm": FaultyTable(simulated.threenorm, 900, 2, noisy=True),
    "ringnorm": FaultyTable(simulated.ringnorm, 900, 2, clear=True, noisy=True),
    "light digits": FaultyTable(simulated.light_digits, 900, 10),
    "monks": FaultyTable(simulated.monks, 700, 2, clear=True),
    "rings": FaultyTable(simulated.rings, 600, 3, curved=True, clear=True),
    "checkerboard": FaultyTable(simulated.checkerboard, 900, 2, curved=True, clear=True),
    "borehole": FaultyTable(simulated.borehole, 500),
    "circuit": FaultyTable(simulated.circuit, 500),
    "piston": FaultyTable(simulated.piston, 800, noisy=True),
    "wing": FaultyTable(simulated.wing, 600, noisy=True),
    "branin": FaultyTable(simulated.branin, 700),
    "bent": FaultyTable(simulated.bent, 800, noisy=True),
}  # fmt: skip
MEASURED_TABLES = {
    "simplex": FaultyTable(simulated.simplex, 500, 4, clear=True),
    "hypercube": FaultyTable(simulated.hypercube, 700, 8, clear=True),
    "spirals": FaultyTable(simulated.spirals, 600, 2, curved=True, clear=True),
    "parity": FaultyTable(simulated.parity, 900, 2, curved=True, clear=True),
    "balance": FaultyTable(simulated.balance, 700, 2, clear=True),
    "loans": FaultyTable(simulated.loans, 900, 2, noisy=True),
    "votes": FaultyTable(simulated.votes, 600, 2, noisy=True),
    "ishigami": FaultyTable(simulated.ishigami, 700),
    "franke": FaultyTable(simulated.franke, 500, noisy=True),
    "gramacy and lee": FaultyTable(simulated.gramacy_lee, 700),
    "welch": FaultyTable(simulated.welch, 700, noisy=True),
    "sobol g": FaultyTable(simulated.sobol_g, 600, curved=True),
    "steel column": FaultyTable(simulated.steel_column, 500, noisy=True),
}
TABLES = SETTING_TABLES | MEASURED_TABLES

TRAINING = """
name: faulty
device: cpu
dataset: {{name: csv, path: {path}, target: target, split: {{by: given, column: part}}}}
model: {{hidden: [32], activation: relu}}
optimizer: {{name: adam, lr: 0.01}}
training: {{epochs: 40, batch_size: 32, early_stopping: {{metric: loss, patience: 8}}}}
"""
WITHOUT_STOPPING = "training.early_stopping=null"
DEEP = "[{}]".format(", ".join(["24"] * 9))


@dataclass(frozen=True)
class Fault:
    """A fault that is planted: --set overrides of the healthy training, and damage to its rows.

    problems : the names that are right
    n_train  : training rows; three in ten rows are validation rows otherwise
    whole    : the damage is done to test rows, too
    suits    : of a table, whether the fault shows there
    """

    problems: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    damage: Callable | None = None
    n_train: int | None = None
    whole: bool = False
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
        ("overfitting", "too_little_data"),
        ("model.hidden=[96, 96]", "training={epochs: 120, batch_size: 16}"),
        n_train=70,
        suits=lambda table: table.noisy,
    ),
    "last weights of 120 epochs": Fault(
        ("overfitting",),
        ("model.hidden=[96, 96]", "training={epochs: 120, batch_size: 16, keep: last}"),
        suits=lambda table: table.noisy,
    ),
    "dead units, rate 0.6": Fault(
        ("dead_units", "learning_rate_too_high"),
        ("model.hidden=[48, 48]", "optimizer.lr=0.6", "training={epochs: 15, batch_size: 32}"),
    ),
    "deep sigmoids": Fault(("vanishing_gradients",), (f"model={{hidden: {DEEP}, activation: sigmoid}}",)),
    "deep and linear": Fault(
        ("exploding_gradients",),
        ("model={hidden: [" + ", ".join(["24"] * 18) + "], activation: identity, init: he_normal}",
         "optimizer={name: sgd, lr: 0.01}", WITHOUT_STOPPING),
    ),
    "leak": Fault(("target_leaked",), damage=tables.leaking),
    "shuffled target": Fault(("no_signal",), damage=tables.shuffled),
    "large column": Fault(("unscaled_inputs",), ("features.scale=none",), tables.enlarged, whole=True),
    "class without validation rows": Fault(("class_missing",), damage=tables.unmeasured, suits=has_classes),
    "one row in 21 of a class": Fault(("imbalance_ignored",), damage=tables.outnumbered, suits=has_classes),
    "five epochs": Fault(("still_improving",), ("optimizer.lr=0.002", "training={epochs: 5, batch_size: 32}")),
    "a fifth of the labels": Fault(("label_noise",), damage=tables.mislabelled, suits=lambda table: table.clear),
    "mistyped targets": Fault(("outliers",), damage=tables.mistyped, suits=has_numbers),
    "stretched rows": Fault(
        ("outliers", "worse_than_linear"), ("model.activation=tanh",), tables.stretched, suits=has_numbers
    ),
}  # fmt: skip
# Early stopping ends these.
LONG = "training.epochs=150"
HEALTHY = {
    "32 relu": Fault((), (LONG,)),
    "16 tanh": Fault(
        (), ("model={hidden: [16], activation: tanh}", "optimizer={name: adamw, lr: 0.02, l2: 0.01}", LONG)
    ),
}


def make_config(folder, name, fault, seed):
    """The configuration of a table with a fault; the table is written to the folder."""
    table, rng = TABLES[name], np.random.default_rng(seed)
    x, y = table.draw(rng, table.n + N_TEST)
    if fault.whole:
        x = fault.damage(x, y, rng)[0]
    test_x, test_y, x, y, more = x[table.n :], y[table.n :], x[: table.n], y[: table.n], {}
    if fault.damage and not fault.whole:
        x, y, more = fault.damage(x, y, rng)
    part = np.where(rng.random(len(y)) < 0.3, "valid", "train")
    if fault.n_train:
        part = np.where(np.arange(len(y)) < fault.n_train, "train", "valid")
    part = np.append(more.pop("part", part), np.full(N_TEST, "test"))
    # What else there is of a row has nothing to do with a test row.
    more = {column: np.append(values, rng.choice(values, N_TEST)) for column, values in more.items()} | {"part": part}
    path = folder / f"{name}-{seed}-{len(list(folder.iterdir()))}.csv".replace(" ", "-")
    write_table(path, np.concatenate([x, test_x]), np.append(y, test_y), more)
    return parse_config(TRAINING.format(path=path), "faulty", "faulty", [f"seed={seed}", *fault.sets])
