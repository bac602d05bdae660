"""A network's inputs on disk, for rows that memory does not hold."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np

from mlcli.data.prepare import Prepared
from mlcli.features.fitted import FittedFeatures
from mlcli.io.atomic import atomic_folder, load_cached, verify_folder
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
    width, train, valid = features.layout.width, prepared.splits.train, prepared.splits.valid
    n_rows = len(train) + len(valid)

    def load(path: Path) -> tuple[RowFile, RowFile]:
        verify_folder(path, KIND)
        return RowFile.open(path / FILE, width).split(len(train))

    if (found := load_cached(folder, load, reporter, "writing the inputs again")) is not None:
        return found
    blocks = itertools.chain(features.blocks(train, training=cross_fitted), features.blocks(valid, training=False))
    with atomic_folder(folder, KIND) as new:
        write_row_file(new / FILE, n_rows, width, blocks)
    size = shown_size((folder / FILE).stat().st_size)
    reporter.say(f"Inputs of {counted(n_rows, 'row')} written: {size} in {folder}")
    return load(folder)
