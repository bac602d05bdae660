"""Rows of the validation and test splits that stand among the training rows, too."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from mlcli.checks.finding import Finding
from mlcli.checks.sample import Sample
from mlcli.data.frames import portions
from mlcli.data.profile import Profile
from mlcli.data.types import SplitName, Splits, Table

# From these on, what is remembered moves a split's scores.
SERIOUS_SHARE, SERIOUS_ROWS = 0.01, 5
# Rows that are alike are copies where there are this many times as many as independent columns would make so.
BEYOND_CHANCE = 10.0
SAME_FILE = "dataset.duplicates: drop removes rows equal in every column, dataset.split.by: group keeps kin together"
OTHER_FILE = "take them out of one of the two"
MEASURED: tuple[SplitName, ...] = ("valid", "test")


def find_repeated_rows(splits: Splits, sample: Sample, ids: Collection[str], *, apart: bool) -> Iterator[Finding]:
    """Rows of a table with the features of a training row, whatever their target.

    sample : of the training rows
    ids    : columns that number or name the rows, and so are not looked at
    apart  : the test rows come from a source of their own
    """
    names = [name for name in sample.features if name not in ids]
    if not names or not isinstance(splits.train, Table):
        return
    known = _hashes(splits.train, names).unique().implode()
    chance = 1 - (1 - _collision(sample, names)) ** len(splits.train)
    for split in MEASURED:
        rows = splits[split]
        if isinstance(rows, Table) and (count := int(_hashes(rows, names).is_in(known).sum())):
            remedy = OTHER_FILE if apart and split == "test" else SAME_FILE
            yield _tell(_Repeats(split, count, len(rows), "have the features of a training row", chance), remedy)


def find_repeated_pictures(splits: Splits, profile: Profile) -> Iterator[Finding]:
    """Pictures equal to a training picture in every pixel, which the profile has counted."""
    for split in MEASURED:
        if count := profile["repeated"][split]:
            yield _tell(_Repeats(split, count, len(splits[split]), "are equal to a training picture", 0.0), OTHER_FILE)


@dataclass(frozen=True)
class _Repeats:
    """by_chance : the share that may be expected."""

    split: SplitName
    count: int
    n_rows: int
    what: str
    by_chance: float


def _tell(found: _Repeats, remedy: str) -> Finding:
    share = found.count / found.n_rows
    copies = share > BEYOND_CHANCE * found.by_chance
    serious = copies and share >= SERIOUS_SHARE and found.count >= SERIOUS_ROWS
    hint = f": copies of what can be remembered; {remedy}" if serious else ""
    if not copies:
        hint = ", as may happen: the columns have few values to combine"
    text = f"{found.count:,} of {found.n_rows:,} {found.split} rows ({share:.1%}) {found.what}{hint}"
    numbers = {"rows": found.count, "share": share, "by_chance": found.by_chance}
    return Finding("duplicates", text, (), numbers, serious)


def _collision(sample: Sample, names: Sequence[str]) -> float:
    """Chance that two rows are alike, were the columns independent (Simpson's index, without replacement)."""
    n = len(sample)
    if n < 2:
        return 0.0
    counts = [np.unique(values, return_counts=True)[1] for values in map(sample.features.__getitem__, names)]
    return float(np.prod([(count * (count - 1.0)).sum() / (n * (n - 1.0)) for count in counts]))


def _hashes(table: Table, names: Sequence[str]) -> pl.Series:
    """UInt64 (n,), over these columns; a file is read a portion at a time."""
    return pl.concat([part.select(names).hash_rows() for _, part in portions(table.rows.select(names))])
