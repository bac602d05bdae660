"""A network's inputs on disk, for rows that memory does not hold."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mlcli.data.prepare import Prepared
from mlcli.features.fitted import FittedFeatures
from mlcli.io import disk
from mlcli.io.atomic import atomic_folder, claimed, load_cached, recover_folder, verify_folder
from mlcli.io.json import encode_json
from mlcli.io.memory import shown_size
from mlcli.io.row_file import RowFile, write_row_file
from mlcli.io.text import counted
from mlcli.reporter import Reporter

KIND, FILE = "inputs", "rows.npy"
# Part of the folder's name: earlier versions had two files.
LAYOUT = b"one file"


def obtain_input_files(
    prepared: Prepared, features: FittedFeatures, reporter: Reporter, *, cross_fitted: bool = True
) -> tuple[RowFile, RowFile]:
    """Training and validation rows as inputs, in a file beside the prepared data, written now or earlier.

    cross_fitted : the features were fitted on these training rows, whose target means are then of other folds

    Raises ResourceError, as for a full disk.
    """
    state, arrays = features.to_state()
    digest = hashlib.sha256(encode_json(state))
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).data)
    if features.is_cross_fitted and not cross_fitted:
        digest.update(b"new rows")
    digest.update(LAYOUT)
    folder = prepared.folder.with_name(f"{prepared.folder.name}-inputs-{digest.hexdigest()[:12]}")

    def load(path: Path) -> tuple[RowFile, RowFile]:
        verify_folder(path, KIND)
        return _open(path / FILE, prepared, features)

    if (found := load_cached(folder, load, reporter, "writing the inputs again")) is not None:
        return found
    with atomic_folder(folder, KIND) as new:
        _write(new / FILE, prepared, features, cross_fitted=cross_fitted)
    size = shown_size((folder / FILE).stat().st_size)
    n_rows = len(prepared.splits.train) + len(prepared.splits.valid)
    reporter.say(f"Inputs of {counted(n_rows, 'row')} written: {size} in {folder}")
    return load(folder)


@contextmanager
def temporary_input_files(prepared: Prepared, features: FittedFeatures) -> Iterator[tuple[RowFile, RowFile]]:
    """The same of rows that are trained on once, as those of a fold: the file is deleted at the end."""
    folder = prepared.folder.with_name(f"{prepared.folder.name}-fold")
    recover_folder(folder)  # what a killed process has left
    with claimed(folder, disk.mkdir) as new:
        _write(new / FILE, prepared, features, cross_fitted=True)
        yield _open(new / FILE, prepared, features)


def _write(path: Path, prepared: Prepared, features: FittedFeatures, *, cross_fitted: bool) -> None:
    train, valid = prepared.splits.train, prepared.splits.valid
    blocks = itertools.chain(features.blocks(train, training=cross_fitted), features.blocks(valid, training=False))
    write_row_file(path, len(train) + len(valid), features.layout.width, blocks)


def _open(path: Path, prepared: Prepared, features: FittedFeatures) -> tuple[RowFile, RowFile]:
    return RowFile.open(path, features.layout.width).split(len(prepared.splits.train))
