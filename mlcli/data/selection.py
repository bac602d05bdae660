"""Select: cells replaced, rows filtered, missing values marked and kinds inferred, as the configuration says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from mlcli.config.sections.dataset import CsvConfig
from mlcli.config.sections.rows import Cell, MissingConfig, NumberFormat, SourceConfig, TableConfig
from mlcli.data.tables.amounts import parse_amounts
from mlcli.data.tables.dates import parse_dates
from mlcli.data.tables.inference import Decimal, parse_booleans, parse_numbers
from mlcli.data.tables.rows import Rows, as_cells
from mlcli.data.tables.types import Kind
from mlcli.errors import DataError
from mlcli.io.text import shown

_LISTED = 8


@dataclass(frozen=True)
class CellsConfig:
    """How cells are read, the same for training, test and new rows."""

    missing: Sequence[str]
    replace: Mapping[str, Mapping[str, str]]
    keep: Mapping[str, Sequence[Cell]]
    decimal: Decimal
    dates: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, NumberFormat] = field(default_factory=dict)


def cells_config(dataset: SourceConfig) -> CellsConfig:
    """Of a dataset section; the defaults for datasets without cleaning options."""
    decimal = dataset.decimal if isinstance(dataset, CsvConfig) else "."
    if isinstance(dataset, TableConfig):
        markers = dataset.missing.values
        return CellsConfig(markers, dataset.replace, dataset.keep, decimal, dataset.dates, dataset.numbers)
    return CellsConfig(MissingConfig().values, {}, {}, decimal)


@dataclass(frozen=True)
class Selected:
    """Rows with typed columns.

    n_read   : rows before dataset.keep
    replaced : cells that dataset.replace changed, by column
    invalid  : cells of boolean columns that are neither true nor false and were made missing, by column
    """

    rows: Rows
    n_read: int
    replaced: dict[str, int]
    invalid: dict[str, int]


def select_cells(
    raw: Rows,
    names: Sequence[str],
    config: CellsConfig,
    wanted: Mapping[str, Kind],
    because: str,
    *,
    plain: Collection[str] = (),
    fitted: bool = False,
) -> Selected:
    """The named columns of the rows to keep, typed by kind, null where missing.

    because : why a column must be of the kind wanted, for messages
    plain   : columns that are numbers or text only, unless they are wanted otherwise
    fitted  : the kinds are those of other rows; cells that are neither true nor false become missing, and are counted
    """
    needed = list(dict.fromkeys([*names, *config.keep]))
    rows = raw.with_frame(raw.frame.select(needed))
    as_written: dict[str, Kind] = dict.fromkeys(config.replace, "category")
    rows = as_cells(rows, {**wanted, **as_written})
    here = {name: dict(mapping) for name, mapping in config.replace.items() if name in needed}
    replaced = {name: int(rows.frame[name].is_in(list(mapping)).sum()) for name, mapping in here.items()}
    rows = rows.with_frame(rows.frame.with_columns(pl.col(name).replace(mapping) for name, mapping in here.items()))
    rows = _keep_rows(rows, config.keep)
    rows = rows.with_frame(rows.frame.select(names))
    rows = _mark_missing(rows, config.missing)
    rows = parse_amounts(rows, config.numbers, config.decimal)
    rows = parse_numbers(rows, wanted, config.decimal, set(names) if raw.is_text else config.replace, because)
    undeclared = dict.fromkeys(name for name in names if name not in plain)
    wanted = {**_native_kinds(raw, [name for name in undeclared if name not in config.replace]), **wanted}
    rows, invalid = parse_booleans(rows, wanted, undeclared, None if fitted else because)
    formats = {name: form for name, form in config.dates.items() if not raw.frame.get_column(name).dtype.is_temporal()}
    rows = parse_dates(rows, wanted, formats, undeclared, because)
    return Selected(rows, len(raw), replaced, invalid)


def _native_kinds(raw: Rows, names: Sequence[str]) -> dict[str, Kind]:
    """Kinds of the columns that the source types as dates or booleans."""
    dtypes = {name: raw.frame.get_column(name).dtype for name in names}
    dates = {name for name, dtype in dtypes.items() if isinstance(dtype, pl.Date | pl.Datetime)}
    kinds: dict[str, Kind] = dict.fromkeys(dates, "date")
    return kinds | dict.fromkeys((name for name, dtype in dtypes.items() if dtype == pl.Boolean), "boolean")


def _keep_rows(rows: Rows, keep: Mapping[str, Sequence[Cell]]) -> Rows:
    for name, values in keep.items():
        column = rows.frame[name]
        mask = _matches(column, values)
        if not mask.any():
            listed = ", ".join(map(shown, column.drop_nulls().unique(maintain_order=True).head(_LISTED)))
            raise DataError(
                f"{rows.origin.label}: dataset.keep leaves no rows: column {name!r} is never "
                f"{', '.join(map(shown, values))}; its values are {listed}"
            )
        rows = rows.where(mask)
    return rows


def _matches(column: pl.Series, values: Sequence[Cell]) -> pl.Series:
    """Whether a cell is one of the values: text as written, numbers by value, true and false in any case."""
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    texts = [value for value in values if isinstance(value, str)]
    flags = [str(value).lower() for value in values if isinstance(value, bool)]
    if column.dtype == pl.Float64:
        parsed = pl.Series(texts, dtype=pl.String).cast(pl.Float64, strict=False).drop_nulls()
        mask = column.is_in([*numbers, *parsed])
    else:
        mask = column.is_in(texts) | column.str.to_lowercase().is_in(flags)
        if numbers:
            mask |= column.cast(pl.Float64, strict=False).is_in(numbers).fill_null(value=False)
    return mask.fill_null(value=False)


def _mark_missing(rows: Rows, tokens: Sequence[str]) -> Rows:
    # Cells that are numbers are finite.
    numbers = pl.Series(tokens, dtype=pl.String).cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    frame = rows.frame
    for dtype, values in ((pl.String, list(tokens)), (pl.Float64, numbers.to_list())):
        found = frame.select(pl.col(dtype).is_in(values).any()) if values else pl.DataFrame()
        marked = pl.col([column.name for column in found if column[0]])
        frame = frame.with_columns(pl.when(~marked.is_in(values)).then(marked))
    return rows.with_frame(frame)
