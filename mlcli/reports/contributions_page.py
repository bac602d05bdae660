"""Heat maps of what each patch of an image adds to its prediction, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.data.tables.types import Images
from mlcli.evaluation.contributions import Contributions
from mlcli.evaluation.shapley import patch_of_pixels
from mlcli.reports.figures.style import PALETTE
from mlcli.reports.html import render

if TYPE_CHECKING:
    from mlcli.evaluation.contributions import Floats

# Images on the page, at most.
MAX_IMAGES = 60


def render_contributions(found: Contributions, data: Images, predicted: Sequence[str]) -> str:
    """Each image above its heat map: blue patches raise the output, orange ones lower it."""
    patches, n = patch_of_pixels(data), min(len(data), MAX_IMAGES)
    images = [
        {
            "place": place + 1,
            "prediction": predicted[place],
            "pixels": np.asarray(data.pixels[place]),
            "map": colour_patches(found.values[place, :, 0][patches]),
            "output": float(found.output[place, 0]),
            "base": float(found.base[place, 0]),
        }
        for place in range(n)
    ]
    return render("contributions.html.j2", images=images, n_rows=len(data), quantity=found.quantity)


def colour_patches(values: Floats) -> NDArray[np.uint8]:
    """Values (height, width) as RGB: white at 0, in full colour at the largest of either sign."""
    share = np.abs(values) / (np.nanmax(np.abs(values), initial=0.0) or 1.0)
    ends = np.array([[int(PALETTE[sign][k : k + 2], 16) for k in (1, 3, 5)] for sign in (0, 1)], dtype=float)
    colours = np.where((values >= 0)[..., None], ends[0], ends[1])
    pixels: NDArray[np.uint8] = np.rint(255 + np.nan_to_num(share)[..., None] * (colours - 255)).astype(np.uint8)
    return pixels
