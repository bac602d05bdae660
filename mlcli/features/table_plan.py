"""The plan of a table's features: all that is fitted and not a number array."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from mlcli.config.sections.features import MAX_BUCKETS
from mlcli.data.tables.types import Column, Kind
from mlcli.features.encoding import Vocabulary, grouped
from mlcli.features.readers import DateColumn, NumberColumn, Reader
from mlcli.features.state import broken
from mlcli.features.words import TextColumn

Pairs = tuple[tuple[str, str], ...]
_PLAIN = ("number", "boolean")


@dataclass(frozen=True)
class TablePlan:
    """All that is fitted and not a number array.

    vocabularies come grouped by encoding; indicators, power and quantile are positions of columns, and pieces that of
    each piece's number column, ascending; dates and texts are the columns of dates, and of text whose
    words are counted, in order; fold_seed is that of `cross_fitting_folds`, where targets are encoded. spans are the
    least and greatest known training value of each number, read and derived; earlier versions have none.
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
    fold_seed: int | None = None
    spans: tuple[tuple[float, float], ...] = ()

    @cached_property
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

    def names_of(self, kind: Kind) -> list[str]:
        """Names of the columns of a kind."""
        return [column.name for column in self.columns if column.kind == kind]

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
        hot = ((f"{own.label}={value}", own.name) for own in one_hot for value in own.features)
        return (*hot, *((name, column) for _, name, column in self._indicators_and_pieces()))

    def features_of(self, numbers: Collection[str]) -> set[str]:
        """Names of the features made from these numbers alone."""
        return {*numbers, *(name for number, name, _ in self._indicators_and_pieces() if number in numbers)}

    def _indicators_and_pieces(self) -> Iterator[tuple[str, str, str]]:
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
    """Raise ArtefactError for a plan, read from disk, whose parts do not fit together."""
    # First: the names of numbers below are as many as the buckets.
    if any(not 1 <= own.buckets <= MAX_BUCKETS for own in plan.texts):
        raise broken("a text has too few buckets or too many")
    n_numbers = len(plan.raw) + len(plan.derived)
    if len(plan.spans) not in (0, n_numbers):
        raise broken("the spans do not match the numbers")
    if any(not 0 <= i < n_numbers for i in plan.indicators):
        raise broken("an indicator belongs to no column")
    if any(not 0 <= i < n_numbers for i in plan.pieces) or list(plan.pieces) != sorted(plan.pieces):
        raise broken("a piece belongs to no column")
    if [own.name for own in plan.dates] != plan.names_of("date"):
        raise broken("the dates do not match the columns")
    if any(len(set(own.parts)) < len(own.parts) or not _is_day(own.origin) for own in plan.dates):
        raise broken("a date has a part twice, or no origin")
    calendar = [own for own in plan.vocabularies if own.part]
    if {own.name for own in calendar} - {*plan.names_of("date")} or any(own.encode != "one_hot" for own in calendar):
        raise broken("the parts of dates do not match the columns")
    if {own.name for own in plan.dates if not own.parts} - {own.name for own in calendar}:
        raise broken("a date has no parts")
    if len({own.label for own in plan.vocabularies}) < len(plan.vocabularies):
        raise broken("a part of a date is listed twice")
    texts = [own.name for own in plan.texts]
    if texts != [name for name in plan.names_of("category") if name in texts]:
        raise broken("the texts do not match the columns")
    categories = sorted(own.name for own in plan.vocabularies if not own.part)
    if categories != sorted({*plan.names_of("category")} - {*texts}):
        raise broken("the categories do not match the columns")
    if any(len(set(own.kept)) < len(own.kept) for own in plan.vocabularies):
        raise broken("a category is listed twice")
    if [*plan.vocabularies] != [own for group in grouped(plan.vocabularies).values() for own in group]:
        raise broken("the categories are not grouped by encoding")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
