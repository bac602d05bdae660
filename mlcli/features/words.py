"""Text columns, whose words are counted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.tables.frames import PORTION, Frame
from mlcli.features.readers import cells_of

_SIGN = 1 << 63


@dataclass(frozen=True)
class TextColumn:
    """A column of text whose words are counted."""

    name: str
    buckets: int

    @property
    def numbers(self) -> tuple[str, ...]:
        """The buckets, counted from 1."""
        return tuple(f"{self.name}#{i}" for i in range(1, self.buckets + 1))

    @property
    def bounded(self) -> tuple[bool, ...]:
        """A row's counts are divided by their Euclidean length."""
        return (True,) * self.buckets

    def read(self, rows: Frame) -> Bags:
        """DataError where the column is absent or holds no text."""
        return count_words(cells_of(rows, self.name), self.buckets)


@dataclass(frozen=True, eq=False)
class Bags:
    """The counts that are not 0, by row and then by bucket.

    n_rows : rows, those without words among them
    row, bucket : int64 (k,), ascending; value : float64 (k,)
    """

    n_rows: int
    row: NDArray[np.int64]
    bucket: NDArray[np.int64]
    value: NDArray[np.float64]

    def column(self, i: int) -> pl.Series:
        chosen = self._by_bucket[slice(*np.searchsorted(self.bucket[self._by_bucket], [i, i + 1]))]
        dense = np.zeros(self.n_rows)
        dense[self.row[chosen]] = self.value[chosen]
        return pl.Series(dense)

    def fill(self, out: NDArray[np.float64], rows: slice) -> None:
        chosen = slice(*np.searchsorted(self.row, [rows.start, rows.stop]))
        out[self.bucket[chosen], self.row[chosen] - rows.start] = self.value[chosen]

    @cached_property
    def _by_bucket(self) -> NDArray[np.int64]:
        return np.argsort(self.bucket, kind="stable")


def count_words(cells: pl.Series, buckets: int) -> Bags:
    """Signed counts of the words of each text, in lower case, divided by their Euclidean length."""
    starts = range(0, max(1, len(cells)), PORTION)  # in portions: words take far more memory than their counts
    counts = pl.concat([_counts(cells.slice(start, PORTION), buckets, start) for start in starts])
    return Bags(len(cells), *(counts[name].to_numpy() for name in ("row", "bucket", "value")))


def _counts(cells: pl.Series, buckets: int, first: int) -> pl.DataFrame:
    """By row, numbered from `first`, and bucket; each word's hash gives its bucket and its sign, 1 or -1."""
    words = pl.DataFrame({"word": cells.str.to_lowercase().str.extract_all(r"\w+")}).with_row_index("row")
    words = words.explode("word").drop_nulls()
    known = words["word"].unique()
    hashes = [int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") for word in known]
    places = pl.DataFrame(
        {"bucket": [code % _SIGN % buckets for code in hashes], "sign": [-1 if code & _SIGN else 1 for code in hashes]},
        schema={"bucket": pl.Int64, "sign": pl.Int64},
    ).with_columns(known.alias("word"))
    return (
        words.join(places, on="word")
        .group_by("row", "bucket")
        .agg(pl.col("sign").sum().alias("count"))
        .filter(pl.col("count") != 0)
        .with_columns(length=(pl.col("count") ** 2).sum().over("row").sqrt())
        .select(pl.col("row").cast(pl.Int64) + first, "bucket", value=pl.col("count") / pl.col("length"))
        .sort("row", "bucket")
    )
