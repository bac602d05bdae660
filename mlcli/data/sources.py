"""The source of every kind of dataset: the only place where they are distinguished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from mlcli.config.sections.dataset import (
    BundledConfig,
    CsvConfig,
    DatasetConfig,
    DigitsConfig,
    ExcelConfig,
    IdxConfig,
    ImagesConfig,
    JsonlConfig,
    MnistConfig,
    NpzConfig,
    ParquetConfig,
    PlaygroundConfig,
    SqlConfig,
    Stl10Config,
)
from mlcli.config.sections.rows import ImageConfig
from mlcli.data.readers.bundled import BundledSource, DigitsSource
from mlcli.data.readers.csv import CsvSource
from mlcli.data.readers.excel import ExcelSource
from mlcli.data.readers.idx import IdxSource
from mlcli.data.readers.images import ImagesSource
from mlcli.data.readers.jsonl import JsonlSource
from mlcli.data.readers.mnist import MnistSource
from mlcli.data.readers.npz import NpzSource
from mlcli.data.readers.parquet import ParquetSource
from mlcli.data.readers.playground import PlaygroundSource
from mlcli.data.readers.source import Source
from mlcli.data.readers.sql import SqlSource
from mlcli.data.readers.stl10 import Stl10Source
from mlcli.data.tables.labels import find_label, most_similar
from mlcli.data.tables.spill import Spill
from mlcli.data.tables.types import Dataset, Images, SourceRead
from mlcli.errors import DataError

Rows = TypeVar("Rows", bound=Dataset | None)

_SOURCES: dict[type[Any], type[Source[Any]]] = {
    CsvConfig: CsvSource,
    ParquetConfig: ParquetSource,
    ExcelConfig: ExcelSource,
    JsonlConfig: JsonlSource,
    SqlConfig: SqlSource,
    NpzConfig: NpzSource,
    IdxConfig: IdxSource,
    ImagesConfig: ImagesSource,
    Stl10Config: Stl10Source,
    BundledConfig: BundledSource,
    DigitsConfig: DigitsSource,
    MnistConfig: MnistSource,
    PlaygroundConfig: PlaygroundSource,
}


def source_of(config: DatasetConfig) -> Source[Any]:
    """The source that a `dataset` section configures."""
    return _SOURCES[type(config)](config)


def read_source(config: DatasetConfig, spill: Spill | None = None) -> SourceRead:
    """Read and clean all rows of a dataset whose files are here; raises DataError.

    spill : for a table that memory does not hold
    """
    source = source_of(config)
    source.spill = spill
    read = source.read()
    keep = config.keep if isinstance(config, ImageConfig) else ()
    if not keep:
        return read
    rows, numbers = _keep_classes(read.rows, keep, spill)
    return replace(read, rows=rows, test=_keep_classes(read.test, keep, spill)[0], numbers=numbers)


def _keep_classes(rows: Rows, keep: Sequence[str | int], spill: Spill | None = None) -> tuple[Rows, np.ndarray | None]:
    """Images of these classes alone, which keep the order of all, and their numbers among all, from 1.

    Raises DataError for a class that there is not.
    """
    if not isinstance(rows, Images) or rows.labels is None:
        return rows, None
    names, wanted = rows.class_names, set[str]()
    for name in map(str, keep):
        if (found := find_label(name, names)) is None:
            raise DataError(f"dataset.keep: there is no class {name!r}; {most_similar(name, names)}")
        wanted.add(found)
    if len(wanted) < 2:
        raise DataError(f"dataset.keep: {', '.join(wanted)} is one class; keep two or more")
    codes = [index for index, name in enumerate(names) if name in wanted]
    chosen = np.flatnonzero(np.isin(rows.labels, codes))
    labels = np.searchsorted(codes, rows.labels[chosen])
    pixels = rows.pixels[chosen] if spill is None else spill.pixels_at(rows.pixels, chosen)
    kept = replace(rows, pixels=pixels, labels=labels, class_names=tuple(names[code] for code in codes))
    return kept, chosen + 1
