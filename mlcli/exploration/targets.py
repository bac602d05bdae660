"""What the columns are to tell: classes, or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
# Classes that columns are counted by, the most frequent where there are more.
MAX_CLASSES = 10


@dataclass(frozen=True, eq=False)
class Target:
    """A target over the rows looked at.

    classes    : by name, or the most frequent first where there are more than MAX_CLASSES; empty for numbers
    class_rows : rows of each in the whole split
    codes      : int64 (n,), the class of each row; numbers : float64 (n,), NaN where missing. One of both is empty
    """

    name: str
    classes: tuple[str, ...]
    class_rows: tuple[int, ...]
    codes: Codes
    numbers: Floats

    @property
    def shown(self) -> tuple[str, ...]:
        """The classes that columns are counted by."""
        return self.classes[:MAX_CLASSES]


def class_order(rows: Mapping[str, int]) -> tuple[str, ...]:
    """Classes as `Target.classes` has them."""
    if len(rows) <= MAX_CLASSES:
        return tuple(sorted(rows))
    return tuple(sorted(rows, key=lambda name: (-rows[name], name)))
