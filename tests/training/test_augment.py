"""Augmentation: positions as SciPy interpolates them, bounds of what is drawn, pure functions of the seed."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from scipy.stats import norm

from mlcli.config.sections.training import AugmentConfig
from mlcli.errors import ConfigError
from mlcli.training.augment import COARSE, Augmentation, draw_maps, map_basis, warp
from mlcli.training.loop import new_state, train_model
from mlcli.training.snapshot import restore_snapshot
from tests.training.contexts import make_context
from tests.training.test_loop import KeepSnapshot

HEIGHT, WIDTH = 9, 12
ALL = {"shift": 2, "rotate": 20, "scale": 0.2, "shear": 0.1, "elastic": 1}


def maps_of(n=1000, **config):
    return draw_maps(AugmentConfig(**config), n, torch.Generator().manual_seed(5))


def displaced(points):
    """Displacements of every pixel, from those of the coarse grid: Gaussian weights whose squares have the sum 1."""
    down, across = (
        norm.pdf(np.linspace(0, COARSE - 1, size)[:, None], loc=np.arange(COARSE)) for size in (HEIGHT, WIDTH)
    )
    squares = np.outer((down**2).sum(axis=1), (across**2).sum(axis=1))
    return down @ points @ across.T / np.sqrt(squares)


def test_warp_equals_scipy():
    images = torch.rand(5, 2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    maps = maps_of(5, **ALL)
    warped = warp(images, maps, map_basis(HEIGHT, WIDTH)).numpy()
    y, x = np.mgrid[:HEIGHT, :WIDTH] - np.array([(HEIGHT - 1) / 2, (WIDTH - 1) / 2])[:, None, None]
    for image, map_, result in zip(images.numpy(), maps.numpy(), warped, strict=True):
        across, down = (row[0] * x + row[1] * y + row[2] + displaced(row[3:].reshape(COARSE, COARSE)) for row in map_)
        at = [np.clip(down + (HEIGHT - 1) / 2, 0, HEIGHT - 1), np.clip(across + (WIDTH - 1) / 2, 0, WIDTH - 1)]
        for channel, expected in enumerate(map_coordinates(plane, at, order=1) for plane in image):
            np.testing.assert_allclose(result[channel], expected, atol=1e-5)


def test_one_pixel_of_shift_moves_columns_by_one_and_repeats_the_border():
    image = torch.arange(12.0).view(1, 1, 3, 4)
    maps = torch.zeros(1, 2, 3 + COARSE**2)
    maps[0, 0, 0] = maps[0, 1, 1] = maps[0, 0, 2] = 1
    expected = np.array([[1, 2, 3, 3], [5, 6, 7, 7], [9, 10, 11, 11]])
    np.testing.assert_allclose(warp(image, maps, map_basis(3, 4))[0, 0].numpy(), expected, atol=1e-5)


def test_what_is_not_asked_for_is_the_identity():
    identity = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    assert torch.equal(maps_of(3)[:, :, :3], identity.expand(3, 2, 3))
    assert not maps_of(3)[:, :, 3:].any()


def test_angles_shifts_and_sizes_fill_their_bounds():
    rotation = maps_of(rotate=30)[:, :, :2]
    angles = torch.atan2(rotation[:, 1, 0], rotation[:, 0, 0])
    assert math.radians(29) < angles.abs().max() <= math.radians(30)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(1000))  # no size changes
    assert 1.9 < maps_of(shift=2)[:, :, 2].abs().max() <= 2
    sizes = 1 / maps_of(scale=0.2)[:, 0, 0]
    assert 0.8 <= sizes.min() < 0.81
    assert 1.19 < sizes.max() <= 1.2


def test_elastic_displacements_vary_alike_at_all_pixels_and_smoothly():
    displacements = (maps_of(4000, elastic=1.5)[:, 0, 3:] @ map_basis(28, 28)[3:]).view(-1, 28, 28)
    np.testing.assert_allclose(displacements.std(dim=0), 1.5, rtol=0.05)
    for pixels in (1, 4, 8):  # of white noise after a Gaussian filter, whose standard deviation is that of a distance
        distance = pixels * (COARSE - 1) / 27
        correlation = np.corrcoef(displacements[:, 14, 10], displacements[:, 14, 10 + pixels])[0, 1]
        assert correlation == pytest.approx(math.exp(-(distance**2) / 4), abs=0.05)


def test_half_of_the_images_are_mirrored():
    signs = maps_of(flip=True)[:, 0, 0]
    assert set(signs.tolist()) == {-1.0, 1.0}
    assert 400 < (signs < 0).sum() < 600


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3)])
def test_rows_keep_their_layout_and_depend_on_the_seed_alone(shape):
    x = torch.rand(4, math.prod(shape))
    torch.testing.assert_close(Augmentation(AugmentConfig(), shape)(x, seed=1), x)
    augment = Augmentation(AugmentConfig(**ALL), shape)
    assert torch.equal(augment(x, seed=1), augment(x, seed=1))
    assert not torch.equal(augment(x, seed=1), augment(x, seed=2))
    assert augment(x.bfloat16(), seed=1).dtype is torch.bfloat16


def test_a_resumed_training_sees_the_same_images():
    sections = {"training": {"epochs": 3, "batch_size": 16, "augment": {"shift": 1}}}
    whole, first, second = (make_context(image_shape=(2, 2), **sections) for _ in range(3))
    expected = train_model(whole, new_state(whole))
    keeper, steps = KeepSnapshot(), iter([False] * 4 + [True])
    train_model(first, new_state(first), [keeper], interrupted=lambda: next(steps))
    resumed = train_model(second, restore_snapshot(second, keeper.snapshot))
    assert resumed.state.history == expected.state.history
    plain = make_context(image_shape=(2, 2), training={"epochs": 3, "batch_size": 16})
    assert train_model(plain, new_state(plain)).state.history != expected.state.history


def test_features_that_are_no_whole_images_are_refused():
    with pytest.raises(ConfigError, match=r"training\.augment: needs whole images"):
        make_context(training={"augment": {"shift": 1}})


@pytest.mark.parametrize("key", ["shift", "elastic"])
def test_changes_larger_than_the_image_are_refused(key):
    largest = {"shift": 1, "elastic": 0.5}[key]
    make_context(image_shape=(2, 2), training={"augment": {key: largest}})
    with pytest.raises(
        ConfigError, match=rf"training\.augment\.{key}: 1\.5 pixels .* images of 2 pixels; use {largest}"
    ):
        make_context(image_shape=(2, 2), training={"augment": {key: 1.5}})


def test_each_image_is_changed_in_its_own_way_and_a_batch_as_one():
    """Images are independent: with the same draws, one alone is changed as it is in a batch."""
    x = torch.rand(6, 30)
    augment = Augmentation(AugmentConfig(**ALL), (6, 5))
    equal = augment(x[:1].expand(6, -1), seed=4)
    assert len(equal.unique(dim=0)) == 6
    other = torch.cat([torch.rand(5, 30), x[5:]])
    assert torch.equal(augment(x, seed=4)[5], augment(other, seed=4)[5])
