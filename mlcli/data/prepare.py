"""Step 1, data preparation: fetch, read, clean, split, describe and store a dataset, or load the stored one.

docs/architecture.md follows a row from its file to the network.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from mlcli.config.sections.dataset import DatasetConfig, DigitsConfig, IdxConfig, MnistConfig
from mlcli.config.sections.rows import SplitConfig, TableConfig
from mlcli.data.cleaning import drop_outliers
from mlcli.data.profile import Profile, class_counts, profile_splits
from mlcli.data.readers.mnist import COLLECTIONS
from mlcli.data.readers.source import Source
from mlcli.data.sources import read_source, source_of
from mlcli.data.splitting import effective_seed, moved_borders, split_rows, take_splits
from mlcli.data.store import StoredData, load_prepared, save_prepared
from mlcli.data.tables.spill import Spill
from mlcli.data.tables.types import SPLITS, Dataset, Images, OutlierReport, SourceRead, Splits, Table
from mlcli.errors import ArtefactError, DataError, ResourceError, UnreachableError
from mlcli.io import disk
from mlcli.io.atomic import claimed, recover_children
from mlcli.io.memory import SETTING, shown_size
from mlcli.io.paths import prepared_dir
from mlcli.io.text import counted, show_seconds
from mlcli.reporter import Reporter

PREPARE_FORMAT = 1
"""Raised whenever the same rows would be read, cleaned, split or stored differently."""

# Keys that do not decide which rows are in the validation and test splits.
_NOT_OF_ROWS = {"split", "types", "outliers", "path", "test_path", "origin"}
# Keys and kinds of columns of the first version; later ones change a fingerprint only where they are used.
_LATER_KEYS = ("sha256", "dates", "numbers", "skip_rows", "skip_footer", "header", "columns", "weight")
_FIRST_KINDS = ("number", "category")
_MNIST_ROWS = 60_000
# Bytes that reading is estimated to take, from which libraries that are needed later are not in memory meanwhile.
MUCH = 500_000_000
# Measured: bytes a second of the files by way of which a table is prepared that memory does not hold.
SPEED = 50_000_000
# Files of one table that are named one by one.
_NAMED_FILES = 2


@dataclass(frozen=True)
class Fingerprints:
    """Hexadecimal sha256.

    data : of all that decides the prepared dataset
    rows : of all that decides which rows of the source are in the validation and test splits; equal for datasets that
           differ in dropped columns alone
    """

    data: str
    rows: str


def fingerprints(config: DatasetConfig, seed: int, content: Iterable[str]) -> Fingerprints:
    """Over the section, the split's seed, the content of the source and the format."""
    described = {
        "format": PREPARE_FORMAT,
        "dataset": _without_later(config.model_dump(mode="json")),
        "seed": effective_seed(config.split, seed),
        "content": list(content),
    }
    return Fingerprints(_digest(described), _digest({**described, "dataset": _of_rows(config)}))


def with_later(data: str, rows: Dataset, moved: str | None = None) -> str:
    """The fingerprint, changed by what a later version does otherwise: kinds of columns, and `moved_borders`."""
    features = rows.features if isinstance(rows, Table) else ()
    later = {column.name: column.kind for column in features if column.kind not in _FIRST_KINDS}
    return _digest([data, later, moved] if moved else [data, later]) if later or moved else data


def _of_rows(config: DatasetConfig) -> dict[str, object]:
    """The keys that decide which rows are in which split."""
    drops_rows = isinstance(config, TableConfig) and (config.missing.drop_rows is True or config.duplicates == "drop")
    left_out = _NOT_OF_ROWS | (set() if drops_rows else {"drop"})
    split = config.split.model_dump(mode="json", exclude={"seed"})
    return _without_later({**config.model_dump(mode="json", exclude=left_out), "split": split})


def _without_later(section: dict[str, object]) -> dict[str, object]:
    """Without later keys that are not used, so that older data keeps its fingerprint. `keep` is a list for images."""
    later = (*_LATER_KEYS, "keep") if section.get("keep") == [] else _LATER_KEYS
    return {key: value for key, value in section.items() if value or value is False or key not in later}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _hash_rows(rows: Dataset) -> str:
    """Column by column, as they may be in files; of each its name, its missing cells and its values."""
    digest = hashlib.sha256()
    if isinstance(rows, Table):
        weights = [] if rows.weights is None else [pl.Series("", rows.weights)]
        for column in rows.frame.with_columns(weights):
            digest.update(f"{column.name} {column.dtype}".encode())
            digest.update(column.is_null().to_numpy().tobytes())
            numbers = column.to_physical()
            if column.dtype == pl.String:
                numbers = column.str.len_bytes()
                digest.update("".join(column.drop_nulls()).encode())
            digest.update(numbers.fill_null(0).to_numpy().tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Prepared:
    """A dataset ready for step 2.

    folder : where it is stored; an empty path for rows in memory, which are not
    fingerprint, rows_fingerprint : as `Fingerprints` has them, of the data and of its rows
    reused : it was stored already
    dataset, stand_in_for : the dataset that was read, and the configured one where that is another
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
    """Prepare a dataset, or load the stored one where nothing that decides its rows has changed.

    seed : the config's; `split.seed` takes precedence. Raises DataError and ResourceError.
    """
    config, stand_in_for = _acquire(dataset, reporter)
    source = source_of(config)

    def reads_by_column() -> bool:
        return source.can_spill and not source.fits_memory() and source.fits_disk()

    if not any(prepared_dir().glob(f"{_label(config)}-*")) and not reads_by_column():
        source.require_memory()  # before a large file is read for its fingerprint
    content = source.content()
    with ExitStack() as held:

        def read_all() -> tuple[SourceRead, Spill | None]:
            if reads_by_column():  # asked again: there may be less memory than before the fingerprint
                spill = held.enter_context(_spill_beside(config, source, reporter))
                return read_source(config, spill), spill
            source.require_memory()
            return read_source(config), None

        read = read_all() if content is None else None
        marks = fingerprints(config, seed, [_hash_rows(read[0].rows)] if read else content or ())
        folder = prepared_dir() / f"{_label(config)}-{marks.data[:12]}"
        stored = _load(folder, config.split, reporter)
        if stored is None:
            _prepare(config, seed, folder, reporter, *(read or read_all()))
    data = stored or load_prepared(folder, is_new=True)
    moved = _moved_borders(config.split, data)
    fingerprint = with_later(marks.data, data.splits.train, moved)
    return Prepared(
        data.splits, folder, fingerprint, marks.rows, data.profile, stored is not None, config.name, stand_in_for
    )


def reads_much(dataset: DatasetConfig) -> bool:
    """Whether preparing would read files that take MUCH memory, or any where MLCLI_MEMORY limits it.

    Not where rows of the like are stored already.
    """
    source = source_of(dataset)
    if not source.is_available() or source.files() is None or any(prepared_dir().glob(f"{_label(dataset)}-*")):
        return False
    least = 0 if os.environ.get(SETTING) else MUCH
    return sum(need.size for need in source.memory_needs()) >= least


def _prepare(
    config: DatasetConfig, seed: int, folder: Path, reporter: Reporter, read: SourceRead, spill: Spill | None = None
) -> None:
    """Split, describe and store what was read."""
    splits, outliers = split_source(config, seed, read, spill, consume=True)
    new = StoredData(splits, profile_splits(splits, read.cleaning, outliers))
    if (moved := _moved_borders(config.split, new)) and new.profile["cleaning"] is not None:
        new.profile["cleaning"]["notes"].append(moved)
        reporter.say(moved)
    _save(folder, new)


@contextmanager
def _spill_beside(config: DatasetConfig, source: Source[Any], reporter: Reporter) -> Iterator[Spill]:
    """Files beside the prepared data, by way of which a table is prepared that memory does not hold."""
    needs = list(source.memory_needs())
    told = " and ".join(f"{need.label} takes about {shown_size(need.size)}" for need in needs)
    if len(needs) > _NAMED_FILES:
        told = f"{len(needs):,} files take about {shown_size(sum(need.size for need in needs))}"
    way, size = "column by column, by" if isinstance(config, TableConfig) else "by", sum(need.disk for need in needs)
    files = f"way of files of up to {shown_size(size)}, in roughly {show_seconds(size / SPEED)}"
    reporter.say(f"{told} of memory, more than there is: it is prepared {way} {files}")
    columns = prepared_dir() / f"{_label(config)}-columns"
    with disk.resource_errors(columns):
        disk.make_folder(columns.parent)
        with claimed(columns, disk.mkdir) as temporary:
            yield Spill(temporary, getattr(config, "path", None) or config.name)


def prepare_in_memory(config: DatasetConfig, seed: int, read: SourceRead) -> Prepared:
    """Rows that were not read by their configuration, split and described as it says; nothing is stored."""
    splits, outliers = split_source(config, seed, read)
    fingerprint = _hash_rows(read.rows)
    profile = profile_splits(splits, read.cleaning, outliers)
    return Prepared(splits, Path(), fingerprint, fingerprint, profile, False, config.name, None)


def _acquire(dataset: DatasetConfig, reporter: Reporter) -> tuple[DatasetConfig, str | None]:
    """Download what is missing; where the config says so, the digits replace what cannot be downloaded."""
    try:
        source_of(dataset).fetch(reporter)
    except UnreachableError as error:
        if not isinstance(dataset, MnistConfig) or dataset.offline != "digits":
            raise
        title = COLLECTIONS[dataset.name].title
        reporter.warn(
            f"{title} IS NOT AVAILABLE: training on scikit-learn's 1,797 digits of 8 × 8 pixels instead, "
            f"so no result of this run is one of {title}. {error}"
        )
        # Numbers of rows are meant for MNIST's 60,000: as shares.
        counts = {key: value for key in ("test", "valid") if isinstance(value := getattr(dataset.split, key), int)}
        shares = {key: min(0.3, count / _MNIST_ROWS) for key, count in counts.items()}
        split = dataset.split.model_copy(update=shares)
        return DigitsConfig(name="digits", split=split, keep=dataset.keep), dataset.name
    return dataset, None


def _label(config: DatasetConfig) -> str:
    """A readable start of the folder's name."""
    path = config.images if isinstance(config, IdxConfig) else getattr(config, "path", None)
    label = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(path).stem if path else config.name).strip("_")
    return label[:40] or config.name


def _moved_borders(split: SplitConfig, data: StoredData) -> str | None:
    if (cleaning := data.profile["cleaning"]) is None:
        return None
    sizes = len(data.splits.valid), 0 if cleaning["test"] else len(data.splits.test)
    return moved_borders(split, cleaning["rows"], *sizes, test_given=cleaning["test"] is not None)


def _load(folder: Path, split: SplitConfig, reporter: Reporter) -> StoredData | None:
    recover_children(folder.parent)
    if not os.path.lexists(folder):
        return None
    try:
        stored = load_prepared(folder)
    except ArtefactError as error:
        reporter.warn(f"{error}: preparing the data again")
        return None
    rows, lacking = stored.splits.train, ""
    if split.by in ("group", "time") and isinstance(rows, Table) and rows.groups is None:
        lacking = split.by
    elif stored.splits.numbers is None:
        lacking = "number"
    if lacking:
        reporter.warn(f"{folder}: an earlier version did not store each row's {lacking}: preparing the data again")
        return None
    return stored


def _save(folder: Path, data: StoredData) -> None:
    try:
        save_prepared(folder, data)
    except ResourceError as error:
        raise ResourceError(f"{error}; MLCLI_PREPARED_DIR names another folder for prepared data") from error


def split_source(
    config: DatasetConfig, seed: int, read: SourceRead, spill: Spill | None = None, *, consume: bool = False
) -> tuple[Splits, OutlierReport | None]:
    """The splits, and the outliers dropped from the training rows; nothing is stored.

    spill   : for a table that memory does not hold
    consume : see `take_splits`
    """
    rows, classes = read.rows, None
    if read.task == "classification":
        classes = rows.labels if isinstance(rows, Images) else rows.frame[rows.targets[0].name].rank("dense").to_numpy()
    indices = split_rows(len(rows), config.split, seed, classes, read.split_key, test_given=read.test is not None)
    if isinstance(rows, Table):
        rows = replace(rows, groups=indices.groups)
    taken, outliers = take_splits(rows, (indices.train, indices.valid, indices.test), spill, consume=consume), None
    train, valid, test = taken
    numbers = indices.train + 1 if read.numbers is None else read.numbers[indices.train]
    if isinstance(train, Table) and isinstance(config, TableConfig):
        train, outliers, kept = drop_outliers(train, config.outliers, spill)
        numbers = numbers[kept]
    splits = Splits(train, valid, test if read.test is None else read.test, read.task, numbers)
    if read.task == "classification":
        _refuse_unlearned(splits)
    for name in SPLITS:
        if (weights := getattr(splits[name], "weights", None)) is not None and len(weights) and not weights.any():
            raise DataError(f"dataset.weight: the weights of all {len(weights):,} {name} rows are 0; split otherwise")
    return splits, outliers


def _refuse_unlearned(splits: Splits) -> None:
    """Raise DataError for a class of the validation or test rows that no training row has."""
    counts = {name: class_counts(splits[name]) for name in SPLITS}
    for name in SPLITS[1:]:
        unlearned = {label: n for label, n in counts[name].items() if n and not counts["train"].get(label)}
        if unlearned:
            more = f" and {len(unlearned) - 1:,} more" if len(unlearned) > 1 else ""
            raise DataError(
                f"dataset.split: class {next(iter(unlearned))!r}{more} is in "
                f"{counted(sum(unlearned.values()), f'{name} row')} and in no training rows, so it cannot be "
                "learned; leave such rows out with dataset.keep, or split so that every class has training rows, as "
                "dataset.split.by: stratified does"
            )
