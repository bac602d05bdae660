"""Folders of images, one sub-folder per class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcli.config.sections.dataset import DatasetConfig, ImagesConfig
from mlcli.data.tables.types import SplitName
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.paths import find_path

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
)
# What Python makes of the bytes of a name that is not UTF-8.
_HALF_LETTERS = re.compile("[\ud800-\udfff]")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
SPLIT_OF_NAME: dict[str, SplitName] = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLIT_OF_NAME |= dict.fromkeys(("val", "valid", "validation", "dev"), "valid")


@dataclass(frozen=True)
class ImageFolder:
    """The files of a folder of classes, class by class and by name.

    labels : int64 (n,), indices into class_names
    """

    folder: Path
    paths: tuple[Path, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]


def list_image_folders(config: ImagesConfig) -> tuple[ImageFolder, ...]:
    """What is read: one folder, or two where the test images have a folder of their own."""
    train = list_classes(find_path(config.path, config.origin))
    if config.test_path is None:
        return (train,)
    test = list_classes(find_path(config.test_path, config.origin))
    differing = sorted(set(train.class_names) ^ set(test.class_names))
    if differing:
        raise DataError(
            f"{test.folder}: its classes differ from those of {train.folder} ({', '.join(differing[:5])}); "
            "give both folders the same sub-folders"
        )
    return train, test


def image_names(config: DatasetConfig) -> tuple[str, ...]:
    """The files that are trained on, as cat/004.png, in the order of their rows; empty for other sources."""
    if not isinstance(config, ImagesConfig):
        return ()
    return tuple(f"{path.parent.name}/{path.name}" for path in list_image_folders(config)[0].paths)


def list_classes(folder: Path) -> ImageFolder:
    """The images of each sub-folder; raises DataError for strays, empty classes and fewer than two classes."""
    with resource_errors(folder):
        if not folder.is_dir():
            raise DataError(f"{folder}: not a folder; give a folder with one sub-folder of images per class")
        _refuse_splits(folder)
        classes = [entry for entry in visible(folder) if entry.is_dir()]
        loose = [entry for entry in visible(folder) if entry.suffix.lower() in SUFFIXES and entry.is_file()]
        files = [list_images(entry) for entry in classes] if len(classes) > 1 else []
    if loose:
        raise DataError(
            f"{loose[0]}: one of {len(loose)} images outside a class; move each into a folder named after its class"
        )
    if len(classes) < 2:
        found = f"only one sub-folder, {classes[0].name}" if classes else "no sub-folders"
        raise DataError(f"{folder}: {found}; expected at least two, one per class{_inside(classes)}")
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(paths) for paths in files])
    return ImageFolder(folder, tuple(path for paths in files for path in paths), labels, tuple(c.name for c in classes))


def split_folders(folder: Path) -> dict[SplitName, Path]:
    """The sub-folders by split where each is named after one, such as train and val; empty otherwise."""
    with resource_errors(folder):
        found = {SPLIT_OF_NAME.get(entry.name.lower()): entry for entry in visible(folder) if entry.is_dir()}
    return {split: entry for split, entry in found.items() if split} if None not in found else {}


def _refuse_splits(folder: Path) -> None:
    splits = split_folders(folder)
    if not splits:
        return
    train, test = splits.get("train"), splits.get("test") or splits.get("valid")
    names = ", ".join(sorted(entry.name for entry in splits.values()))
    remedy = "put the images of each class into a folder of its own, such as train/cat"
    if train and any(entry.is_dir() for entry in visible(train)):
        remedy = f"set dataset.path: {train}" + (f" and dataset.test_path: {test}" if test else "")
    if train and len(splits) > 2:
        remedy += "; validation rows are drawn from the training images (dataset.split.valid)"
    raise DataError(f"{folder}: {names} are names of splits, not of classes; {remedy}")


def _inside(classes: Sequence[Path]) -> str:
    """The remedy where the only folder holds those of the classes."""
    inner = [entry for only in classes for entry in visible(only) if entry.is_dir()]
    return f"; if {inner[0].name} is a class, set dataset.path: {inner[0].parent}" if inner else ""


def list_images(folder: Path, *, beside: Sequence[Path] = ()) -> list[Path]:
    """The images of one folder by name; raises DataError for anything else in it, and when there are none.

    beside : other entries that are ignored
    """
    entries = [entry for entry in visible(folder) if entry not in beside]
    strays = [entry for entry in entries if entry.suffix.lower() not in SUFFIXES or not entry.is_file()]
    if nested := [entry for entry in strays if entry.is_dir()]:
        raise DataError(f"{nested[0]}: a folder in a folder of images; move its images into {folder}, or remove it")
    if strays:
        raise DataError(
            f"{strays[0]}: one of {len(strays)} files that are not images ({' '.join(sorted(SUFFIXES))}); remove them"
        )
    if not entries:
        raise DataError(f"{folder}: no images; add some, or remove the folder")
    return entries


def visible(folder: Path) -> list[Path]:
    """Entries by name, without hidden files and those of file managers; DataError for names that are not UTF-8.

    A folder's name becomes a class name.
    """
    names = {entry.name: entry for entry in folder.iterdir() if not entry.name.startswith(".")}
    for name, entry in names.items():
        if _HALF_LETTERS.search(name):
            raise DataError(f"{entry}: the name is not UTF-8; rename it")
    return sorted(entry for name, entry in names.items() if name.lower() not in _SYSTEM_FILES)
