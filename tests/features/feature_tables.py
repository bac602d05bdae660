"""Small tables and pictures to fit features on."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from mlcli.data.tables.rows import DTYPES, kind_of
from mlcli.data.tables.types import Column, Images, Table

WORDS = ["late", "new", "box", "rain", "door", "polite", "lost", "never", "again", "über"]
KINDS = {"category": {str}, "boolean": {bool}, "date": {datetime}}


def table_of(columns, targets=()):
    """A table whose column kinds follow from the values: text is categories."""
    frame = pl.DataFrame(columns, schema={name: _dtype(values) for name, values in columns.items()}, strict=False)
    kinds = [Column(name, kind_of(frame, name)) for name in frame.columns]
    return Table(
        frame,
        tuple(column for column in kinds if column.name not in targets),
        tuple(column for column in kinds if column.name in targets),
    )


def _dtype(values):
    types = {type(value) for value in values if value is not None}
    return next((DTYPES[kind] for kind, known in KINDS.items() if known & types), DTYPES["number"])


def with_gaps(values, rng, share=0.1):
    return [None if gap else value for value, gap in zip(values, rng.random(len(values)) < share, strict=True)]


def mixed_table(n=230, seed=0):
    """Three numbers (skewed, with gaps, with ties) and three category columns, one with gaps, one with many values."""
    rng = np.random.default_rng(seed)
    return table_of(
        {
            "income": rng.lognormal(1.0, 1.0, n),
            "age": with_gaps(rng.normal(40.0, 12.0, n), rng),
            "rooms": rng.integers(0, 6, n).astype(float),
            "city": with_gaps([str(v) for v in rng.choice(["Lima", "Oslo", "Rome"], n)], rng),
            "size": [str(v) for v in rng.choice(["S", "M", "L"], n)],
            "code": [f"c{v:02d}" for v in rng.integers(0, 30, n)],
        }
    )


def later_table(n=230, seed=0):
    """As `mixed_table`, with columns of the kinds that came later, and gaps in all of them."""
    rng = np.random.default_rng([seed, 1])
    table = mixed_table(n, seed)
    days = [datetime(2019, 11, 3) + timedelta(days=int(day)) for day in rng.integers(0, 900, n)]
    times = [day + timedelta(seconds=int(second)) for day, second in zip(days, rng.integers(0, 86400, n), strict=True)]
    later = table_of(
        {
            "member": with_gaps([bool(v) for v in rng.random(n) < 0.3], rng),
            "signed": with_gaps(days, rng),
            "seen": with_gaps(times, rng),
            "note": with_gaps([" ".join(rng.choice(WORDS, rng.integers(1, 5))) for _ in range(n)], rng),
        }
    )
    return Table(table.frame.hstack(later.frame), table.features + later.features, ())


def binary_target(n=230, seed=1):
    return np.random.default_rng(seed).integers(0, 2, n)


def pictures(n=150, shape=(4, 5), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    pixels[:, 0, 0] = 7
    return Images(pixels, np.arange(n) % 3, ("a", "b", "c"))
