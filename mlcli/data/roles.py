"""What the columns of a table are for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from mlcli.config.dataset import TableConfig
from mlcli.data.names import require_columns
from mlcli.data.rows import Rows
from mlcli.data.types import Kind
from mlcli.errors import DataError


@dataclass(frozen=True)
class Roles:
    """Names of the columns by role; split is the column the split looks at."""

    features: tuple[str, ...]
    targets: tuple[str, ...]
    split: str | None

    @property
    def table(self) -> tuple[str, ...]:
        """Features and targets."""
        return self.features + self.targets

    @property
    def all(self) -> tuple[str, ...]:
        """Every column with a role."""
        return self.table if self.split is None else (*self.table, self.split)

    def without(self, names: Collection[str]) -> Roles:
        """The same without some features."""
        return replace(self, features=tuple(name for name in self.features if name not in names))


def assign_roles(rows: Rows, targets: tuple[str, ...], config: TableConfig) -> Roles:
    """Every column that has no other role is a feature; unknown names raise DataError."""
    columns, label = rows.frame.columns, rows.source.label
    split = config.split.column
    require_columns(targets, columns, "dataset.target", label)
    require_columns([split] if split else [], columns, "dataset.split.column", label)
    require_columns(config.drop, columns, "dataset.drop", label)
    require_columns(config.types, columns, "dataset.types", label)
    require_columns(config.dates, columns, "dataset.dates", label)
    require_columns(config.keep, columns, "dataset.keep", label)
    require_columns(config.replace, columns, "dataset.replace", label)
    for name in targets:
        if name in config.drop or name == split:
            raise DataError(f"{label}: {name!r} is dataset.target, so it cannot be in dataset.drop or split.column")
    others = {*targets, *config.drop, split}
    return Roles(tuple(name for name in columns if name not in others), targets, split)


def wanted_kinds(roles: Roles, config: TableConfig) -> dict[str, Kind]:
    """Declared kinds; the split column is text, which ids and names are, unless it is a time."""
    kinds: dict[str, Kind] = {**dict.fromkeys(config.dates, "date"), **config.types}
    if roles.split is not None and config.split.by != "time":
        kinds.setdefault(roles.split, "category")
    return kinds
