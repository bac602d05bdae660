"""How the cells of a text column may be read: as numbers, or as dates, and in which formats."""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal, get_args

import polars as pl

from mlcli.config.sections.rows import NumberFormat, Thousands
from mlcli.data.tables.amounts import in_ascii, plain_number
from mlcli.data.tables.dates import ISO, MONTHS, as_dates
from mlcli.data.tables.inference import FEWEST_TEXTS, NEARLY, Decimal, as_numbers

_CURRENCIES = (
    "AED ARS AUD BRL CAD CHF CLP CNY COP CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN NOK NZD PEN PLN RON RUB SEK "
    "SGD THB TRY UAH USD UYU ZAR"
)
_FRONT = rf"[A-Z]{{0,3}}\p{{Sc}}|{_CURRENCIES.replace(' ', '|')}|Rs\.?|kr\.?|Fr\.?|S/\.?"
# Captures the currency in front, the digits with their marks, and the unit behind.
_PARTS = (
    rf"^[-+( ]*({_FRONT})?[-+( ]*"
    r"([0-9](?:[0-9.,'_ ]*[0-9])?[.,]?|[.,][0-9]+)(?:[eE][-+]?[0-9]+)?(?: *- | *\)? *)"
    r"((?:[^0-9 .,'_()+:/\-]|/[^0-9 ])[^ )]{0,11}(?: [^0-9 )]{1,11})?)?[- )]*$"
)
_MOST_UNITS = 5
THOUSANDS: tuple[Thousands, ...] = get_args(Thousands)
# Texts with as many distinct numbers are no names of classes or categories.
MANY_NUMBERS = 20
# Numbers with signs that say no unit: '5.1', ="5.1", ~5, <5, [5], 5 ± 1, 5 1/2.
_N = r"[-+]?[0-9][0-9.,]*"
_SIGNED = rf"""^(?:[='"~≈<>≤≥\[{{]+ *{_N}[\]}}"']*|{_N} *(?:±|\+/-) *{_N}|[0-9]+ [0-9]+/[0-9]+)$"""
_CLOCK_CELL = r"^[0-9]{1,3}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?[aApP]\.?[mM]\.?)?$"
HEXADECIMAL, SIGNED, TIMES = "0x", "=", ":"
_SHAPES, _EXAMPLES = 3, 20
# Bytes of the longest cell that is looked at.
_LONGEST = 48
_SEPARATOR = r"(?: de | of |[-/., ]{1,2})"
_NAME = "|".join(sorted(MONTHS, key=len, reverse=True))
_MONTH = rf"(?P<b>(?:{_NAME})(?:\.(?= ))?)"
_DAY, _YEAR, _FULL_YEAR = r"(?P<d>\d{1,2}(?:st|nd|rd|th)?)", r"(?P<y>\d{4}|\d{2})", r"(?P<y>\d{4})"
# Orders of a date: regular expressions with groups, of which each is a directive.
_ORDERS = (
    rf"(?P<n1>\d{{1,2}})(?P<sep>[-/.]|\. )(?P<n2>\d{{1,2}})(?P=sep){_YEAR}",
    rf"{_FULL_YEAR}[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})",
    rf"{_FULL_YEAR}[-/.](?P<m>\d{{1,2}})",
    rf"(?P<m>\d{{1,2}})[-/.]{_FULL_YEAR}",
    rf"{_DAY}\.?{_SEPARATOR}{_MONTH}{_SEPARATOR}{_YEAR}",
    rf"{_DAY}{_MONTH}{_FULL_YEAR}",
    rf"{_MONTH}{_SEPARATOR}{_DAY}{_SEPARATOR}{_YEAR}",
    rf"{_FULL_YEAR}{_SEPARATOR}{_MONTH}{_SEPARATOR}{_DAY}",
    rf"{_MONTH}{_SEPARATOR}{_YEAR}",
)
_CLOCK = (
    r"(?:(?:[ t]|, )(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?P<f>\.\d+)?)?"
    r"(?: ?(?P<p>[ap](?:m|\. ?m\.)))?(?: ?(?P<z>[+-]\d{2}:?\d{2}))?)?"
)
_WEEKDAYS = "mon|tue|wed|thu|fri|sat|sun"
_FRONT_SIGNS = r"[+(\s\p{Pd}\u{2212}]*"
# What a cell begins with that may be a number or a date: most other texts need no second look.
_BEGINS = (
    rf"^[+(\s\p{{Pd}}\u{{2212}}]*(?:{_FRONT})?[+(\s\p{{Pd}}\u{{2212}}]*[\pP=~≈<>≤≥]{{0,2}}\d|^(?i:{_NAME}|{_WEEKDAYS})"
)
_WEEKDAY = rf"(?:(?P<a>(?:{_WEEKDAYS})[a-z]*),? )?"
_DATES = tuple(re.compile(f"{_WEEKDAY}{order}{_CLOCK}") for order in _ORDERS)
_DIRECTIVES = {"a": "%A", "d": "%d", "m": "%m", "b": "%b", "M": "%M", "S": "%S", "f": ".%f", "p": "%p", "z": "%z"}


@dataclass(frozen=True, eq=False)
class Reading:
    """How most cells of a text column can be read.

    formats : every format that reads the most cells, several where they are ambiguous, None for plain numbers and ISO
              8601; none where no format reads half of the cells, but several together do
    cells   : `cell`, distinct texts, and `n`, how often each occurs
    fits    : Boolean, which of these are read
    found   : the units of numbers, the most frequent first, empty text for none, or how no number is written; of dates
              without a format, a cell of each of their forms
    """

    kind: Literal["number", "date"]
    formats: tuple[NumberFormat | str | None, ...]
    fits: pl.Series
    found: tuple[str, ...]
    cells: pl.DataFrame

    @property
    def n_cells(self) -> int:
        """All cells."""
        return int(self.cells["n"].sum())

    @property
    def n_fits(self) -> int:
        """Cells that are read."""
        return _weigh(self.cells, self.fits)

    @property
    def example(self) -> str:
        """A cell that is read, the longest of the first ones that are more than digits."""
        cells = self.cells["cell"].filter(self.fits)
        telling = cells.filter(~cells.str.contains("^[0-9]*$")).head(_EXAMPLES)
        return max(map(str, telling if len(telling) else cells.head(_EXAMPLES)), key=len)

    @property
    def others(self) -> pl.DataFrame:
        """The distinct texts that are not read, and how often each occurs, the most frequent first."""
        return self.cells.filter(~self.fits).sort("n", descending=True, maintain_order=True)


def read_texts(frame: pl.DataFrame, names: Sequence[str], decimal: Decimal) -> Iterator[tuple[str, Reading]]:
    """How text columns may be read as dates or numbers; of those of which half of the known cells can be."""
    texts = frame.select(names)
    may_be = pl.all().str.contains(_BEGINS) & (pl.all().str.len_bytes() <= _LONGEST)
    for text, twice in zip(texts, texts.select(may_be.sum() * 2), strict=True):
        if twice[0] < max(1, text.count()):
            continue
        name, known = text.name, text.drop_nulls().alias("cell").to_frame()
        cells = known.group_by("cell", maintain_order=True).agg(pl.len().alias("n"))
        if (reading := read_dates(cells) or read_numbers(cells, decimal)) is not None:
            yield name, reading


def are_thousands(reading: Reading, delimiter: str) -> bool:
    """Whether an ambiguous mark is likely one of thousands: where 20 cells have it, and decimals have another one.

    A comma is one in amounts of a currency, and where it also delimits the cells; a point where decimals have commas.
    """
    form = reading.formats[0] if len(reading.formats) > 1 else None
    if not isinstance(form, NumberFormat) or form.thousands not in (",", ".") or form.decimal is not None:
        return False
    marked = _weigh(reading.cells, reading.cells["cell"].str.contains(form.thousands, literal=True) & reading.fits)
    unit = reading.found[0]
    is_currency = unit in _CURRENCIES.split() or any(unicodedata.category(letter) == "Sc" for letter in unit)
    return marked >= FEWEST_TEXTS and (form.thousands == "." or delimiter == "," or is_currency)


def read_numbers(cells: pl.DataFrame, decimal: Decimal) -> Reading | None:
    """How at least half of the cells are numbers; None where they are not.

    cells : `cell`, distinct texts, and `n`, how often each occurs
    """
    text, half = cells["cell"], int(cells["n"].sum()) / 2
    hexadecimal, many = text.str.contains(r"^0[xX][0-9a-fA-F]+$"), len(text) > MANY_NUMBERS
    times, signed = (text.str.contains(pattern) & many for pattern in (_CLOCK_CELL, _SIGNED))
    for mask, mark in ((hexadecimal, HEXADECIMAL), (times, TIMES), (signed, SIGNED)):
        if _weigh(cells, mask) >= half:
            return Reading("number", (), mask, (mark,), cells)
    groups = cells.select(in_ascii(pl.col("cell")).str.extract_groups(_PARTS)).to_series().struct
    parts = groups.rename_fields(["front", "digits", "behind"]).struct.unnest().with_columns(n=cells["n"])
    parts = parts.with_columns(unit=pl.concat_str("front", "behind", separator=" … ", ignore_nulls=True))
    split = parts["digits"].is_not_null()
    if _weigh(parts, split) < half:
        return None
    ranked = parts.filter(split).group_by("unit").agg(pl.col("n").sum()).sort("n", "unit", descending=[True, False])
    units = tuple(ranked["unit"])
    digits = parts["digits"].filter(split & (parts["unit"] == units[0]))
    readings = [(form, _read(text, form, decimal)) for form in _candidates(digits, units[0], decimal)]
    counts = [_weigh(cells, number.is_not_null()) for _, number in readings]
    if max(counts) < max(half, NEARLY * _weigh(parts, split)) and len(units) <= _MOST_UNITS and units != ("",):
        return Reading("number", (), split, units, cells)
    if max(counts) < half:
        return None
    best: list[tuple[NumberFormat, pl.Series]] = []
    for (form, number), count in zip(readings, counts, strict=True):
        if count == max(counts) and not any(number.equals(other) for _, other in best):
            best.append((form, number))
    fits = best[0][1].is_not_null()
    formats = sorted((form for form, _ in best), key=lambda form: form.thousands is None)  # the likelier one first
    is_plain = (
        formats == [NumberFormat()] and as_numbers(text.filter(fits).to_frame(), decimal).to_series().null_count() == 0
    )
    return Reading("number", (None,) if is_plain else tuple(formats), fits, units, cells)


def _read(text: pl.Series, form: NumberFormat, decimal: Decimal) -> pl.Series:
    plain = text.to_frame("cell").select(plain_number(pl.col("cell"), form, decimal))
    return as_numbers(plain, ".").to_series()


def _candidates(digits: pl.Series, unit: str, decimal: Decimal) -> Iterator[NumberFormat]:
    """Formats whose marks occur in these numbers."""
    found = [mark for mark in THOUSANDS if digits.str.contains(mark, literal=True).any()]
    for thousands in (None, *found):
        others = [mark for mark in (".", ",") if mark in found and mark != thousands]
        usual = decimal if decimal != thousands else "," if decimal == "." else "."
        for mark in others or [usual]:
            yield NumberFormat(thousands=thousands, decimal=mark if mark != decimal else None, unit=unit or None)


def read_dates(cells: pl.DataFrame) -> Reading | None:
    """How at least half of the cells are dates; None where they are not.

    cells : `cell`, distinct texts, and `n`, how often each occurs
    """
    text, half = cells["cell"], int(cells["n"].sum()) / 2
    parsed = {form: as_dates(text, form) for form in _candidate_dates(cells)}
    fits = {form: dates.is_not_null() for form, dates in parsed.items()}
    either = reduce(operator.or_, fits.values(), pl.repeat(value=False, n=len(text), eager=True))
    if not fits or _weigh(cells, either) < half:
        return None
    if orders := _mixed_orders(text, fits):
        return Reading("date", (), either, orders, cells)
    counts = {form: _weigh(cells, mask) for form, mask in fits.items()}
    best = [form for form, count in counts.items() if count == max(counts.values())]
    if counts[best[0]] < half:
        several = tuple(str(text.filter(mask)[0]) for mask in fits.values() if mask.any())
        return Reading("date", (), either, several, cells)
    return Reading("date", tuple(_without_odd_years(best, parsed)), fits[best[0]], (), cells)


def _candidate_dates(cells: pl.DataFrame) -> Iterator[str | None]:
    """The formats of one cell of each of the most frequent shapes."""
    shape = pl.col("cell").str.replace_all(r"\d+", "0").str.replace_all(r"\pL+", "a")
    shapes = cells.group_by(shape.alias("shape"), maintain_order=True).agg(pl.col("cell").first(), pl.col("n").sum())
    for example in shapes.sort("n", descending=True, maintain_order=True)["cell"].head(_SHAPES):
        if re.fullmatch(ISO, example):
            yield None
            continue
        for pattern in _DATES:
            if found := pattern.fullmatch(example.lower()):
                yield from _formats_of(example, found)


def _formats_of(example: str, found: re.Match[str]) -> Iterator[str]:
    """The format of a cell, or several where day, month and year may stand in another order."""
    spans = {name: found.span(name) for name, text in found.groupdict().items() if text and name != "sep"}
    year = "%Y" if len(found["y"]) == 4 else "%y"
    own = {**_DIRECTIVES, "H": "%I" if "p" in spans else "%H", "y": year}
    if "n1" not in spans:
        yield _replace(example, spans, own)
        return
    for first, second, last in (("%d", "%m", year), ("%m", "%d", year), ("%y", "%m", "%d")):
        if last != "%d" or year == "%y":
            yield _replace(example, spans, {**own, "n1": first, "n2": second, "y": last})


def _replace(example: str, spans: Mapping[str, tuple[int, int]], directives: Mapping[str, str]) -> str:
    """The cell with a directive in place of each span."""
    text, end = "", 0
    for name, (start, stop) in sorted(spans.items(), key=lambda item: item[1]):
        text, end = text + example[end:start] + directives[name], stop
    return text + example[end:]


def _mixed_orders(text: pl.Series, fits: Mapping[str | None, pl.Series]) -> tuple[str, ...]:
    """A cell that is day first alone, and one that is month first alone, where there are both."""
    for form, mask in fits.items():
        other = fits.get(re.sub("%[dm]", lambda found: {"%d": "%m", "%m": "%d"}[found[0]], form or ""))
        if other is not None and (mask & ~other).any() and (other & ~mask).any():
            return str(text.filter(mask & ~other)[0]), str(text.filter(other & ~mask)[0])
    return ()


def _without_odd_years(forms: Sequence[str | None], parsed: Mapping[str | None, pl.Series]) -> Iterator[str | None]:
    """Without the formats that begin with a year of two digits, unless by them the dates are of fewer years."""
    years = {form: parsed[form].dt.year().n_unique() for form in forms}
    for form in forms:
        others = [years[other] for other in forms if not (other or "").startswith("%y")]
        if not (form or "").startswith("%y") or not others or years[form] < min(others):
            yield form


def _weigh(cells: pl.DataFrame, mask: pl.Series) -> int:
    """Number of cells whose distinct text is marked."""
    return int(cells["n"].filter(mask).sum())
