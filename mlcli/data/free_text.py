"""Telling what people write from what they choose."""

from __future__ import annotations

import polars as pl

# With fewer rows, texts that are all distinct prove nothing.
FEWEST_ROWS = 20
WORDS = 5


def is_free_text(cells: pl.Series) -> bool:
    """Whether more than half of the texts are distinct, and they have five words or more on average."""
    known = cells.drop_nulls()
    if len(known) < FEWEST_ROWS or known.n_unique() <= len(known) / 2:
        return False
    return mean_words(known) >= WORDS


def mean_words(known: pl.Series) -> float:
    """Words of a text, as blanks part them."""
    return float(known.str.count_matches(r"\S+").sum()) / max(1, len(known))
