import subprocess
import sys

import numpy as np
import pytest

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Images
from mlcli.features.fit import fit_features
from tests.features.feature_tables import pictures


def fit(data, y=None, **sections):
    return fit_features(data, FeaturesConfig.model_validate(sections), 0, y, True)


def test_constant_pixels_stay_so_that_a_picture_keeps_its_size():
    assert fit(pictures()).layout.names == tuple(f"px{i}" for i in range(20))


def test_a_variance_above_0_drops_pixels():
    data = pictures()
    variances = data.pixels.reshape(len(data), -1).astype(float).var(axis=0)
    bound = float(np.median(variances))
    features = fit(data, select={"variance": bound})
    assert features.layout.names == tuple(f"px{i}" for i in np.flatnonzero(variances > bound))
    dropped = [lost.value for lost in features.report.dropped]
    np.testing.assert_allclose(dropped, variances[variances <= bound], atol=1e-9)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (1, 1)])
def test_pictures_are_flattened_row_by_row(shape):
    data = pictures(5, shape)
    features = fit(data, scale="none")
    assert features.schema.image_shape == shape
    assert np.array_equal(features.transform(data), data.pixels.reshape(5, -1).astype(np.float32))


def test_the_scale_is_that_of_the_training_pictures():
    train, test = pictures(), pictures(40, seed=9)
    flat = train.pixels.astype(float)
    x = fit(train).transform(test)
    expected = (test.pixels.reshape(40, -1) - flat.mean()) / flat.std()
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", ["standard", "minmax", "robust"])
def test_pictures_of_one_grey_are_centred(scale):
    data = Images(np.full((4, 2, 2), 9, np.uint8), None, ())
    assert fit(data, scale=scale).transform(data).tolist() == [[0.0] * 4] * 4


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.77])
def test_quantiles_from_level_counts_are_those_of_numpy(share):
    from mlcli.features.pixels import _quantile

    for n in (1, 2, 7, 50):
        pixels = np.random.default_rng(n).integers(0, 256, (n, 1, 1), dtype=np.uint8)
        counts = np.bincount(pixels.reshape(-1), minlength=256)
        assert _quantile(counts, share) == pytest.approx(np.quantile(pixels, share), abs=1e-12)


def test_memory_mapped_pictures_are_read_as_they_are(tmp_path):
    data = pictures()
    np.save(tmp_path / "pixels.npy", data.pixels)
    mapped = Images(np.load(tmp_path / "pixels.npy", mmap_mode="r"), data.labels, data.class_names)
    assert np.array_equal(fit(mapped).transform(mapped), fit(data).transform(data))


def test_plain_pictures_and_tables_never_import_sklearn():
    code = """
import sys
import numpy as np, polars as pl
from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Column, Images, Table
from mlcli.features.fit import fit_features
images = Images(np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.int64), ("a",))
fit_features(images, FeaturesConfig(), 0).transform(images)
table = Table(pl.DataFrame({"x": [1.0, 2.0], "c": ["a", "b"]}), (Column("x", "number"), Column("c", "category")), ())
for encode in ("one_hot", "ordinal", "embedding", "target"):
    features = fit_features(table, FeaturesConfig(encode=encode, scale="quantile"), 0, np.array([0, 1]), True)
    features.transform(table)
print([name for name in ("sklearn", "scipy", "PIL", "matplotlib") if name in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
