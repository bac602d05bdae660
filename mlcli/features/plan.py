"""The structure of fitted table features: everything but the number arrays."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mlcli.data.types import Column
from mlcli.features.encode import grouped
from mlcli.features.state import broken
from mlcli.features.vocabulary import Vocabulary


@dataclass(frozen=True)
class TablePlan:
    """All that is fitted and not a number array.

    vocabularies come grouped by encoding; indicators, power and quantile are positions of columns, and pieces that of
    each piece's number column, ascending.
    """

    columns: tuple[Column, ...]
    derived: dict[str, str]
    vocabularies: tuple[Vocabulary, ...]
    indicators: tuple[int, ...] = ()
    power: tuple[int, ...] = ()
    quantile: tuple[int, ...] = ()
    pieces: tuple[int, ...] = ()

    @property
    def raw(self) -> tuple[str, ...]:
        """The columns that are read as numbers, true as 1 and false as 0."""
        return tuple(column.name for column in self.columns if column.kind != "category")

    def scaled_names(self, n_targets: int) -> tuple[str, ...]:
        """Names of the features that are scaled; n_targets is the width of a target encoding."""
        groups = grouped(self.vocabularies)
        suffixes = [""] if n_targets == 1 else range(n_targets)
        means = [f"{own.name}_target{suffix}" for own in groups["target"] for suffix in suffixes]
        return (*self.raw, *self.derived, *(own.name for own in groups["ordinal"]), *means)

    def unscaled_names(self) -> tuple[str, ...]:
        """Names of the one-hot, indicator and piece features; pieces count from 1 in each column."""
        hot = [f"{own.name}={value}" for own in grouped(self.vocabularies)["one_hot"] for value in own.features]
        return (*hot, *(name for _, name in self._beside_numbers()))

    def features_of(self, columns: Collection[str]) -> set[str]:
        """Names of the features that stand for these number columns alone."""
        return {*columns, *(name for column, name in self._beside_numbers() if column in columns)}

    def _beside_numbers(self) -> Iterator[tuple[str, str]]:
        """Number columns, each with the name of an indicator or piece of it, in the features' order."""
        numbers = (*self.raw, *self.derived)
        for i in self.indicators:
            yield numbers[i], f"{numbers[i]}_missing"
        for i, own in itertools.groupby(self.pieces):
            for k, _ in enumerate(own, start=1):
                yield numbers[i], f"{numbers[i]}_piece{k}"


def check_plan(plan: TablePlan) -> None:
    """Refuse a plan, read from disk, whose parts do not fit together."""
    n_numbers = len(plan.raw) + len(plan.derived)
    if any(not 0 <= i < n_numbers for i in plan.indicators):
        raise broken("an indicator stands for no column")
    if any(not 0 <= i < n_numbers for i in plan.pieces) or list(plan.pieces) != sorted(plan.pieces):
        raise broken("a piece stands for no column")
    if [own.encode for own in plan.vocabularies] != [
        encode for encode, owns in grouped(plan.vocabularies).items() for _ in owns
    ]:
        raise broken("the categories are not grouped by encoding")
    categories = {column.name for column in plan.columns if column.kind == "category"}
    if {own.name for own in plan.vocabularies} != categories or len(categories) != len(plan.vocabularies):
        raise broken("the categories do not belong to the columns")
    if any(len(set(own.kept)) < len(own.kept) for own in plan.vocabularies):
        raise broken("a category is listed twice")
