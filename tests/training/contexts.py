"""Small trainings."""

from dataclasses import replace

import numpy as np
import polars as pl

from mlcli.config.sections.config import Config
from mlcli.data.tables.types import Column, Table
from mlcli.features.state import layout_of_numbers
from mlcli.models.fit_task import fit_task
from mlcli.training.context import build_context
from mlcli.training.datasets import TensorDataset


def table_of(labels):
    kind = "category" if isinstance(labels[0], str) else "number"
    return Table(pl.DataFrame({"y": labels}), (), (Column("y", kind),))


def make_context(
    kind="classification", classes=2, valid=True, n=60, image_shape=(), processes=None, filed=None, **sections
):
    """A context on 60 seeded rows with 4 inputs; keyword arguments are config sections.

    filed : puts rows of this name into a file
    """
    rng = np.random.default_rng(7)
    x = rng.normal(size=(n, 4))
    score = x @ rng.normal(size=(4, classes))
    labels = (score[:, 0] * 3).tolist() if kind == "regression" else [f"c{k}" for k in score.argmax(axis=1)]
    if kind == "counts":
        kind, labels = "regression", np.floor(np.exp(score[:, 0])).tolist()
    if kind == "classification" and classes == 2:
        labels = ["c1" if s > 0 else "c0" for s in score[:, 0]]
    config = Config.model_validate({"name": "context", "dataset": {"name": "iris"}, **sections})
    table = table_of(labels)
    task = fit_task(table, kind, config.model, config.loss)
    rows = TensorDataset.of(np.asarray(x, dtype=np.float32), task.encode(table))
    n_valid = 20 if valid else 0
    valid_rows = TensorDataset(rows.x[:n_valid], rows.y[:n_valid])
    if filed is not None:
        rows, valid_rows = filed("train", rows), filed("valid", valid_rows)
    layout = replace(layout_of_numbers(4), image_shape=image_shape)
    return build_context(config, task, rows, valid_rows, layout, processes=processes)
