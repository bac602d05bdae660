"""The Playground's inputs: seven derived ones, or two columns of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    """One of the seven.

    name     : of the column, or of the derived one
    formulas : ways to write the derived column, of which the first is written; empty for a column of the data
    """

    label: str
    name: str
    formulas: tuple[str, ...] = ()

    def is_on(self, features: FeaturesConfig) -> bool:
        """Whether the network is given it."""
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
        """The derived columns that are this input, whatever they are called."""
        programs = [parse_formula(text).program for text in self.formulas]
        return [name for name, text in features.derive.items() if parse_formula(text).program in programs]


def play_inputs(columns: tuple[str, str]) -> tuple[PlayInput, ...]:
    """The seven, in the order of LABELS."""
    return tuple(_inputs(*columns))


def count_others(columns: tuple[str, str], features: FeaturesConfig) -> int:
    """Derived columns that are none of the seven."""
    own = sum(one.is_on(features) for one in play_inputs(columns) if one.formulas)
    return len(features.derive) - own


def _inputs(x: str, y: str) -> Iterator[PlayInput]:
    yield PlayInput(LABELS[0], x)
    yield PlayInput(LABELS[1], y)
    for label, name in zip(LABELS[2:4], (x, y), strict=True):
        at = quoted(name)
        yield PlayInput(label, f"{name}_squared", (f"{at} * {at}", f"{at} ** 2"))
    yield PlayInput(LABELS[4], f"{x}_{y}", (f"{quoted(x)} * {quoted(y)}", f"{quoted(y)} * {quoted(x)}"))
    for label, name in zip(LABELS[5:], (x, y), strict=True):
        yield PlayInput(label, f"sin_{name}", (f"sin({quoted(name)})",))


def quoted(column: str) -> str:
    """A column as formulas write it."""
    return column if re.fullmatch(r"[^\W\d]\w*", column) else f"`{column}`"


def choose_columns(config: Config, x: str | None, y: str | None, reporter: Reporter) -> tuple[str, str]:
    """The columns named, and for those that are not, the ones whose numbers tell most of the target.

    Raises UsageError for names that are none of number columns, DataError where there are fewer than two.
    """
    rows = read_source(config.dataset)
    table = rows.rows
    if not isinstance(table, Table):
        raise DataError(f"{config.name}: pictures cannot be played; a table of two number columns can")
    if len(table.targets) != 1:
        raise DataError(
            f"{config.name}: {len(table.targets)} targets cannot be drawn on one plane; predict one of them"
        )
    numbers = [column.name for column in table.features if column.kind == "number"]
    for option, name in (("--x", x), ("--y", y)):
        if name is not None and name not in numbers:
            raise UsageError(f"{option}: there is no number column {name!r}; {suggestion(name, numbers)}")
    if x is not None and x == y:
        raise UsageError(f"--x and --y are both {x!r}; name two columns")
    if len(numbers) < 2:
        there = f"only {numbers[0]!r} holds numbers" if numbers else "none holds numbers"
        raise DataError(f"{config.name}: two number columns beside the target are needed to play; {there}")
    named = [name for name in (x, y) if name is not None]
    others = [name for name in numbers if name not in named]
    best = _ranked(table, others, rows.task == "classification") if len(others) + len(named) > 2 else others
    first, second = x or best.pop(0), y or best.pop(0)
    if len(numbers) > 2 and len(named) < 2:
        reporter.say(f"x1 is {first}, x2 is {second}, of {len(numbers)} number columns; --x and --y name others")
    return first, second


def reduce_to(config: Config, columns: tuple[str, str]) -> Config:
    """Without all columns but these two, and what is said of the others."""
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
    """The names in the order of what each column tells of the target alone, by its F statistic."""
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
