"""Tables that are drawn from a seed, and damages: each maps rows (x, y) to damaged ones and further columns.

x : float64 (n, d); y : int64 (n,) classes from 0, or float64 (n,) numbers
"""

import numpy as np
import polars as pl
import sklearn.datasets


def bundled_rows(name):
    """A bundled table's rows in a new order."""

    def draw(rng):
        bunch = getattr(sklearn.datasets, f"load_{name}")()
        order = rng.permutation(len(bunch.target))
        return bunch.data[order], bunch.target[order]

    return draw


def generated(name, **options):
    """One of scikit-learn's generators: draw(rng, n)."""

    def draw(rng, n):
        return getattr(sklearn.datasets, f"make_{name}")(n_samples=n, random_state=int(rng.integers(2**31)), **options)

    return draw


def taxi_rides(rng, n=700):
    """Fares that follow distance, tolls and tips, all with fat tails; three later rides are far longer than any other.

    Their part is valid, as that of three rows in ten.
    """
    distance, tolls = rng.lognormal(0.6, 0.9, n), rng.choice([0.0, 0.0, 0.0, 0.0, 6.1, 12.5], n)
    tips = rng.exponential(2.0, n) * (rng.random(n) < 0.6)
    part = np.where(rng.random(n) < 0.3, "valid", "train")
    wild = rng.choice(np.flatnonzero(part == "valid"), 3, replace=False)
    distance[wild] = distance.max() * rng.uniform(2, 6, 3)
    x = np.column_stack([distance, tolls, tips, rng.integers(1, 6, n), rng.integers(0, 24, n)])
    return x, 2.5 + 2.6 * distance + tolls + tips + rng.standard_t(3, n) * 0.7, {"part": part}


def card_payments(rng, n=6000, frauds=11, shift=1.2):
    """Payments of 12 standardised columns of which some are fraud; theirs lie further out in half of the columns."""
    y = np.zeros(n, dtype=np.int64)
    y[rng.choice(n, frauds, replace=False)] = 1
    x = rng.normal(size=(n, 12)) * rng.uniform(0.7, 1.6, 12)
    x[y == 1, :6] += shift * rng.choice([-1, 1], 6)
    return x, y


def passengers(rng, n=890):
    """Survival by sex, class, age and family, as uncertain as the Titanic's: no label is wrong."""
    sex, rank = rng.random(n) < 0.35, rng.choice([1, 2, 3], n, p=[0.24, 0.21, 0.55])
    age, family = rng.gamma(5, 6, n), rng.poisson(0.9, n)
    fare = rng.lognormal(4.2 - 0.75 * rank, 0.5)
    logit = 1.1 + 2.6 * sex - 0.9 * (rank - 1) * np.where(sex, 1.2, 0.6) - 2.2 * ~sex - 0.02 * age - 0.3 * (family > 3)
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    return np.column_stack([sex, rank, age.round(), family, fare.round(2)]), y


def tasted_wines(rng, n=1500):
    """Grades from 11 related columns and the taster's opinion; neighbouring grades overlap, no label is wrong."""
    x = rng.normal(size=(n, 4)) @ rng.normal(size=(4, 11)) + rng.normal(size=(n, 11))
    liked = x @ rng.normal(size=11)
    opinion = liked / liked.std() + 0.5 * np.tanh(x[:, 0] * x[:, 1]) + rng.normal(0, 1.0, n)
    return x, np.digitize(opinion, np.quantile(opinion, [0.2, 0.6, 0.88])).astype(np.int64)


def patients(rng, n=760):
    """Two overlapping classes, one row in three of the second, as in a study of diabetes: no label is wrong."""
    x = rng.normal(size=(n, 8)) * np.exp(0.3 * rng.normal(size=(n, 8)))
    logit = 1.1 * x[:, 0] + 0.7 * x[:, 1] + 0.4 * x[:, 2] * x[:, 3] - 0.8
    return x, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.int64)


def shuffled(x, y, rng):
    return x, rng.permutation(y), {}


def mislabelled(x, y, rng):
    """A fifth of the labels are another class's."""
    n_classes = y.max() + 1
    wrong = rng.random(len(y)) < 0.2
    return x, np.where(wrong, (y + rng.integers(1, n_classes, len(y))) % n_classes, y), {}


def leaking(x, y, rng):
    """A column that is the target, all but exactly."""
    return x, y, {"code": 1.5 * y + rng.normal(0, 0.05 * y.std(), len(y))}


def imbalanced(x, y, rng):
    """The first class, with 15 rows, beside the second."""
    kept = (y == 1) | ((y == 0) & (np.cumsum(y == 0) <= 15))
    return x[kept], y[kept], {}


def outnumbered(x, y, rng):
    """The first class, with a row for 20 of the second; others stay whole."""
    kept = (y > 0) | (np.cumsum(y == 0) <= max(5, (y == 1).sum() // 20))
    return x[kept], y[kept], {}


def unmeasured(x, y, rng):
    """No row of the last class is a validation row."""
    part = np.where((rng.random(len(y)) < 0.3) & (y != y.max()), "valid", "train")
    return x, y, {"part": part}


def mistyped(x, y, rng):
    """One target in 50 is 10 to 40 deviations off."""
    wrong = rng.random(len(y)) < 0.02
    return x, y + wrong * y.std() * rng.uniform(10, 40, len(y)) * rng.choice([-1, 1], len(y)), {}


def stretched(x, y, rng):
    """Three validation rows have their first column, and the target with it, 10 to 40 deviations larger."""
    part = np.where(rng.random(len(y)) < 0.3, "valid", "train")
    wild, x = np.zeros(len(y)), x.copy()
    wild[rng.choice(np.flatnonzero(part == "valid"), 3, replace=False)] = rng.uniform(10, 40, 3)
    x[:, 0] += wild * x[:, 0].std()
    return x, y + wild * y.std(), {"part": part}


def enlarged(x, y, rng):
    """One column in the thousands, as an amount of money beside shares."""
    x = x.copy()
    x[:, 0] = 5000 + 3000 * (x[:, 0] - x[:, 0].mean()) / x[:, 0].std()
    return x, y, {}


def write_table(path, x, y, more):
    """A CSV file; classes as text."""
    target = [f"class {label}" for label in y] if y.dtype.kind in "iu" else y
    columns = {f"x{at}": x[:, at] for at in range(x.shape[1])}
    pl.DataFrame(columns | more | {"target": target}).write_csv(path)
    return path
