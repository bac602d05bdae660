"""Folders of pictures, one sub-folder per class."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcli.config.dataset import ImagesConfig
from mlcli.data.paths import find_path
from mlcli.data.pictures import SUFFIXES, read_pictures
from mlcli.data.types import Images
from mlcli.errors import DataError
from mlcli.files import resource_errors

# What Python makes of the bytes of a name that is not UTF-8.
_HALF_LETTERS = re.compile("[\ud800-\udfff]")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class PictureFiles:
    """The files of a folder of classes, class by class and by name.

    labels : int64 (n,), indices into class_names
    """

    folder: Path
    paths: tuple[Path, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]


def read_image_folders(config: ImagesConfig) -> tuple[Images, Images | None]:
    """The pictures of a config and its test pictures, with the same classes; raises DataError."""
    listed = list_image_folders(config)
    images = [
        Images(read_pictures(files.paths, config.size, config.color), files.labels, files.class_names)
        for files in listed
    ]
    return images[0], images[1] if len(images) > 1 else None


def list_image_folders(config: ImagesConfig) -> tuple[PictureFiles, ...]:
    """What `read_image_folders` will read: one folder, or two where the test pictures are given apart."""
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


def list_classes(folder: Path) -> PictureFiles:
    """The pictures of each sub-folder; raises DataError for strays, empty classes and fewer than two classes."""
    with resource_errors(folder):
        if not folder.is_dir():
            raise DataError(f"{folder}: not a folder; give a folder with one sub-folder of pictures per class")
        classes = [entry for entry in visible(folder) if entry.is_dir()]
        loose = [entry for entry in visible(folder) if entry.suffix.lower() in SUFFIXES and entry.is_file()]
        files = [list_pictures(entry) for entry in classes]
    if loose:
        raise DataError(
            f"{loose[0]}: one of {len(loose)} pictures outside a class; move each into a folder named after its class"
        )
    if len(classes) < 2:
        found = f"only one sub-folder, {classes[0].name}" if classes else "no sub-folders"
        raise DataError(f"{folder}: {found}; expected at least two, one per class")
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(paths) for paths in files])
    return PictureFiles(
        folder, tuple(path for paths in files for path in paths), labels, tuple(c.name for c in classes)
    )


def list_pictures(folder: Path, *, beside: Sequence[Path] = ()) -> list[Path]:
    """The pictures of one folder by name; raises DataError for anything else in it, and when there are none.

    beside : entries that may be there too, and are passed over
    """
    entries = [entry for entry in visible(folder) if entry not in beside]
    strays = [entry for entry in entries if entry.suffix.lower() not in SUFFIXES or not entry.is_file()]
    if strays:
        raise DataError(
            f"{strays[0]}: one of {len(strays)} that are no pictures ({' '.join(sorted(SUFFIXES))}); remove them"
        )
    if not entries:
        raise DataError(f"{folder}: no pictures; add some, or remove the folder")
    return entries


def visible(folder: Path) -> list[Path]:
    """Entries by name, without hidden files and those that file managers leave; DataError for names that are no text.

    A folder's name is a class, and is written down.
    """
    names = {entry.name: entry for entry in folder.iterdir() if not entry.name.startswith(".")}
    for name, entry in names.items():
        if _HALF_LETTERS.search(name):
            raise DataError(f"{entry}: the name is not UTF-8; rename it")
    return sorted(entry for name, entry in names.items() if name.lower() not in _SYSTEM_FILES)
