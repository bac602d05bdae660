"""Random changes of training images: affine maps and elastic distortion, as pure functions of a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from mlcli.config.sections.training import AugmentConfig

# Elastic displacements are drawn at the points of a grid of this many rows and columns, and interpolated between them.
COARSE = 7


@dataclass(frozen=True)
class Augmentation:
    """Changes flattened images (n, height · width [· channels]), each in its own way.

    shape : of an image, (height, width) or (height, width, channels)
    """

    config: AugmentConfig
    shape: tuple[int, ...]

    def __call__(self, x: Tensor, seed: int) -> Tensor:
        """The rows x changed by what `seed` draws, in their precision."""
        height, width, *channels = self.shape
        images = x.float().view(len(x), height, width, *(channels or [1])).permute(0, 3, 1, 2)
        maps = draw_maps(self.config, len(x), torch.Generator().manual_seed(seed))
        changed = warp(images, maps.to(x.device), self.basis.to(x.device))
        return changed.permute(0, 2, 3, 1).reshape(len(x), -1).to(x.dtype)

    @cached_property
    def basis(self) -> Tensor:
        """See `map_basis`."""
        return map_basis(self.shape[0], self.shape[1])


def draw_maps(config: AugmentConfig, n: int, generator: torch.Generator) -> Tensor:
    """What maps a pixel of each new image to the place in the old image that it shows: float32 (n, 2, 3 + COARSE²).

    For x and for y, in pixels: an affine map's three numbers, then a displacement at each point of the coarse grid.
    """

    def uniform(bound: float, count: int = 1) -> Tensor:
        return (torch.rand(count, n, generator=generator) * 2 - 1) * bound

    (angle,), (shear,) = uniform(math.radians(config.rotate)), uniform(config.shear)
    shift, size = uniform(config.shift, 2), 1 + uniform(config.scale, 2)
    if config.flip:
        size[0] *= torch.randint(2, (n,), generator=generator) * 2 - 1
    cos, sin = angle.cos(), angle.sin()
    across = torch.stack([cos / size[0], (shear * cos - sin) / size[1], shift[0]], dim=1)
    down = torch.stack([sin / size[0], (shear * sin + cos) / size[1], shift[1]], dim=1)
    displacements = torch.zeros(n, 2, COARSE**2)
    if config.elastic > 0:
        displacements.normal_(0, config.elastic, generator=generator)
    return torch.cat([torch.stack([across, down], dim=1), displacements], dim=2)


def map_basis(height: int, width: int) -> Tensor:
    """By what a map is multiplied to give positions: float32 (3 + COARSE², height · width).

    x, y (of a pixel's centre, from the image's centre) and 1; then each coarse point's weight in the interpolation.
    """
    y, x = (torch.arange(size) + 0.5 - size / 2 for size in (height, width))
    affine = torch.stack([x.repeat(height), y.repeat_interleave(width), torch.ones(height * width)])
    down, across = (_bumps(size) for size in (height, width))
    return torch.cat([affine, torch.einsum("ih,jw->ijhw", down, across).reshape(COARSE**2, -1)])


def _bumps(size: int) -> Tensor:
    """Weights of COARSE points, the first at the first pixel and the last at the last one: (COARSE, size).

    Gaussian with the distance of two points as standard deviation; at each pixel their squares have the sum 1, so that
    interpolated displacements vary as much as drawn ones.
    """
    places = torch.linspace(0, COARSE - 1, size)
    bumps = ((places - torch.arange(COARSE)[:, None]).square() / -2).exp()
    return functional.normalize(bumps, dim=0)


def warp(images: Tensor, maps: Tensor, basis: Tensor) -> Tensor:
    """Images (n, channels, height, width) sampled bilinearly at the mapped positions; the border goes on outside."""
    n, _, height, width = images.shape
    # In torch's coordinates an image reaches from -1 to 1 along each side.
    half = images.new_tensor([width / 2, height / 2])
    grid = torch.matmul(maps / half[:, None], basis).view(n, 2, height, width).permute(0, 2, 3, 1)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
