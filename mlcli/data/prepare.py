"""Step 1, data preparation: acquire, clean, split, describe and store a dataset, or find it stored."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcli.config.dataset import (
    DatasetConfig,
    DigitsConfig,
    IdxConfig,
    MnistConfig,
    SplitConfig,
    SqlConfig,
    TableConfig,
)
from mlcli.data.cleaning import OutlierReport, drop_outliers
from mlcli.data.downloads import UnreachableError
from mlcli.data.fingerprint import fingerprints, with_kinds
from mlcli.data.memory import require_reading_memory
from mlcli.data.mnist import COLLECTIONS, fetch_mnist
from mlcli.data.profile import Profile, profile_splits
from mlcli.data.sources import SourceRead, read_source
from mlcli.data.splitting import split_rows
from mlcli.data.store import StoredData, load_prepared, save_prepared
from mlcli.data.subset import take_rows
from mlcli.data.types import Images, Splits, Table
from mlcli.errors import ArtefactError, ResourceError
from mlcli.files import recover_children
from mlcli.folders import prepared_dir
from mlcli.reporter import Reporter

_MNIST_ROWS = 60_000


@dataclass(frozen=True)
class Prepared:
    """A dataset ready for step 2.

    folder : where it is stored
    fingerprint, rows_fingerprint : as `Fingerprints` has them, of the data and of its rows
    reused : it was found stored, and is whole
    dataset, stand_in_for : name of the dataset really read, and the one asked for where that is another
    """

    splits: Splits
    folder: Path
    fingerprint: str
    rows_fingerprint: str
    profile: Profile
    reused: bool
    dataset: str
    stand_in_for: str | None


def prepare_dataset(dataset: DatasetConfig, seed: int, reporter: Reporter) -> Prepared:
    """Make a dataset ready, or take the stored one when nothing that decides its rows has changed.

    seed : the config's; `split.seed` comes first. Raises DataError and ResourceError.
    """
    config, stand_in_for = _acquire(dataset, reporter)
    if not _may_be_stored(config):  # before a large file is read to tell its fingerprint
        require_reading_memory(config)
    read = read_source(config) if isinstance(config, SqlConfig) and config.url else None
    marks = fingerprints(config, seed, read)
    folder = prepared_dir() / f"{_label(config)}-{marks.data[:12]}"
    stored = _load(folder, reporter)
    if stored is None:
        _save(folder, _make(config, seed, read or _read(config)))
    data = stored or load_prepared(folder)  # what was made is large, and let go of
    fingerprint = with_kinds(marks.data, data.splits.train)
    return Prepared(
        data.splits, folder, fingerprint, marks.rows, data.profile, stored is not None, config.name, stand_in_for
    )


def _acquire(dataset: DatasetConfig, reporter: Reporter) -> tuple[DatasetConfig, str | None]:
    """Download what is not at hand; the digits stand in for what cannot be had, where the config says so."""
    if not isinstance(dataset, MnistConfig):
        return dataset, None
    try:
        fetch_mnist(dataset.name, reporter)
    except UnreachableError as error:
        if dataset.offline != "digits":
            raise
        title = COLLECTIONS[dataset.name].title
        reporter.warn(
            f"{title} IS NOT HERE: training on scikit-learn's 1,797 digits of 8 × 8 pixels in its place, "
            f"so no result of this run is one of {title}. {error}"
        )
        return DigitsConfig(name="digits", split=_as_shares(dataset.split)), dataset.name
    return dataset, None


def _as_shares(split: SplitConfig) -> SplitConfig:
    """Numbers of rows that were meant for MNIST's 60,000, as shares."""
    counts = {name: value for name in ("test", "valid") if isinstance(value := getattr(split, name), int)}
    return split.model_copy(update={name: min(0.3, count / _MNIST_ROWS) for name, count in counts.items()})


def _label(config: DatasetConfig) -> str:
    """A readable start of the folder's name."""
    path = config.images if isinstance(config, IdxConfig) else getattr(config, "path", None)
    label = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(path).stem if path else config.name).strip("_")
    return label[:40] or config.name


def _may_be_stored(config: DatasetConfig) -> bool:
    return any(prepared_dir().glob(f"{_label(config)}-*"))


def _read(config: DatasetConfig) -> SourceRead:
    require_reading_memory(config)
    return read_source(config)


def _load(folder: Path, reporter: Reporter) -> StoredData | None:
    recover_children(folder.parent)
    if not os.path.lexists(folder):
        return None
    try:
        return load_prepared(folder)
    except ArtefactError as error:
        reporter.warn(f"{error}: preparing the data again")
        return None


def _save(folder: Path, data: StoredData) -> None:
    try:
        save_prepared(folder, data)
    except ResourceError as error:
        raise ResourceError(f"{error}; MLCLI_PREPARED_DIR names another folder for prepared data") from error


def _make(config: DatasetConfig, seed: int, read: SourceRead) -> StoredData:
    splits, outliers = divide_source(config, seed, read)
    return StoredData(splits, profile_splits(splits, read.cleaning, outliers))


def divide_source(config: DatasetConfig, seed: int, read: SourceRead) -> tuple[Splits, OutlierReport | None]:
    """The splits of what was read, and the outliers that the training rows lost; nothing is stored."""
    indices = split_rows(
        len(read.rows), config.split, seed, _classes(read), read.split_key, test_given=read.test is not None
    )
    train, outliers = take_rows(read.rows, indices.train), None
    if isinstance(train, Table) and isinstance(config, TableConfig):
        train, outliers = drop_outliers(train, config.outliers)
    test = take_rows(read.rows, indices.test) if read.test is None else read.test
    return Splits(train, take_rows(read.rows, indices.valid), test, read.task), outliers


def _classes(read: SourceRead) -> np.ndarray | None:
    """The class of each row as a number; None for regression."""
    if read.task == "regression":
        return None
    if isinstance(read.rows, Images):
        return read.rows.labels
    return read.rows.frame[read.rows.targets[0].name].rank("dense").to_numpy()
