"""The settings of each column, resolved from the configuration and checked against the table's columns."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from mlcli.config.sections.features import CalendarPart, ColumnConfig, Encode, FeaturesConfig, Impute, Scale
from mlcli.data.tables.types import Column, Kind, Table
from mlcli.errors import DataError, config_error
from mlcli.features.readers import DateColumn, NumberColumn, Reader, dates_of_each, first_day, fit_date
from mlcli.features.words import TextColumn
from mlcli.formulas.parse import parse_formula
from mlcli.formulas.program import Formula, FormulaError
from mlcli.io.text import suggestion

_CONTENT: Mapping[Kind, str] = {
    "number": "numbers",
    "category": "categories",
    "boolean": "true and false",
    "date": "dates",
}
# Keys of a column that are not for numbers: what each is for, and the kind to declare.
_USE = {
    "encode": ("categories", "category"),
    "order": ("categories", "category"),
    "buckets": ("text", "category"),
    "dates": ("dates", "date"),
}


@dataclass(frozen=True)
class NumberSettings:
    """How one number column is treated."""

    impute: Impute
    fill_value: float
    indicator: bool
    scale: Scale
    pieces: int


@dataclass(frozen=True)
class CategorySettings:
    """How one category column is treated.

    order  : from lowest to highest, for ordinal codes
    chosen : whether the configuration names the encoding of this column
    part   : of a column of dates, the part that is a category
    """

    column: str
    encode: Encode
    scale: Scale
    order: tuple[str, ...] | None
    chosen: bool
    part: CalendarPart | None = None


@dataclass(frozen=True)
class ColumnPlan:
    """The columns of a table by their treatment, each with its settings; derived columns follow the raw numbers.

    readers : the columns that are read as numbers
    derived : number columns computed from others
    categories : by the name of their features
    """

    readers: tuple[Reader, ...]
    derived: Mapping[str, Formula]
    numbers: Mapping[str, NumberSettings]
    categories: Mapping[str, CategorySettings]

    @property
    def raw(self) -> tuple[str, ...]:
        """Names of the numbers that are read."""
        return tuple(name for reader in self.readers for name in reader.numbers)


def plan_columns(table: Table, config: FeaturesConfig) -> ColumnPlan:
    """Resolve per-column settings and formulas; DataError or ConfigError where they do not fit the table."""
    kinds = {column.name: column.kind for column in table.features} | dict.fromkeys(config.derive, "number")
    for name, column in config.columns.items():
        _check_column(name, column, config, kinds)
    readers = tuple(_readers(table, config))
    operands = kinds_of_operands(table.features, readers)
    derived = plan_derivations(config.derive, operands, [target.name for target in table.targets])
    for name in config.drop:
        _check_dropped(name, {**kinds, **operands})
    read = {reader.name for reader in readers}
    return ColumnPlan(
        readers=readers,
        derived=derived,
        numbers={
            **{name: own for reader in readers for name, own in _reader_settings(reader, config)},
            **{name: _number_settings(name, config) for name in derived},
        },
        categories={
            column.name: _category_settings(column.name, config)
            for column in table.features
            if column.kind == "category" and column.name not in read
        }
        | dict(_calendar_settings(table, config)),
    )


def _check_column(name: str, column: ColumnConfig, config: FeaturesConfig, kinds: Mapping[str, Kind]) -> None:
    """Raise DataError for settings that would have no effect on a column of this kind."""
    place = f"features.columns.{name}"
    if name not in kinds:
        raise DataError(f"{place}: there is no feature column '{name}'; {suggestion(name, list(kinds))}")
    kind, encode = kinds[name], column.encode or config.encode
    if idle := column.idle_keys(kind, encode):
        key = idle[0]
        content = f"categories, encoded as {encode}," if kind == "category" else _CONTENT[kind]
        use, wanted = _USE.get(key, ("numbers", "number"))
        remedy = f"declare dataset.types: {{{name}: {wanted}}}"
        if kind == "category" and key == "scale":
            remedy = "choose encode: ordinal or target"
        elif kind == "category" and key == "dates":
            remedy = f"name the format of its dates, as in dataset.dates: {{{name}: '%d/%m/%Y'}}"
        raise DataError(f"{place}.{key}: '{name}' holds {content} and {key} is for {use}; remove it, or {remedy}")


def _readers(table: Table, config: FeaturesConfig) -> Iterator[Reader]:
    """Readers of number, boolean and date columns, and of category columns whose words are counted."""
    dated = [column.name for column in table.features if column.kind == "date"]
    origin = first_day(dates_of_each(table.rows, dated))
    dates = dates_of_each(table.rows, dated)
    for name, kind in ((column.name, column.kind) for column in table.features):
        own = config.columns.get(name) or ColumnConfig()
        if kind == "date":
            yield fit_date(next(dates), own.dates or config.dates, origin)
        elif kind != "category":
            yield NumberColumn(name, kind == "boolean")
        elif (own.encode or config.encode) == "hash":
            yield TextColumn(name, own.buckets or config.buckets)


def kinds_of_operands(columns: Sequence[Column], readers: Sequence[Reader]) -> dict[str, Kind]:
    """Kinds of the columns and of the numbers computed from them; DataError where a name is used twice."""
    kinds = {column.name: column.kind for column in columns}
    for reader in readers:
        for name in reader.numbers:
            if name != reader.name and name in kinds:
                raise _name_taken(name, reader.name, is_date=isinstance(reader, DateColumn))
            kinds.setdefault(name, "number")
    return kinds


def _name_taken(name: str, source: str, *, is_date: bool) -> DataError:
    also = f", or leave it out of features.columns.{source}.dates" if is_date else ""
    return DataError(f"column '{name}' has the name of what is computed from '{source}'; rename one of them{also}")


def plan_derivations(
    formulas: Mapping[str, str], kinds: Mapping[str, Kind], targets: Collection[str] = ()
) -> dict[str, Formula]:
    """Parse the formulas in order; each may use number columns and earlier derived ones.

    Raises ConfigError for a formula that cannot be read, DataError for one that names an unknown,
    category or target column.
    """
    known = dict(kinds)
    derived = {}
    for name, text in formulas.items():
        place = f"features.derive.{name}"
        if name in known or name in targets:
            raise DataError(f"{place}: a column of this name exists already; give the derived column another name")
        try:
            derived[name] = parse_formula(text)
        except FormulaError as error:
            raise config_error(place, str(error)) from error
        for used in derived[name].names:
            _check_operand(place, used, known, targets)
        known[name] = "number"
    return derived


def _check_operand(place: str, name: str, kinds: Mapping[str, Kind], targets: Collection[str]) -> None:
    if name in targets:
        raise DataError(f"{place}: '{name}' is the target, which rows to predict do not have; use feature columns")
    if name not in kinds:
        raise DataError(f"{place}: there is no column '{name}'; {suggestion(name, _numbers(kinds))}")
    if kinds[name] == "category":
        raise DataError(
            f"{place}: '{name}' holds categories, and formulas use number columns; "
            f"if it holds numbers, declare dataset.types: {{{name}: number}}"
        )
    if kinds[name] == "date":
        parts = [number for number in kinds if number.startswith(f"{name}_")]
        raise DataError(f"{place}: '{name}' holds dates, and formulas use their numbers: {', '.join(parts)}")


def _check_dropped(name: str, kinds: Mapping[str, Kind]) -> None:
    if name not in (numbers := _numbers(kinds)):
        holds = f"'{name}' holds {_CONTENT[kinds[name]]}; leave it out by dataset.drop" if name in kinds else ""
        what = holds or f"no column '{name}'"
        raise DataError(f"features.drop: {what}, or name a number column: {suggestion(name, numbers)}")


def _numbers(kinds: Mapping[str, Kind]) -> list[str]:
    return [column for column, kind in kinds.items() if kind in ("number", "boolean")]


def _reader_settings(reader: Reader, config: FeaturesConfig) -> Iterator[tuple[str, NumberSettings]]:
    """Of each number; the first has the indicator of missing cells of the column."""
    own = config.columns.get(reader.name) or ColumnConfig()
    settings = _number_settings(reader.name, config)
    if isinstance(reader, TextColumn):  # no text is no words
        settings = replace(settings, impute="constant", fill_value=0.0)
    for i, (name, bounded) in enumerate(zip(reader.numbers, reader.bounded, strict=True)):
        scale = "none" if bounded and not own.scale else settings.scale
        pieces = 0 if bounded and not own.pieces else settings.pieces
        yield name, replace(settings, scale=scale, pieces=pieces, indicator=settings.indicator and i == 0)


def _number_settings(name: str, config: FeaturesConfig) -> NumberSettings:
    own = config.columns.get(name) or ColumnConfig()
    return NumberSettings(
        impute=own.impute or config.impute,
        fill_value=config.fill_value if own.fill_value is None else own.fill_value,
        indicator=config.indicator if own.indicator is None else own.indicator,
        scale=own.scale or config.scale,
        pieces=config.pieces if own.pieces is None else own.pieces,
    )


def _category_settings(name: str, config: FeaturesConfig) -> CategorySettings:
    own = config.columns.get(name) or ColumnConfig()
    return CategorySettings(
        name, own.encode or config.encode, own.scale or config.scale, own.order, chosen=own.encode is not None
    )


def _calendar_settings(table: Table, config: FeaturesConfig) -> Iterator[tuple[str, CategorySettings]]:
    """Of the parts of dates that are categories: each has a one-hot column."""
    names = {column.name for column in table.features}
    for name in (column.name for column in table.features if column.kind == "date"):
        own = config.columns.get(name) or ColumnConfig()
        for part in get_args(CalendarPart):
            if part in (own.dates or config.dates):
                if f"{name}_{part}" in names:
                    raise _name_taken(f"{name}_{part}", name, is_date=True)
                yield f"{name}_{part}", CategorySettings(name, "one_hot", "none", None, chosen=True, part=part)
