"""Reading any dataset: the one `case` per source, and the files that decide what is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.config.dataset import (
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
from mlcli.data.digits import digits_path, read_digits
from mlcli.data.idx import read_idx_images
from mlcli.data.images import list_image_folders, read_image_folders
from mlcli.data.mnist import find_mnist, read_mnist
from mlcli.data.npz import read_npz
from mlcli.data.paths import find_path
from mlcli.data.playground import read_playground
from mlcli.data.stl10 import read_stl10, stl10_files
from mlcli.data.tables import TableRead, read_tables
from mlcli.data.types import Dataset, Images, TaskKind
from mlcli.errors import DataError

if TYPE_CHECKING:
    import polars as pl

    from mlcli.data.cleaning_report import CleaningReport


@dataclass(frozen=True)
class SourceRead:
    """All rows of a dataset before the split.

    rows : all of them, or the training rows when `test` holds test rows given apart
    split_key : (n,) values of split.column, where the configuration names one
    """

    rows: Dataset
    test: Dataset | None
    task: TaskKind
    split_key: pl.Series | None = None
    cleaning: CleaningReport | None = None


def read_source(config: DatasetConfig) -> SourceRead:
    """Read and clean a dataset that is at hand; raises DataError."""
    match config:
        case CsvConfig() | ParquetConfig() | JsonlConfig() | SqlConfig() | BundledConfig():
            return _from_table(read_tables(config))
        case NpzConfig():
            found = read_npz(config)
            return _from_table(found) if isinstance(found, TableRead) else _from_images(*found)
        case IdxConfig():
            return _from_images(*read_idx_images(config))
        case ImagesConfig():
            return _from_images(*read_image_folders(config))
        case Stl10Config():
            return _from_images(*read_stl10(config))
        case MnistConfig():
            return _from_images(*read_mnist(config.name, find_mnist(config.name)))
        case DigitsConfig():
            return _from_images(read_digits(), None)
        case PlaygroundConfig():
            table, task = read_playground(config)
            return SourceRead(table, None, task)


def source_files(config: DatasetConfig) -> tuple[Path, ...] | None:
    """The files whose content decides what is read; None for a database that is not a file. Raises DataError."""
    match config:
        case CsvConfig() | ParquetConfig() | JsonlConfig() | NpzConfig():
            return _found(config.origin, config.path, config.test_path)
        case SqlConfig():
            return _database_files(find_path(config.path, config.origin)) if config.path else None
        case IdxConfig():
            return _found(None, config.images, config.labels, config.test_images, config.test_labels)
        case ImagesConfig():
            return tuple(path for files in list_image_folders(config) for path in files.paths)
        case Stl10Config():
            return stl10_files(config)
        case MnistConfig():
            return find_mnist(config.name)
        case DigitsConfig():
            return (digits_path(),)
        case BundledConfig() | PlaygroundConfig():
            return ()


def _found(origin: str | None, *paths: str | None) -> tuple[Path, ...]:
    return tuple(_file(find_path(path, origin)) for path in paths if path is not None)


def _file(place: Path) -> Path:
    if place.is_dir():
        raise DataError(f"{place}: a folder; name the file in it")
    return place


def _database_files(path: Path) -> tuple[Path, ...]:
    """SQLite keeps recent rows in a second file."""
    recent = path.with_name(f"{path.name}-wal")
    return (path, recent) if recent.exists() else (path,)


def _from_table(read: TableRead) -> SourceRead:
    return SourceRead(read.rows, read.test, read.task, read.split_key, read.report)


def _from_images(rows: Images, test: Images | None) -> SourceRead:
    return SourceRead(rows, test, "classification")
