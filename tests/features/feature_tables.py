"""Small tables and pictures to fit features on."""

import numpy as np
import polars as pl

from mlcli.data.types import Column, Images, Table


def table_of(columns, targets=()):
    """A table whose column kinds follow from the values: text is categories."""
    schema = {name: pl.String if _is_text(values) else pl.Float64 for name, values in columns.items()}
    frame = pl.DataFrame(columns, schema=schema, strict=False)
    kinds = [Column(name, "category" if kind == pl.String else "number") for name, kind in schema.items()]
    return Table(
        frame,
        tuple(column for column in kinds if column.name not in targets),
        tuple(column for column in kinds if column.name in targets),
    )


def _is_text(values):
    return any(isinstance(value, str) for value in values)


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


def binary_target(n=230, seed=1):
    return np.random.default_rng(seed).integers(0, 2, n)


def pictures(n=150, shape=(4, 5), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    pixels[:, 0, 0] = 7
    return Images(pixels, np.arange(n) % 3, ("a", "b", "c"))
