"""A network's inputs on disk, for rows that memory does not hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from mlcli.data.prepare import Prepared
from mlcli.data.tables.types import Dataset
from mlcli.features.fitted import FittedFeatures
from mlcli.io.atomic import atomic_folder, load_cached, verify_folder
from mlcli.io.json import encode_json
from mlcli.io.memory import shown_size
from mlcli.io.row_file import RowFile, write_row_file
from mlcli.io.text import counted
from mlcli.reporter import Reporter

KIND = "inputs"


def obtain_input_files(
    prepared: Prepared, features: FittedFeatures, reporter: Reporter, *, cross_fitted: bool = True
) -> tuple[RowFile, RowFile]:
    """Training and validation rows as inputs: files beside the prepared data, written now or by an earlier training.

    cross_fitted : the features were fitted on these training rows, whose target means are then of other folds

    Raises ResourceError, as for a full disk.
    """
    state, arrays = features.to_state()
    digest = hashlib.sha256(encode_json(state))
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).data)
    if features.is_cross_fitted and not cross_fitted:
        digest.update(b"new rows")
    folder = prepared.folder.with_name(f"{prepared.folder.name}-inputs-{digest.hexdigest()[:12]}")
    width, splits = features.layout.width, prepared.splits

    def load(path: Path) -> tuple[RowFile, RowFile]:
        verify_folder(path, KIND)
        return RowFile.open(path / "train.npy", width), RowFile.open(path / "valid.npy", width)

    if (found := load_cached(folder, load, reporter, "writing the inputs again")) is not None:
        return found
    with atomic_folder(folder, KIND) as new:
        _write(new / "train.npy", features, splits.train, training=cross_fitted)
        _write(new / "valid.npy", features, splits.valid, training=False)
    size = sum(path.stat().st_size for path in folder.glob("*.npy"))
    rows = counted(len(splits.train) + len(splits.valid), "row")
    reporter.say(f"Inputs of {rows} written: {shown_size(size)} in {folder}")
    return load(folder)


def _write(path: Path, features: FittedFeatures, data: Dataset, *, training: bool) -> None:
    write_row_file(path, len(data), features.layout.width, features.blocks(data, training=training))
