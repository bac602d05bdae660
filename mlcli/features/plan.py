"""The structure of fitted table features: everything but the number arrays."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from mlcli.config.features import MAX_BUCKETS
from mlcli.data.types import Column
from mlcli.features.dates import DateColumn
from mlcli.features.encode import grouped
from mlcli.features.rows import NumberColumn, Reader
from mlcli.features.state import broken
from mlcli.features.vocabulary import Vocabulary
from mlcli.features.words import TextColumn

Pairs = tuple[tuple[str, str], ...]
_PLAIN = ("number", "boolean")


@dataclass(frozen=True)
class TablePlan:
    """All that is fitted and not a number array.

    vocabularies come grouped by encoding; indicators, power and quantile are positions of columns, and pieces that of
    each piece's number column, ascending; dates and texts are the columns of dates, and of text whose
    words are counted, in order.
    """

    columns: tuple[Column, ...]
    derived: dict[str, str]
    vocabularies: tuple[Vocabulary, ...]
    indicators: tuple[int, ...] = ()
    power: tuple[int, ...] = ()
    quantile: tuple[int, ...] = ()
    pieces: tuple[int, ...] = ()
    dates: tuple[DateColumn, ...] = ()
    texts: tuple[TextColumn, ...] = ()

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The columns that are read as numbers."""
        readers: dict[str, Reader] = {own.name: own for own in self.dates}
        readers |= {own.name: own for own in self.texts}
        readers |= {
            one.name: NumberColumn(one.name, one.kind == "boolean") for one in self.columns if one.kind in _PLAIN
        }
        return tuple(readers[one.name] for one in self.columns if one.name in readers)

    @property
    def raw(self) -> tuple[str, ...]:
        """Names of the numbers that are read."""
        return tuple(name for reader in self.readers for name in reader.numbers)

    def scaled(self, n_targets: int) -> Pairs:
        """The features that are scaled, each with its column; n_targets is the width of a target encoding."""
        groups = grouped(self.vocabularies)
        suffixes = [""] if n_targets == 1 else range(n_targets)
        read = ((name, reader.name) for reader in self.readers for name in reader.numbers)
        alike = ((name, name) for name in (*self.derived, *(own.name for own in groups["ordinal"])))
        means = ((f"{own.name}_target{suffix}", own.name) for own in groups["target"] for suffix in suffixes)
        return (*read, *alike, *means)

    def unscaled(self) -> Pairs:
        """The one-hot, indicator and piece features, each with its column; pieces count from 1 in each number."""
        one_hot = grouped(self.vocabularies)["one_hot"]
        hot = ((f"{own.name}={value}", own.name) for own in one_hot for value in own.features)
        return (*hot, *((name, column) for _, name, column in self._beside_numbers()))

    def features_of(self, numbers: Collection[str]) -> set[str]:
        """Names of the features that stand for these numbers alone."""
        return {*numbers, *(name for number, name, _ in self._beside_numbers() if number in numbers)}

    def _beside_numbers(self) -> Iterator[tuple[str, str, str]]:
        """Numbers, each with the name of an indicator or piece of it and its column, in the features' order."""
        read = [(name, reader.name) for reader in self.readers for name in reader.numbers]
        numbers = [*read, *((name, name) for name in self.derived)]
        for number, column in (numbers[i] for i in self.indicators):
            yield number, f"{column}_missing", column
        for i, own in itertools.groupby(self.pieces):
            number, column = numbers[i]
            for k, _ in enumerate(own, start=1):
                yield number, f"{number}_piece{k}", column


def check_plan(plan: TablePlan) -> None:
    """Refuse a plan, read from disk, whose parts do not fit together."""
    if any(not 1 <= own.buckets <= MAX_BUCKETS for own in plan.texts):
        raise broken("a text has too few buckets or too many")
    n_numbers = len(plan.raw) + len(plan.derived)
    if any(not 0 <= i < n_numbers for i in plan.indicators):
        raise broken("an indicator stands for no column")
    if any(not 0 <= i < n_numbers for i in plan.pieces) or list(plan.pieces) != sorted(plan.pieces):
        raise broken("a piece stands for no column")
    if [own.encode for own in plan.vocabularies] != [
        encode for encode, owns in grouped(plan.vocabularies).items() for _ in owns
    ]:
        raise broken("the categories are not grouped by encoding")
    if tuple(own.name for own in plan.dates) != tuple(one.name for one in plan.columns if one.kind == "date"):
        raise broken("the dates do not belong to the columns")
    if any(not own.parts or len(set(own.parts)) < len(own.parts) or not _is_day(own.origin) for own in plan.dates):
        raise broken("a date has no parts, one twice, or no origin")
    texts = tuple(own.name for own in plan.texts)
    if texts != tuple(one.name for one in plan.columns if one.kind == "category" and one.name in texts):
        raise broken("the texts do not belong to the columns")
    categories = {one.name for one in plan.columns if one.kind == "category" and one.name not in texts}
    if {own.name for own in plan.vocabularies} != categories or len(categories) != len(plan.vocabularies):
        raise broken("the categories do not belong to the columns")
    if any(len(set(own.kept)) < len(own.kept) for own in plan.vocabularies):
        raise broken("a category is listed twice")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
