"""The categories of a column and their codes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from mlcli.config.features import Encode
from mlcli.errors import DataError

MISSING = "(missing)"
OTHER = "(other)"
MAX_RARE = 10_000


@dataclass(frozen=True)
class Vocabulary:
    """Category i of `kept` has code i; every other category has the reserved code len(kept).

    rare : categories met in training but not kept, the most frequent 10,000
    with_other : whether training rows fell on the reserved code
    Missing cells are the category "(missing)".
    """

    name: str
    encode: Encode
    kept: tuple[str, ...]
    rare: tuple[str, ...] = ()
    with_other: bool = False

    @property
    def reserved(self) -> int:
        """The code of rare and unseen categories."""
        return len(self.kept)

    @property
    def size(self) -> int:
        """Number of codes, the reserved one included."""
        return len(self.kept) + 1

    @property
    def features(self) -> tuple[str, ...]:
        """The categories that have a one-hot column, in order."""
        return (*self.kept, OTHER) if self.with_other else self.kept

    @cached_property
    def _enum(self) -> pl.Enum:
        return pl.Enum(self.kept)

    @cached_property
    def _known(self) -> pl.Series:
        return pl.Series([*self.kept, *self.rare], dtype=pl.String)

    def codes(self, cells: pl.Series) -> np.ndarray:
        """Codes of a String column, uint32 (n,)."""
        physical = cells.fill_null(MISSING).cast(self._enum, strict=False).to_physical()
        return physical.cast(pl.UInt32).fill_null(self.reserved).to_numpy()

    def count_unseen(self, cells: pl.Series) -> int:
        """Cells whose category was not met in training."""
        return len(cells) - int(cells.fill_null(MISSING).is_in(self._known.implode()).sum())


def fit_vocabulary(cells: pl.Series, encode: Encode, max_categories: int) -> Vocabulary:
    """Keep the most frequent categories (ties by name), ordered by name."""
    counts = cells.fill_null(MISSING).rename("category").value_counts(name="rows")
    ranked = counts.sort(["rows", "category"], descending=[True, False])["category"]
    kept = tuple(ranked.head(max_categories).sort())
    rare = tuple(ranked.slice(max_categories, MAX_RARE))
    return Vocabulary(cells.name, encode, kept, rare, with_other=len(ranked) > max_categories)


def ordered_vocabulary(cells: pl.Series, order: tuple[str, ...]) -> Vocabulary:
    """Keep the given order; raises DataError for training categories that are not in it.

    Missing cells have the reserved code, unless the order lists "(missing)".
    """
    met = cells.unique().drop_nulls().sort()
    strangers = [category for category in met if category not in set(order)]
    if strangers:
        shown = ", ".join(repr(category) for category in strangers[:5]) + (", …" if len(strangers) > 5 else "")
        raise DataError(
            f"features.columns.{cells.name}.order: does not list {shown}, met in the training rows; "
            "add to the order every category of the column"
        )
    has_missing = cells.null_count() > 0 and MISSING not in order
    return Vocabulary(cells.name, "ordinal", order, (MISSING,) if has_missing else (), with_other=has_missing)
