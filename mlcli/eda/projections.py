"""Rows of many features as points in a plane: their principal components, and t-SNE."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlcli.eda.association import Floats, Scatter, TargetColumn, class_order, scatter_plane
from mlcli.io.text import show_percent
from mlcli.models.task import Classification, FittedTask

# Rows projected at most, whose neighbours t-SNE looks for; and the components that it starts from.
MAX_PROJECTED, COMPONENTS = 1_000, 50
FEWEST, PERPLEXITY = 10, 30.0


def project_rows(x: Floats, target: TargetColumn, n_rows: int) -> dict[str, Scatter]:
    """The rows x (n, d) by two principal components, and by t-SNE of fifty (van der Maaten and Hinton, 2008).

    n_rows : of which x are a sample

    Empty for fewer than ten rows or three features, which need no projection.
    """
    if x.shape[0] < FEWEST or x.shape[1] < 3:
        return {}
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    pca = PCA(min(COMPONENTS, *x.shape), svd_solver="full")
    components = pca.fit_transform(x)
    first, second = (show_percent(share) for share in pca.explained_variance_ratio_[:2].tolist())
    tsne = TSNE(perplexity=min(PERPLEXITY, (len(x) - 1) / 3), init="pca", random_state=0)
    points = np.asarray(tsne.fit_transform(components), dtype=np.float64)
    pca_names = f"PC 1 ({first})", f"PC 2 ({second})"
    planes = {"pca": (pca_names, components), "tsne": (("t-SNE 1", "t-SNE 2"), points)}
    return {
        key: replace(scatter_plane(names, plane[:, 0], plane[:, 1], target), n_rows=n_rows)
        for key, (names, plane) in planes.items()
    }


def target_column(task: FittedTask, truth: np.ndarray) -> TargetColumn:
    """The targets by which projected rows are coloured: truth as the task gives it; of several, the first."""
    if not isinstance(task, Classification):
        numbers = np.asarray(truth, dtype=np.float64).reshape(len(truth), -1)[:, 0]
        return TargetColumn(task.targets[0], (), (), np.full(len(truth), -1, dtype=np.int64), numbers)
    counts = np.bincount(truth, minlength=len(task.classes)).tolist()
    classes = class_order(dict(zip(task.classes, counts, strict=True)))
    places = np.array([classes.index(name) for name in task.classes])
    return TargetColumn(task.target, classes, tuple(counts), places[truth], np.empty(0))
