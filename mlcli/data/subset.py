"""Some of a dataset's rows, and the rows of two together."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlcli.data.types import Dataset, Images, Table


def take_rows(rows: Dataset, indices: np.ndarray) -> Dataset:
    """The rows at these places, in this order."""
    if isinstance(rows, Table):
        return Table(rows.frame[indices], rows.features, rows.targets)
    labels = None if rows.labels is None else rows.labels[indices]
    return Images(rows.pixels[indices], labels, rows.class_names)


def join_rows(first: Dataset, second: Dataset) -> Dataset:
    """The rows of both, those of the first before those of the second; they are splits of one dataset."""
    if isinstance(first, Table) and isinstance(second, Table):
        return Table(pl.concat([first.frame, second.frame]), first.features, first.targets)
    if isinstance(first, Images) and isinstance(second, Images) and first.labels is not None:
        labels = first.labels if second.labels is None else np.concatenate([first.labels, second.labels])
        return Images(np.concatenate([first.pixels, second.pixels]), labels, first.class_names)
    raise TypeError("only splits of one dataset can be joined")
