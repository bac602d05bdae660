"""Projections of rows against their definitions."""

import numpy as np
import pytest

from mlcli.eda.association import TargetColumn
from mlcli.eda.projections import project_rows


@pytest.fixture(scope="module")
def clouds():
    """Three clouds of twenty points in five dimensions, far apart, and their numbers."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 20)
    return rng.normal(size=(3, 5))[group] * 20 + rng.normal(size=(60, 5)), group


def project(x, group):
    target = TargetColumn("y", ("a", "b", "c"), (20, 20, 20), group, np.empty(0))
    return project_rows(x, target, 600)


def test_principal_components_are_those_of_the_singular_value_decomposition(clouds):
    plane = project(*clouds)["pca"]
    centred = clouds[0] - clouds[0].mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    expected = np.abs(u[:, :2] * s[:2])  # signs are free
    np.testing.assert_allclose(np.sort(np.abs(plane.x)), np.sort(expected[:, 0]), rtol=1e-6)
    np.testing.assert_allclose(np.sort(np.abs(plane.y)), np.sort(expected[:, 1]), rtol=1e-6)
    share = s**2 / (s**2).sum()
    assert (plane.x_name, plane.y_name) == (
        f"PC 1 ({share[0]:.1%})".replace("%", " %"),
        f"PC 2 ({share[1]:.1%})".replace("%", " %"),
    )
    assert plane.n_rows == 600


def test_tsne_keeps_neighbours_together(clouds):
    plane = project(*clouds)["tsne"]
    points, group = np.column_stack([plane.x, plane.y]), np.array(plane.group)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (group[distances.argmin(axis=1)] == group).all()


def test_few_rows_or_features_need_no_projection(clouds):
    x, group = clouds
    assert project(x[:9], group[:9]) == {}
    assert project(x[:, :2], group) == {}
