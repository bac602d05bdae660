"""Tables from every source with named columns, but for NumPy archives (`mlcli.data.npz`)."""

from __future__ import annotations

from mlcli.config.dataset import BundledConfig, CsvConfig, JsonlConfig, ParquetConfig, SqlConfig
from mlcli.data.bundled import bundled_target, read_bundled
from mlcli.data.csv_text import read_delimited
from mlcli.data.jsonl import read_jsonl
from mlcli.data.parquet import read_parquet
from mlcli.data.paths import find_path
from mlcli.data.rows import Rows
from mlcli.data.sql import read_sql
from mlcli.data.table_read import TableRead, clean_tables
from mlcli.data.textfile import open_text

__all__ = ["TableRead", "read_tables"]

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
