"""Select: cells replaced, rows filtered, missing values marked and kinds inferred, as the configuration says."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from mlcli.config.sections.dataset import CsvConfig
from mlcli.config.sections.rows import Cell, MissingConfig, NumberFormat, SourceConfig, TableConfig
from mlcli.data.tables.amounts import parse_amounts
from mlcli.data.tables.dates import parse_dates
from mlcli.data.tables.inference import Decimal, parse_booleans, parse_numbers
from mlcli.data.tables.labels import clean_label, composed, most_similar
from mlcli.data.tables.rows import Rows, as_cells
from mlcli.data.tables.types import Kind
from mlcli.errors import DataError
from mlcli.io.text import shown

# Distinct values, the most frequent, among which a misspelt one is looked for.
_LOOKED_AT = 1000


@dataclass(frozen=True)
class CellsConfig:
    """How cells are read, the same for training, test and new rows."""

    missing: Sequence[str]
    replace: Mapping[str, Mapping[str, str]]
    keep: Mapping[str, Sequence[Cell]]
    decimal: Decimal
    dates: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, NumberFormat] = field(default_factory=dict)

    @property
    def needs_text(self) -> bool:
        """Whether numbers must be text first.

        Their mark is a comma, a marker of missing cells is a number, or empty cells are not missing.
        """
        return self.decimal != "." or "" not in self.missing or any(map(_is_number, self.missing))

    @property
    def as_written(self) -> set[str]:
        """Columns whose numbers must be text first, for what is changed or looked for in them."""
        return {*self.replace, *self.numbers, *self.dates, *self.keep}


def _is_number(token: str) -> bool:
    """Whether a marker of missing cells is a number, so that cells must be compared as text."""
    try:
        return math.isfinite(float(token))
    except ValueError:
        return False


def cells_config(dataset: SourceConfig) -> CellsConfig:
    """Of a dataset section; the defaults for datasets without cleaning options."""
    decimal = dataset.decimal if isinstance(dataset, CsvConfig) else "."
    if isinstance(dataset, TableConfig):
        replace = {name: _clean_replacements(texts) for name, texts in dataset.replace.items()}
        markers = dataset.missing.values
        return CellsConfig(markers, replace, dataset.keep, decimal, dataset.dates, dataset.numbers)
    return CellsConfig(MissingConfig().values, {}, {}, decimal)


def _clean_replacements(texts: Mapping[str, str]) -> dict[str, str]:
    return {clean_label(old): clean_label(new) for old, new in texts.items()}


@dataclass(frozen=True)
class Selected:
    """Rows with typed columns.

    n_read   : rows before dataset.keep
    replaced : cells that dataset.replace changed, by column
    invalid  : cells of boolean columns that are neither true nor false and were made missing, by column
    words    : cells that are a word of dataset.missing.values, not empty, by column of text and word
    """

    rows: Rows
    n_read: int
    replaced: dict[str, int]
    invalid: dict[str, int]
    words: dict[str, dict[str, int]]


def select_cells(
    raw: Rows,
    names: Sequence[str],
    config: CellsConfig,
    wanted: Mapping[str, Kind],
    because: str,
    *,
    plain: Collection[str] = (),
    fitted: bool = False,
    test: Rows | None = None,
) -> Selected:
    """The named columns of the rows to keep, typed by kind, null where missing.

    because : why a column must be of the kind wanted, for messages
    plain   : columns that are numbers or text only, unless they are wanted otherwise
    fitted  : the kinds are those of other rows; cells that are neither true nor false become missing, and are counted
    test    : test rows, in which texts of dataset.replace may be as well

    Raises DataError where no row has a value of dataset.keep or dataset.replace, unless fitted.
    """
    needed = list(dict.fromkeys([*names, *config.keep]))
    as_written: dict[str, Kind] = {**wanted, **dict.fromkeys(config.replace, "category")}
    rows = _read_cells(raw, needed, as_written)
    if not fitted:
        _refuse_unused(rows, config, [name for name in config.replace if name in needed], as_written, test)
    here = {name: dict(mapping) for name, mapping in config.replace.items() if name in needed}
    replaced = {name: int(rows.frame[name].is_in(list(mapping)).sum()) for name, mapping in here.items()}
    rows = rows.with_frame(rows.frame.with_columns(pl.col(name).replace(mapping) for name, mapping in here.items()))
    rows = _keep_rows(rows, config.keep, fitted=fitted)
    rows = rows.with_frame(rows.frame.select(names))
    before = rows.frame
    rows = _mark_missing(rows, config.missing)
    rows = parse_amounts(rows, config.numbers, config.decimal)
    rows = parse_numbers(rows, wanted, config.decimal, set(names) if raw.is_text else config.replace, because)
    undeclared = dict.fromkeys(name for name in names if name not in plain)
    wanted = {**_native_kinds(raw, [name for name in undeclared if name not in config.replace]), **wanted}
    rows, invalid = parse_booleans(rows, wanted, undeclared, None if fitted else because)
    formats = {name: form for name, form in config.dates.items() if not raw.frame.get_column(name).dtype.is_temporal()}
    rows = parse_dates(rows, wanted, formats, undeclared, because)
    words = _count_words(before, rows.frame, config.missing, plain)
    return Selected(rows, len(raw), replaced, invalid, words)


def _native_kinds(raw: Rows, names: Sequence[str]) -> dict[str, Kind]:
    """Kinds of the columns that the source types as dates or booleans."""
    dtypes = {name: raw.frame.get_column(name).dtype for name in names}
    dates = {name for name, dtype in dtypes.items() if isinstance(dtype, pl.Date | pl.Datetime)}
    kinds: dict[str, Kind] = dict.fromkeys(dates, "date")
    return kinds | dict.fromkeys((name for name, dtype in dtypes.items() if dtype == pl.Boolean), "boolean")


def _read_cells(raw: Rows, names: Sequence[str], wanted: Mapping[str, Kind]) -> Rows:
    rows = as_cells(raw.with_frame(raw.frame.select(names)), wanted)
    return rows.with_frame(composed(rows.frame))


def _refuse_unused(
    rows: Rows, config: CellsConfig, names: Sequence[str], wanted: Mapping[str, Kind], test: Rows | None
) -> None:
    """Raise DataError for a text of dataset.replace that no row has, unless every row has one of the new texts."""
    for name in names:
        cells = rows.frame[name]
        if test is not None and name in test.frame.columns:
            cells = pl.concat([cells, _read_cells(test, [name], wanted).frame[name]])
        present = set(cells.drop_nulls().unique())
        text = next((text for text in config.replace[name] if text not in present), None)
        if text is not None and not present <= set(config.replace[name].values()):
            raise DataError(f"{rows.origin.label}: dataset.replace: {_never(cells, text)}")


def _keep_rows(rows: Rows, keep: Mapping[str, Sequence[Cell]], *, fitted: bool) -> Rows:
    """The rows to keep; DataError where there are none or, unless fitted, none with one of the values."""
    for name, values in keep.items():
        distinct = rows.frame[name].unique()
        absent = [value for value in values if not _matches(distinct, [value]).any()]
        if absent and (len(absent) == len(values) or not fitted):
            raise DataError(f"{rows.origin.label}: dataset.keep: {_never(rows.frame[name], absent[0])}")
    masks = [_matches(rows.frame[name], values) for name, values in keep.items()]
    kept = rows.where(pl.DataFrame(masks).select(pl.all_horizontal(pl.all())).to_series()) if masks else rows
    if not len(kept):
        raise DataError(
            f"{rows.origin.label}: dataset.keep leaves no rows: none has a value kept in each of {list(keep)}"
        )
    return kept


def _never(column: pl.Series, value: Cell) -> str:
    """That no cell is the value, with what there is instead: the most frequent first."""
    counts = column.drop_nulls().rename("cell").value_counts(sort=True)["cell"]
    present = [shown(one)[1:-1] if isinstance(one, str) else f"{one:g}" for one in counts.head(_LOOKED_AT)]
    return f"column {column.name!r} is never {shown(value)}; {most_similar(str(value), present)}"


def _matches(column: pl.Series, values: Sequence[Cell]) -> pl.Series:
    """Whether a cell is one of the values: text as written, numbers by value, true and false in any case."""
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    texts = [clean_label(value) for value in values if isinstance(value, str)]
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


def _count_words(
    before: pl.DataFrame, after: pl.DataFrame, tokens: Sequence[str], plain: Collection[str]
) -> dict[str, dict[str, int]]:
    """How often each word was marked as missing in the columns of text that are left, and in `plain` ones."""
    left = {column.name for column in after if column.dtype == pl.String or column.name in plain}
    texts = before.select(column for column in before if column.dtype == pl.String and column.name in left)
    is_word = pl.all().is_in([token for token in tokens if token])
    found = [column.name for column in texts.select(is_word.any()) if column[0]]
    marked = texts.select(found).with_columns(pl.when(is_word).then(pl.all()))
    counts = (column.drop_nulls().rename("word").value_counts(sort=True, name="cells") for column in marked)
    return {name: dict(own.rows()) for name, own in zip(found, counts, strict=True)}
