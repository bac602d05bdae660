"""What tells whether a prepared dataset is still the one that a configuration would make."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mlcli.config.dataset import BundledConfig, DatasetConfig, ImagesConfig, TableConfig
from mlcli.data.sources import SourceRead, source_files
from mlcli.data.splitting import effective_seed
from mlcli.data.types import Dataset, Table
from mlcli.files import resource_errors, sha256_file

PREPARE_FORMAT = 1
"""Raised whenever the same rows would be read, cleaned, split or stored differently."""


# Columns, and the training rows that outliers cost, do not decide which rows stand in the other splits; where a file
# lies does not either.
_NOT_OF_ROWS = {"split", "types", "outliers", "path", "test_path", "origin"}
# What was taken for categories once makes another dataset when it comes to be a kind of its own.
_LATER_KEYS = ("dates",)
_FIRST_KINDS = ("number", "category")


@dataclass(frozen=True)
class Fingerprints:
    """Hexadecimal sha256.

    data : of all that decides the prepared dataset
    rows : of all that decides which rows of the source stand in the validation and test splits; it is the same for
           datasets that differ in dropped columns alone
    """

    data: str
    rows: str


def fingerprints(config: DatasetConfig, seed: int, read: SourceRead | None) -> Fingerprints:
    """Over the section, the split's seed, the content of the source and the format.

    read : the rows, for a source that has no files to look at
    """
    files = source_files(config) if read is None else None
    content = list(_content(config, files, read))
    described = {
        "format": PREPARE_FORMAT,
        "dataset": _without_later(config.model_dump(mode="json")),
        "seed": effective_seed(config.split, seed),
        "content": content,
    }
    return Fingerprints(_digest(described), _digest({**described, "dataset": _of_rows(config)}))


def with_kinds(data: str, rows: Dataset) -> str:
    """The fingerprint of data, as it is where all columns are of the kinds that there were from the first."""
    features = rows.features if isinstance(rows, Table) else ()
    later = {column.name: column.kind for column in features if column.kind not in _FIRST_KINDS}
    return _digest([data, later]) if later else data


def _of_rows(config: DatasetConfig) -> dict[str, object]:
    """The keys that decide which rows stand in which split."""
    columns_decide = isinstance(config, TableConfig) and (config.missing.drop_rows or config.duplicates == "drop")
    left_out = _NOT_OF_ROWS | (set() if columns_decide else {"drop"})
    split = config.split.model_dump(mode="json", exclude={"seed"})
    return _without_later({**config.model_dump(mode="json", exclude=left_out), "split": split})


def _without_later(section: dict[str, object]) -> dict[str, object]:
    """Keys that came later count where they say something, so that data of old keeps its fingerprint."""
    return {key: value for key, value in section.items() if value or key not in _LATER_KEYS}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _content(config: DatasetConfig, files: tuple[Path, ...] | None, read: SourceRead | None) -> Iterator[str]:
    match config:
        case BundledConfig():
            yield version("scikit-learn")
        case ImagesConfig():  # to hash thousands of pictures takes as long as to read them
            yield from map(_stamp, files or ())
        case _:
            yield from map(sha256_file, files or ())
    if read is not None and isinstance(read.rows, Table):
        yield _hash_rows(read.rows)


def _stamp(path: Path) -> str:
    with resource_errors(path):
        found = path.stat()
    return f"{path.parent.name}/{path.name} {found.st_size} {found.st_mtime_ns}"


def _hash_rows(table: Table) -> str:
    packed = io.BytesIO()
    table.frame.rechunk().write_ipc(packed)
    return hashlib.sha256(packed.getbuffer()).hexdigest()
