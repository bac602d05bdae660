"""Prepared datasets on disk: Parquet for tables, NumPy arrays (memory-mapped) for images, JSON for the rest."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from mlcli.config.sections.base import Section
from mlcli.data.profile import Profile
from mlcli.data.tables.rows import DTYPES
from mlcli.data.tables.spill import save_array, write_parquet
from mlcli.data.tables.types import (
    SPLITS,
    CleaningReport,
    Column,
    Dataset,
    Images,
    OutlierReport,
    SplitName,
    Splits,
    Table,
    TaskKind,
)
from mlcli.errors import ArtefactError
from mlcli.io.atomic import atomic_folder, verify_folder, write_json
from mlcli.io.json import from_json, read_json

KIND = "prepared"
NUMBERS = "train_numbers.npy"
# Raised when columns that were categories become a kind of their own.
KINDS = 3


@dataclass(frozen=True)
class StoredData:
    """What step 1 made."""

    splits: Splits
    profile: Profile


class _TableMeta(Section):
    name: Literal["table"]
    features: tuple[Column, ...]
    targets: tuple[Column, ...]


class _ImagesMeta(Section):
    name: Literal["images"]
    class_names: tuple[str, ...]


class _Meta(Section):
    """meta.json: what the data files do not say.

    kinds : the version of the kinds of columns, see KINDS
    """

    task: TaskKind
    data: _TableMeta | _ImagesMeta
    kinds: int = 1


def save_prepared(folder: Path, data: StoredData) -> None:
    """Write a prepared dataset atomically; raises ResourceError."""
    with atomic_folder(folder, KIND) as temporary:
        for name in SPLITS:
            _save_rows(temporary, name, data.splits[name])
        if data.splits.numbers is not None:
            save_array(temporary / NUMBERS, data.splits.numbers)
        write_json(temporary / "profile.json", data.profile)
        train, task = data.splits.train, data.splits.task
        described: _TableMeta | _ImagesMeta
        if isinstance(train, Table):
            described = _TableMeta(name="table", features=train.features, targets=train.targets)
        else:
            described = _ImagesMeta(name="images", class_names=train.class_names)
        write_json(temporary / "meta.json", _Meta(task=task, data=described, kinds=KINDS).model_dump())


def load_prepared(folder: Path, *, is_new: bool = False) -> StoredData:
    """Verify and load, tables lazily and pixels memory-mapped; raises ArtefactError for a damaged dataset.

    is_new : this process has just written it, and need not read all of it to verify it
    """
    try:
        if not is_new:
            verify_folder(folder, KIND)
        meta = _Meta.model_validate(read_json(folder / "meta.json"))
        _refuse_outdated(meta)
        train, valid, test = (_load_rows(folder, name, meta.data) for name in SPLITS)
        numbers = _load_numbers(folder / NUMBERS, len(train), least=1)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise ArtefactError(f"{folder}: not a prepared dataset of this version ({error})") from error
    place = folder / "profile.json"
    profile = from_json(Profile, read_json(place), place)
    for kind, report in ((CleaningReport, profile["cleaning"]), (OutlierReport, profile["outliers"])):
        if report is not None:
            from_json(kind, report, place)
    return StoredData(Splits(train, valid, test, meta.task, numbers), profile)


def _refuse_outdated(meta: _Meta) -> None:
    """What an older version stored as categories may be of another kind now."""
    features = meta.data.features if isinstance(meta.data, _TableMeta) else ()
    if meta.kinds < KINDS and any(column.kind == "category" for column in features):
        raise ValueError("its column kinds were inferred by an earlier version")


def _save_rows(folder: Path, name: SplitName, rows: Dataset) -> None:
    match rows:
        case Table():
            write_parquet(folder / f"{name}.parquet", rows.frame)
            for kind, numbers in (("groups", rows.groups), ("weights", rows.weights)):
                if numbers is not None:
                    save_array(folder / f"{name}_{kind}.npy", numbers)
        case Images():
            save_array(folder / f"{name}.npy", rows.pixels)
            save_array(folder / f"{name}_labels.npy", np.empty(0, np.int64) if rows.labels is None else rows.labels)


def _load_rows(folder: Path, name: SplitName, meta: _TableMeta | _ImagesMeta) -> Dataset:
    match meta:
        case _TableMeta():
            rows = pl.scan_parquet(folder / f"{name}.parquet", glob=False, hive_partitioning=False)
            expected = {column.name: DTYPES[column.kind] for column in meta.features + meta.targets}
            if dict(rows.collect_schema()) != expected:
                raise ValueError(f"columns {dict(rows.collect_schema())}, expected {expected}")
            table = Table(rows, meta.features, meta.targets)
            groups = _load_numbers(folder / f"{name}_groups.npy", len(table), least=0)
            weights = _load_numbers(folder / f"{name}_weights.npy", len(table), least=0, dtype=np.float64)
            return replace(table, groups=groups, weights=weights)
        case _ImagesMeta():
            pixels = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            labels = np.load(folder / f"{name}_labels.npy", allow_pickle=False)
            return _checked_images(Images(pixels, labels, meta.class_names))


def _load_numbers(
    path: Path, n_rows: int, *, least: int, dtype: type[np.int64 | np.float64] = np.int64
) -> np.ndarray | None:
    """A number for each row, mapped; None where none are stored."""
    if not path.exists():
        return None
    numbers: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    if numbers.dtype != dtype or numbers.shape != (n_rows,) or (n_rows and not least <= numbers.min() < np.inf):
        raise ValueError(
            f"{path.name} {numbers.dtype} {numbers.shape}, expected {dtype.__name__} from {least} for {n_rows} rows"
        )
    return numbers


def _checked_images(images: Images) -> Images:
    pixels, labels = images.pixels, images.labels
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or labels is None or labels.dtype != np.int64:
        raise ValueError(f"pixels {pixels.dtype} {pixels.shape}, expected uint8 and int64 labels")
    if labels.shape != (len(pixels),) or not np.isin(labels, np.arange(len(images.class_names))).all():
        raise ValueError(f"labels {labels.shape}, expected one of {len(images.class_names)} classes for each image")
    return images
