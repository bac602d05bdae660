"""Rows of the validation and test splits that stand among the training rows, too."""

from __future__ import annotations

from collections.abc import Iterator
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


def find_duplicates(splits: Splits, profile: Profile, sample: Sample | None, *, apart: bool) -> Iterator[Finding]:
    """Rows with the features of a training row, whatever their target; pictures equal in every pixel.

    sample : of the training rows; None for pictures
    apart  : the test rows come from a source of their own
    """
    known = _hashes(splits.train).unique().implode() if isinstance(splits.train, Table) else None
    chance = 0.0 if sample is None else 1 - (1 - _collision(sample)) ** len(splits.train)
    for name in MEASURED:
        rows = splits[name]
        if known is not None and isinstance(rows, Table):
            remedy = OTHER_FILE if apart and name == "test" else SAME_FILE
            found = _Found(
                name, int(_hashes(rows).is_in(known).sum()), len(rows), "have the features of a training row"
            )
        else:
            remedy = OTHER_FILE
            found = _Found(name, profile["repeated"][name], len(rows), "are equal to a training picture")
        if found.count:
            yield _tell(found, chance, remedy)


@dataclass(frozen=True)
class _Found:
    split: SplitName
    count: int
    n_rows: int
    what: str


def _tell(found: _Found, chance: float, remedy: str) -> Finding:
    share = found.count / found.n_rows
    copies = share > BEYOND_CHANCE * chance
    serious = copies and share >= SERIOUS_SHARE and found.count >= SERIOUS_ROWS
    hint = f": copies of what can be remembered; {remedy}" if serious else ""
    if not copies:
        hint = ", as may happen: the columns have few values to combine"
    text = f"{found.count:,} of {found.n_rows:,} {found.split} rows ({share:.1%}) {found.what}{hint}"
    return Finding("duplicates", text, (), {"rows": found.count, "share": share, "by_chance": chance}, serious)


def _collision(sample: Sample) -> float:
    """Chance that two rows are alike, were the columns independent (Simpson's index, without replacement)."""
    n = len(sample)
    if n < 2:
        return 0.0
    counts = [np.unique(values, return_counts=True)[1] for values in sample.features.values()]
    return float(np.prod([(count * (count - 1.0)).sum() / (n * (n - 1.0)) for count in counts]))


def _hashes(table: Table) -> pl.Series:
    """UInt64 (n,), over the features alone; a file is read a portion at a time."""
    names = [column.name for column in table.features]
    return pl.concat([part.select(names).hash_rows() for _, part in portions(table.rows.select(names))])
