"""NIST's statistical reference datasets (https://www.itl.nist.gov/div898/strd/), in the public domain.

Their certified values were computed with 500 digits. A result is told in the digits it has right: the negative
logarithm of its relative error (McCullough, 1998).
"""

import json
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from mlcli.config.loading.load import make_config
from mlcli.data.prepare import prepare_dataset
from mlcli.reporter import Silent
from mlcli.runs.bundle import load_bundle
from mlcli.use_cases.show import show
from tests.truth.command import mlcli

# Of each linear regression: the degree of its polynomial in x, or 0 for one that is linear in its columns.
DEGREES = {"Norris": 0, "Pontius": 2, "NoInt1": 0, "NoInt2": 0, "Longley": 0, "Filip": 10}
DEGREES |= {f"Wampler{i}": 5 for i in range(1, 6)}
UNIVARIATE = ("Lottery", "Lew", "Mavro", "Michelso", "NumAcc1", "NumAcc2", "NumAcc3", "NumAcc4")
ANOVA = ("SiRstvt", *(f"SmLs0{i}t" for i in range(1, 10)), "AtmWtAgt")
MOST = 15.0
WHITENED = {"extract": {"name": "pca", "components": 0.999999999999, "whiten": True}}
_DATA = re.compile(r"Data\s*\(lines\s+(\d+)\s+to\s+(\d+)\)")
_NUMBER = r"([-+]?[\d.]+(?:E[-+]?\d+)?)"


def digits(found, certified):
    """Digits of `found` that are right, at most 15; of a certified 0 those behind the decimal point."""
    if not math.isfinite(found):
        return 0.0
    error = abs(found - certified) / (abs(certified) or 1.0)
    return min(MOST, max(0.0, -math.log10(error))) if error else MOST


@dataclass(frozen=True)
class Regression:
    """A certified linear regression.

    coefficients : B0 first; B0 is 0 for the sets without an intercept
    x            : float64 (n, k), y : float64 (n,)
    """

    name: str
    coefficients: tuple[float, ...]
    deviation: float
    y: np.ndarray
    x: np.ndarray

    @classmethod
    def read(cls, path):
        text = path.read_text()
        lines = text.splitlines()
        first, last = map(int, _DATA.search(text).groups())
        rows = np.array([line.split() for line in lines[first - 1 : last]], dtype=float)
        head = "\n".join(lines[: first - 1])
        values = {int(k): float(v) for k, v in re.findall(rf"^\s+B(\d+)\s+{_NUMBER}\s", head, flags=re.MULTILINE)}
        deviation = float(re.search(rf"Residual\s+Standard Deviation\s+{_NUMBER}", head)[1])
        beta = tuple(values.get(k, 0.0) for k in range(max(values) + 1))
        return cls(path.stem, beta, deviation, rows[:, 0], rows[:, 1:])

    @property
    def has_intercept(self):
        return self.coefficients[0] != 0.0

    @property
    def degree(self):
        return DEGREES[self.name]

    def table(self):
        """Columns y, x1 …; a line through the origin is that of the rows and their mirror images."""
        y, x = self.y, self.x
        if not self.has_intercept:
            y, x = np.concatenate([y, -y]), np.concatenate([x, -x])
        lines = [",".join(["y", *(f"x{i + 1}" for i in range(x.shape[1]))])]
        lines += [",".join(map(repr, row)) for row in np.column_stack([y, x]).tolist()]
        return "\n".join(lines) + "\n"

    def centre(self):
        """Centre and half-width of x, as short decimal fractions."""
        low, high = self.x.min(), self.x.max()
        return float(f"{(low + high) / 2:.2g}"), float(f"{(high - low) / 2:.2g}")

    def features(self, whitened):
        """The `features` section: powers of x; or powers of the centred x, and whitened principal components."""
        centre, half = self.centre() if whitened else (0.0, 1.0)
        base = f"((x1 - {centre!r}) / {half!r})" if whitened else "x1"
        derive = {f"p{k}": f"{base} ** {k}" for k in range(1, self.degree + 1)}
        return {"derive": derive, "drop": ["x1"] if derive else []} | (WHITENED if whitened else {})

    def powers(self, intercept, weights, whitened):
        """Coefficients of the powers of x from those of the derived columns, without further rounding."""
        if not self.degree:
            return [intercept, *weights]
        centre, half = map(Fraction, map(repr, self.centre() if whitened else (0.0, 1.0)))
        found = [Fraction(0)] * (self.degree + 1)
        for k, weight in enumerate([intercept, *weights]):
            for j in range(k + 1):
                found[j] += Fraction(weight) * math.comb(k, j) * (-centre) ** (k - j) / half**k
        return [float(value) for value in found]


@dataclass(frozen=True)
class Fit:
    """Digits of what a training reached: of each coefficient, and of the residuals' standard deviation."""

    coefficients: tuple[float, ...]
    deviation: float


def fit(regression, whitened):
    """Train by L-BFGS in the current folder."""
    Path("nist.csv").write_text(regression.table())
    config = {
        "name": "nist",
        "dataset": {"name": "csv", "path": "nist.csv", "target": "y", "task": "regression"}
        | {"split": {"valid": 0, "test": 0}},
        "features": regression.features(whitened),
        "model": {"hidden": []},
        "optimizer": {"name": "lbfgs", "iterations": 1000, "history": 50},
        "training": {"epochs": 30, "batch_size": "full"},
    }
    Path("nist.yaml").write_text(json.dumps(config))
    mlcli("train", "nist.yaml")
    run = max(Path("runs/nist").iterdir())
    weights = load_bundle(run / "model").weights()
    by_name = dict(zip(weights.features, weights.weights[0].tolist(), strict=True))
    inputs = [f"p{k + 1}" for k in range(regression.degree)] or list(by_name)
    beta = regression.powers(float(weights.intercept[0]), [by_name[name] for name in inputs], whitened)
    mlcli("predict", "nist.csv", "-o", "nist.jsonl")
    lines = Path("nist.jsonl").read_text().splitlines()
    errors = np.array([json.loads(line)["prediction"] for line in lines])[: len(regression.y)] - regression.y
    free = len(regression.y) - len(regression.coefficients) + (not regression.has_intercept)
    pairs = list(zip(beta, regression.coefficients, strict=True))[not regression.has_intercept :]
    deviation = math.sqrt(float(errors @ errors) / free)
    return Fit(tuple(digits(*pair) for pair in pairs), digits(deviation, regression.deviation))


@dataclass(frozen=True)
class Univariate:
    """Certified mean and standard deviation (of n − 1) of one column."""

    name: str
    mean: float
    deviation: float
    y: tuple[str, ...]

    @classmethod
    def read(cls, path):
        head, rows = re.split(r"\nData: Y *\n-+ *\n", path.read_text().replace("\r", ""))
        mean = re.search(rf"^Sample Mean.*?:\s*{_NUMBER}\s*$", head, flags=re.MULTILINE)[1]
        deviation = re.search(rf"^Sample Standard Deviation.*?:\s*{_NUMBER}\s*$", head, flags=re.MULTILINE)[1]
        return cls(path.stem, float(mean), float(deviation), tuple(rows.split()))

    def describe(self):
        """Digits of mean and deviation: those of the data report (`prepare`), then those of `show`."""
        lines = ["y,k", *(f"{y},{k}" for k, y in enumerate(self.y))]
        reported, shown = explore("\n".join(lines), target="k", column="y")
        scale = math.sqrt(len(self.y) / (len(self.y) - 1))  # mlcli divides by n
        pairs = [(reported["mean"], reported["std"]), (shown.numbers.mean, shown.numbers.std)]
        return [(digits(mean, self.mean), digits(std * scale, self.deviation)) for mean, std in pairs]


@dataclass(frozen=True)
class Anova:
    """A certified one-way analysis of variance: sums of squares between and within, with their degrees of freedom."""

    name: str
    between: tuple[float, float]
    within: tuple[float, float]
    groups: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, path):
        text = path.read_text()
        lines = text.splitlines()
        first, last = map(int, _DATA.search(text).groups())
        number = r"([-+.\dE]+)"
        between, within = (
            tuple(map(float, re.search(rf"^{which} \w+\s+{number}\s+{number}", text, flags=re.MULTILINE).groups()))
            for which in ("Between", "Within")
        )
        rows = (line.split() for line in lines[first - 1 : last])
        return cls(path.stem, between, within, tuple(zip(*(row for row in rows if row), strict=True)))

    @property
    def correlation_ratio(self):
        """Kelley's ε: the root of 1 − (within / its freedom) / (total / its freedom)."""
        (free, between), (free_within, within) = self.between, self.within
        share = 1 - (within / free_within) / ((between + within) / (free + free_within))
        return math.sqrt(max(0.0, share))

    def describe(self):
        """Digits of the association that `show` finds between group and value; None where it shows none."""
        lines = ["y,group", *(f"{y},g{k}" for k, group in enumerate(self.groups) for y in group)]
        _, shown = explore("\n".join(lines), target="y", column="group")
        return digits(shown.associations[0].value, self.correlation_ratio) if shown.associations else None


def explore(table, target, column):
    """What the data report and `show` say of a column of a table, all whose rows are training rows."""
    Path("explored.csv").write_text(table + "\n")
    dataset = {"name": "csv", "path": "explored.csv", "target": target, "task": "regression"}
    config = make_config(
        {"name": "explored", "dataset": dataset | {"split": {"valid": 0.0, "test": 0.0}}}, "truth", "x"
    )
    profile = prepare_dataset(config.dataset, config.seed, Silent()).profile
    reported = next(each["numbers"] for each in profile["columns"] if each["name"] == column)
    return reported, show(config, Silent()).explored.columns[0]
