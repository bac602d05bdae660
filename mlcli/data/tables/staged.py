"""Rows of a source that memory does not hold: some at a time, or in a file of which columns are read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import polars as pl

from mlcli.data.tables.frames import collect, column_of, height_of
from mlcli.data.tables.rows import Origin, Rows, first_changed
from mlcli.data.tables.spill import Spill
from mlcli.errors import DataError


@dataclass(frozen=True)
class RowPortions:
    """All rows of one source, some at a time; otherwise as `Rows`.

    frames : reads them anew, portion by portion, all of the same columns
    file   : the same in a file whose columns can be read one by one; None where there is none
    """

    frames: Callable[[], Iterator[pl.DataFrame]]
    origin: Origin
    is_text: bool = False
    notes: tuple[str, ...] = ()
    rounded: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    file: pl.LazyFrame | None = None

    def __iter__(self) -> Iterator[Rows]:
        start = 0
        for frame in self.frames():
            rows = Rows.read(frame, self.origin, is_text=self.is_text)
            here = {
                name: (row - start, cell)
                for name, (row, cell) in self.rounded.items()
                if start <= row < start + frame.height
            }
            yield replace(rows, numbers=rows.numbers + start, notes=self.notes, rounded=here)
            start += frame.height

    def read(self) -> Rows:
        """All rows in memory; types as all portions need."""
        rows = Rows.read(pl.concat(self.frames(), how="vertical_relaxed"), self.origin, is_text=self.is_text)
        return replace(rows, notes=self.notes, rounded=self.rounded)

    def stage(self, spill: Spill) -> StagedRows:
        """The rows in a file, which is written where there is none."""
        frame = spill.stage(self.frames()) if self.file is None else self.file
        return StagedRows(frame, self.origin, self.is_text, spill, self.notes, self.rounded)


@dataclass(frozen=True)
class StagedRows:
    """Columns of one source in a file, of which some at a time are read into memory; otherwise as `Rows`."""

    frame: pl.LazyFrame
    origin: Origin
    is_text: bool
    spill: Spill
    notes: tuple[str, ...] = ()
    rounded: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @cached_property
    def columns(self) -> list[str]:
        """Their names."""
        return self.frame.collect_schema().names()

    def __len__(self) -> int:
        return self._height

    @cached_property
    def _height(self) -> int:
        return height_of(self.frame)

    def take(self, names: Iterable[str]) -> Rows:
        """All rows of these columns."""
        frame = collect(self.frame.select([*dict.fromkeys(names)]))
        rows = Rows.read(frame, self.origin, is_text=self.is_text)
        return replace(rows, notes=self.notes, rounded=self.rounded)

    def with_file(self, frame: pl.LazyFrame, origin: Origin) -> StagedRows:
        """Other rows, in the same files."""
        return replace(self, frame=frame, origin=origin)


Part = TypeVar("Part", Rows, StagedRows)


def join_rows(label: str, parts: Sequence[Part]) -> Part:
    """The rows of several files as those of one; raises DataError where their columns differ.

    label : how messages name all of them
    """
    if len(parts) == 1:
        return parts[0]
    names, first = parts[0].columns, parts[0].origin.label
    for part in parts[1:]:
        if unlike := sorted(set(names) ^ set(part.columns)):
            has = part.origin.label if unlike[0] in part.columns else first
            raise DataError(
                f"{label}: column {unlike[0]!r} is in {has} and not in {first if has != first else part.origin.label}; "
                "the files of one table have the same columns"
            )
    schemas = [(part.frame.collect_schema(), part.origin.label) for part in parts]
    for name in names:
        types = {schema[name]: where for schema, where in schemas if schema[name] != pl.Null}
        if len(types) > 1 and not all(dtype.is_numeric() for dtype in types):
            told = ", ".join(f"{dtype} in {where}" for dtype, where in list(types.items())[:4])
            raise DataError(f"{label}: column {name!r} differs in type ({told}); write one kind of values")
    frame = pl.concat([part.frame.select(names) for part in parts], how="vertical_relaxed")
    frame_types = frame.collect_schema()
    starts = list(itertools.accumulate((len(part) for part in parts[:-1]), initial=0))
    origin = Origin(label, parts=tuple(zip(starts, (part.origin for part in parts), strict=True)))
    rounded = {
        name: (start + row, cell)
        for start, part in zip(reversed(starts), reversed(parts), strict=True)
        for name, (row, cell) in part.rounded.items()
    }
    for name in names:
        for start, part in zip(starts, parts, strict=True):
            if frame_types[name] == pl.Float64 and name not in rounded:
                rounded |= {name: (start + row, cell) for row, cell in _changed(part, name)}  # noqa: B035 (one at most)
    notes: dict[str, None] = dict.fromkeys(itertools.chain.from_iterable(part.notes for part in parts))
    note = f"{label}: {len(parts)} files with {sum(map(len, parts)):,} rows in all"
    return replace(parts[0].with_file(frame, origin), notes=(note, *notes), rounded=rounded)


def _changed(part: Rows | StagedRows, name: str) -> Iterator[tuple[int, str]]:
    """The first whole number of a column that float64 would change, with its row."""
    if part.frame.collect_schema()[name].is_integer():
        yield from first_changed(column_of(part.frame, name))
