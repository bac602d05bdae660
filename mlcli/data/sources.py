"""The source of every kind of dataset: the only place where they are distinguished."""

from __future__ import annotations

from typing import Any

from mlcli.config.sections.dataset import (
    BundledConfig,
    CsvConfig,
    DatasetConfig,
    DigitsConfig,
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
from mlcli.data.readers.bundled import BundledSource, DigitsSource
from mlcli.data.readers.csv import CsvSource
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
from mlcli.data.tables.types import SourceRead

_SOURCES: dict[type[Any], type[Source[Any]]] = {
    CsvConfig: CsvSource,
    ParquetConfig: ParquetSource,
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


def read_source(config: DatasetConfig) -> SourceRead:
    """Read and clean all rows of a dataset whose files are here; raises DataError."""
    return source_of(config).read()
