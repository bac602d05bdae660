"""The Playground's inputs: seven derived ones, or two columns of a table."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from mlcli.config.loading.dump import changes_of
from mlcli.config.loading.load import make_config
from mlcli.config.sections.config import Config
from mlcli.config.sections.features import FeaturesConfig, SelectConfig
from mlcli.config.sections.rows import TableConfig
from mlcli.config.tree import JsonValue
from mlcli.data.sources import read_source
from mlcli.data.tables.frames import collect
from mlcli.data.tables.types import Table
from mlcli.errors import DataError, UsageError
from mlcli.formulas.parse import parse_formula
from mlcli.io.text import suggestion
from mlcli.reporter import Reporter

LABELS = ("x1", "x2", "x1²", "x2²", "x1x2", "sin x1", "sin x2")


@dataclass(frozen=True)
class PlayInput:
    """One of the seven inputs.

    name     : of the column, or of the derived one
    formulas : equivalent formulas of the derived column, the first for writing; empty for a column of the data
    """

    label: str
    name: str
    formulas: tuple[str, ...] = ()

    def is_on(self, features: FeaturesConfig) -> bool:
        """Whether it is an input of the network."""
        return bool(self._names(features)) if self.formulas else self.name not in features.drop

    def switch(self, features: FeaturesConfig) -> dict[str, JsonValue]:
        """The keys that turn it on where it is off, and off where it is on."""
        if not self.formulas:
            kept = [name for name in features.drop if name != self.name]
            return {"features.drop": [*kept, *([self.name] if self.is_on(features) else [])]}
        present = self._names(features)
        derive: dict[str, JsonValue] = {name: text for name, text in features.derive.items() if name not in present}
        return {"features.derive": derive if present else {**derive, self.name: self.formulas[0]}}

    def _names(self, features: FeaturesConfig) -> list[str]:
        """The derived columns equal to this input, under any name."""
        programs = [parse_formula(text).program for text in self.formulas]
        return [name for name, text in features.derive.items() if parse_formula(text).program in programs]


def play_inputs(columns: tuple[str, str]) -> tuple[PlayInput, ...]:
    """The seven inputs, in the order of LABELS."""
    x, y = columns
    qx, qy = quoted(x), quoted(y)
    return (
        PlayInput(LABELS[0], x),
        PlayInput(LABELS[1], y),
        PlayInput(LABELS[2], f"{x}_squared", (f"{qx} * {qx}", f"{qx} ** 2")),
        PlayInput(LABELS[3], f"{y}_squared", (f"{qy} * {qy}", f"{qy} ** 2")),
        PlayInput(LABELS[4], f"{x}_{y}", (f"{qx} * {qy}", f"{qy} * {qx}")),
        PlayInput(LABELS[5], f"sin_{x}", (f"sin({qx})",)),
        PlayInput(LABELS[6], f"sin_{y}", (f"sin({qy})",)),
    )


def count_others(columns: tuple[str, str], features: FeaturesConfig) -> int:
    """Derived columns other than the seven inputs."""
    own = sum(one.is_on(features) for one in play_inputs(columns) if one.formulas)
    return len(features.derive) - own


def quoted(column: str) -> str:
    """A column as formulas write it."""
    return column if re.fullmatch(r"[^\W\d]\w*", column) else f"`{column}`"


def choose_columns(config: Config, x: str | None, y: str | None, reporter: Reporter) -> tuple[str, str]:
    """The named columns, completed by those with the strongest association with the target.

    Raises UsageError for names of no number column, DataError where there are fewer than two.
    """
    rows = read_source(config.dataset)
    table = rows.rows
    if not isinstance(table, Table):
        raise DataError(f"{config.name}: images cannot be played; name a table with two number columns")
    if len(table.targets) != 1:
        raise DataError(f"{config.name}: {len(table.targets)} targets cannot be drawn on one plane; choose one target")
    numbers = [column.name for column in table.features if column.kind == "number"]
    for option, name in (("--x", x), ("--y", y)):
        if name is not None and name not in numbers:
            raise UsageError(f"{option}: there is no number column {name!r}; {suggestion(name, numbers)}")
    if x is not None and x == y:
        raise UsageError(f"--x and --y are both {x!r}; name two columns")
    if len(numbers) < 2:
        there = f"only {numbers[0]!r} contains numbers" if numbers else "no column contains numbers"
        raise DataError(f"{config.name}: mlcli play needs two number columns beside the target; {there}")
    named = [name for name in (x, y) if name is not None]
    others = [name for name in numbers if name not in named]
    best = _ranked(table, others, rows.task == "classification") if len(others) + len(named) > 2 else others
    first, second = x or best.pop(0), y or best.pop(0)
    if len(numbers) > 2 and len(named) < 2:
        reporter.say(f"x1 is {first}, x2 is {second}, of {len(numbers)} number columns; --x and --y name others")
    return first, second


def reduce_to(config: Config, columns: tuple[str, str]) -> Config:
    """The configuration with these two columns as the only features."""
    dataset, features = config.dataset, config.features
    table = read_source(dataset).rows
    if not isinstance(table, Table) or not isinstance(dataset, TableConfig):
        return config
    others = [column.name for column in table.features if column.name not in columns]
    derive = {name: text for name, text in features.derive.items() if set(parse_formula(text).names) <= {*columns}}
    kept = {name: one for name, one in features.columns.items() if name in (*columns, *derive)}
    features = features.model_copy(update={"derive": derive, "columns": kept, "select": SelectConfig()})
    types = {name: kind for name, kind in dataset.types.items() if name not in others}
    dataset = dataset.model_copy(update={"drop": (*dataset.drop, *others), "types": types})
    tree = {**changes_of(config), "dataset": changes_of(dataset), "features": changes_of(features)}
    return make_config(tree, config.name, config.name)


def _ranked(table: Table, names: list[str], classification: bool) -> list[str]:
    """The names by the strength of each column's association with the target (F statistic), strongest first."""
    from sklearn.feature_selection import f_classif, f_regression

    frame = collect(table.rows.select([*names, table.targets[0].name])).drop_nulls()
    if frame.height < 3:
        return names
    target = frame[table.targets[0].name]
    y = target.rank("dense").to_numpy() if classification else target.to_numpy()
    with np.errstate(all="ignore"):
        scores = (f_classif if classification else f_regression)(frame.select(names).to_numpy(), y)[0]
    order = np.argsort(-np.nan_to_num(scores, nan=0.0), kind="stable")
    return [names[i] for i in order]
