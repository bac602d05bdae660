"""Reading any data set: the one `case` per source, and the files that decide what is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
from mlcli.data.clean_tables import TableRead, clean_tables
from mlcli.data.readers.bundled import bundled_target, digits_path, read_bundled, read_digits
from mlcli.data.readers.csv import read_delimited
from mlcli.data.readers.idx import read_idx_images
from mlcli.data.readers.images import list_image_folders, read_image_folders
from mlcli.data.readers.jsonl import read_jsonl
from mlcli.data.readers.mnist import COLLECTIONS, download_megabytes, find_mnist, read_mnist
from mlcli.data.readers.npz import read_npz
from mlcli.data.readers.parquet import read_parquet
from mlcli.data.readers.playground import read_playground
from mlcli.data.readers.sql import read_sql
from mlcli.data.readers.stl10 import read_stl10, stl10_files
from mlcli.data.readers.text_file import open_text
from mlcli.data.tables.rows import Rows
from mlcli.data.tables.types import Dataset, Images, TaskKind
from mlcli.errors import DataError
from mlcli.io.paths import find_path

if TYPE_CHECKING:
    import polars as pl

    from mlcli.data.cleaning import CleaningReport

FileConfig = CsvConfig | ParquetConfig | JsonlConfig


def read_tables(config: FileConfig | SqlConfig | BundledConfig) -> TableRead:
    """Read and clean a table; raises DataError naming file, line and column of what does not fit."""
    match config:
        case BundledConfig():
            return clean_tables(read_bundled(config.name), None, (bundled_target(config.name),), config)
        case SqlConfig():
            return clean_tables(read_sql(config), None, _names(config.target), config)
        case _:
            test = _read_file(config, config.test_path) if config.test_path else None
            return clean_tables(_read_file(config, config.path), test, _names(config.target), config)


def _names(target: str | tuple[str, ...]) -> tuple[str, ...]:
    return (target,) if isinstance(target, str) else target


def _read_file(config: FileConfig, path: str) -> Rows:
    found = find_path(path, config.origin)
    match config:
        case CsvConfig():
            return read_delimited(open_text(found, config.encoding), config.delimiter)
        case ParquetConfig():
            return read_parquet(found)
        case JsonlConfig():
            return read_jsonl(open_text(found))


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


def at_hand(config: DatasetConfig) -> bool:
    """Whether its files are here, or it needs none; a database that is not a file counts as here."""
    if isinstance(config, MnistConfig):
        return would_download(config) is None
    try:
        if isinstance(config, ImagesConfig):
            _ = [find_path(path, config.origin) for path in (config.path, config.test_path) if path]
        else:
            source_files(config)
    except DataError:
        return False
    return True


def would_download(config: DatasetConfig) -> str | None:
    """What `prepare` would download: its title and size; None when nothing."""
    if not isinstance(config, MnistConfig) or len(find_mnist(config.name)) == len(COLLECTIONS[config.name].files):
        return None
    return f"{COLLECTIONS[config.name].title}, {download_megabytes(config.name):.1f} MB"
