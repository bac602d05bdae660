import math

import numpy as np
import pytest

from mlcli.config.sections.dataset import PlaygroundConfig
from mlcli.data.readers.playground import draw_points
from mlcli.data.tables.types import Column

CLASSES = ("circle", "xor", "gauss", "spiral")
REGRESSIONS = ("plane", "multi_gauss")


def draw(name, **keys):
    config = PlaygroundConfig(name=name, **keys)
    table, task = draw_points(config), config.known_task
    x = table.frame.select("x1", "x2").to_numpy()
    label = table.frame["label"]
    return x, (label.cast(float) if task == "classification" else label).to_numpy()


def dataset_ts_label(name, x, y):
    """The label without noise, straight from the Playground's dataset.ts, a point at a time."""
    match name:
        case "circle":
            return 1 if math.dist((x, y), (0, 0)) < 2.5 else -1
        case "xor":
            return 1 if x * y >= 0 else -1
        case "plane":
            return (x + y) / 10
        case "multi_gauss":
            label = 0.0
            bumps = [(-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1)]
            for cx, cy, sign in bumps:
                new = sign * min(max(1 - math.dist((x, y), (cx, cy)) / 2, 0), 1)
                label = new if abs(new) > abs(label) else label
            return label


@pytest.mark.parametrize("name", ["circle", "xor", "plane", "multi_gauss"])
def test_labels_without_noise(name):
    x, label = draw(name, rows=400)
    assert label == pytest.approx([dataset_ts_label(name, *point) for point in x])


@pytest.mark.parametrize("name", CLASSES + REGRESSIONS)
class TestEverySet:
    def test_table(self, name):
        config = PlaygroundConfig(name=name)
        table, task = draw_points(config), config.known_task
        classes = name in CLASSES
        assert len(table) == (500 if classes else 1200)
        assert task == ("classification" if classes else "regression")
        assert table.features == (Column("x1", "number"), Column("x2", "number"))
        assert table.targets == (Column("label", "category" if classes else "number"),)
        if classes:
            assert set(table.frame["label"]) == {"-1", "1"}

    @pytest.mark.parametrize("rows", [10, 11])
    def test_rows_asked_for(self, name, rows):
        assert len(draw(name, rows=rows)[0]) == rows

    def test_seed(self, name):
        first, again, other = (draw(name, seed=seed, noise=0.2) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])
        assert not np.array_equal(first[0], other[0])


def test_circle_geometry():
    x, label = draw("circle", rows=20_000)
    r = np.hypot(*x.T)
    assert (label == 1).mean() == 0.5
    assert r[label == 1].max() == pytest.approx(2.5, abs=0.01)
    assert (r[label == -1].min(), r[label == -1].max()) == pytest.approx((3.5, 5), abs=0.01)
    assert r[label == 1].mean() == pytest.approx(1.25, abs=0.02)  # even in radius, not in area


def test_circle_noise_moves_labels_not_points():
    x, label = draw("circle", rows=20_000, noise=0.3)
    r = np.hypot(*x.T)
    assert not np.any((r > 2.51) & (r < 3.49))
    wrong = np.mean((r < 2.5) != (label == 1))
    rng = np.random.default_rng(1)
    shifted = np.hypot(*(x + rng.uniform(-5, 5, x.shape) * 0.3).T)
    assert wrong == pytest.approx(np.mean((r < 2.5) != (shifted < 2.5)), abs=0.01)


def test_xor_padding():
    x, _ = draw("xor", rows=20_000)
    assert np.abs(x).min() == pytest.approx(0.3, abs=0.01)
    assert np.abs(x).max() == pytest.approx(5.3, abs=0.01)


@pytest.mark.parametrize(("noise", "variance"), [(0.0, 0.5), (0.25, 2.25), (0.5, 4.0)])
def test_gauss_centres_and_variance(noise, variance):
    x, label = draw("gauss", rows=100_000, noise=noise)
    for sign in (1, -1):
        cloud = x[label == sign]
        assert len(cloud) == 50_000
        assert cloud.mean(axis=0) == pytest.approx([2 * sign] * 2, abs=0.04)
        assert cloud.var(axis=0) == pytest.approx([variance] * 2, rel=0.03)


def test_spiral_arms():
    x, label = draw("spiral", rows=12)
    expected = []
    for delta, sign in ((0, 1), (math.pi, -1)):
        for i in range(6):
            r, t = i / 6 * 5, 1.75 * i / 6 * 2 * math.pi + delta
            expected.append((r * math.sin(t), r * math.cos(t), sign))
    assert np.column_stack([x, label]) == pytest.approx(np.array(expected))


def test_spiral_noise_moves_points():
    clean, noisy = draw("spiral", rows=2000)[0], draw("spiral", rows=2000, noise=0.5)[0]
    assert np.abs(noisy - clean).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regression_square_and_noise(name):
    x, label = draw(name, rows=20_000, noise=0.5)
    assert (x.min(), x.max()) == pytest.approx((-6, 6), abs=0.01)
    clean = np.array([dataset_ts_label(name, *point) for point in x[:500]])
    assert np.abs(label[:500] - clean).max() > 0.1
    if name == "plane":
        assert np.abs(label[:500] - clean).max() <= 0.6
    else:
        assert np.abs(label).max() <= 1
