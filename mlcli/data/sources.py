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


def source_of(config: DatasetConfig) -> Source[Any]:
    """The source that a `dataset` section configures."""
    match config:
        case CsvConfig():
            return CsvSource(config)
        case ParquetConfig():
            return ParquetSource(config)
        case JsonlConfig():
            return JsonlSource(config)
        case SqlConfig():
            return SqlSource(config)
        case NpzConfig():
            return NpzSource(config)
        case IdxConfig():
            return IdxSource(config)
        case ImagesConfig():
            return ImagesSource(config)
        case Stl10Config():
            return Stl10Source(config)
        case BundledConfig():
            return BundledSource(config)
        case DigitsConfig():
            return DigitsSource(config)
        case MnistConfig():
            return MnistSource(config)
        case PlaygroundConfig():
            return PlaygroundSource(config)


def read_source(config: DatasetConfig) -> SourceRead:
    """Read and clean all rows of a dataset whose files are here; raises DataError."""
    return source_of(config).read()
