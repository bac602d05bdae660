"""Rows of a source that memory does not hold, in a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from mlcli.data.tables.frames import collect, height_of
from mlcli.data.tables.rows import Origin, Rows
from mlcli.data.tables.spill import Spill


@dataclass(frozen=True)
class StagedRows:
    """Columns of one source in a file, of which some at a time are read into memory; otherwise as `Rows`."""

    frame: pl.LazyFrame
    origin: Origin
    is_text: bool
    spill: Spill
    notes: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> list[str]:
        """Their names."""
        return self.frame.collect_schema().names()

    def __len__(self) -> int:
        return self._height

    @cached_property
    def _height(self) -> int:
        return height_of(self.frame)

    def read(self, names: Iterable[str]) -> Rows:
        """All rows of these columns."""
        frame = collect(self.frame.select([*dict.fromkeys(names)]))
        return Rows.read(frame, self.origin, is_text=self.is_text).with_frame(frame, *self.notes)
