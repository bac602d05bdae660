"""Zeros that may mark missing cells."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlcli.config.loading.dump import flow
from mlcli.config.tree import Value
from mlcli.data.tables.inference import FEWEST_TEXTS
from mlcli.data.tables.rows import Rows, as_text
from mlcli.data.tables.types import Doubt
from mlcli.io.text import counted, some_of

# Numbers other than 0 that are looked at, evenly spaced, and the fewest different ones: ratings and codes have fewer.
_LOOKED_AT, _FEWEST = 100_000, 10
# Zeros are the normal case where they are more than this share, such as of expenses.
_MOST_ZEROS = 0.5
# The least other number is at least this share of their median, and so many times as far from 0 as low neighbours from
# each other.
_FAR, _TIMES = 0.2, 2.0
_LISTED = 8


def find_zero_doubts(raw: Rows, rows: Rows, names: Sequence[str]) -> list[Doubt]:
    """One for all number columns in which 0 is the least and, with a gap, an outlier below the others (Tukey's fence).

    raw  : the rows as they are written
    rows : some of them, typed
    """
    least = rows.frame.select(names).min()
    found = [name for name in names if least[name][0] == 0 and _is_far(rows.frame[name])]
    if not found:
        return []
    said, replaced = [], dict[str, Value]()
    for name in found:
        zero = rows.frame[name] == 0
        others = rows.frame[name].filter(~zero)
        said.append(f"{name} ({counted(int(zero.sum() or 0), 'cell')}; else from {others.min():g})")  # type: ignore[str-bytes-safe]
        cells = raw.frame[name] if raw.text_of is None else raw.text_of(name)
        written = cells.gather(rows.numbers.filter(zero.fill_null(False))).unique()
        texts = written if written.dtype == pl.String else as_text(written)
        replaced[name] = dict.fromkeys(texts.sort(), "")
    text = (
        f"0 is far below all other numbers of {some_of(said, _LISTED)}; if it marks missing cells, write "
        f"dataset.replace: {flow(replaced)}"
    )
    return [Doubt(found[0], text, serious=False)]


def _is_far(column: pl.Series) -> bool:
    numbers = column.drop_nulls()
    others = numbers.filter(numbers != 0)
    if len(others) < max(FEWEST_TEXTS, (1 - _MOST_ZEROS) * len(numbers)):
        return False
    least, looked_at = float(others.min()), others.gather_every(-(-len(others) // _LOOKED_AT))  # type: ignore[arg-type]
    q1, median, q3 = (float(looked_at.quantile(share) or 0.0) for share in (0.25, 0.5, 0.75))
    low = looked_at.filter(looked_at <= q1).unique().sort()
    if q1 - 1.5 * (q3 - q1) <= 0 or least < _FAR * median or looked_at.n_unique() < _FEWEST or len(low) < 2:
        return False
    return least > _TIMES * float(low.diff().max())  # type: ignore[arg-type]
