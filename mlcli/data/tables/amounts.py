"""Numbers written for people: with thousands marks, currencies, units, parentheses, or the digits of other scripts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

import polars as pl

from mlcli.config.sections.rows import NumberFormat
from mlcli.data.tables.inference import Decimal, as_numbers, refuse_too_wide
from mlcli.data.tables.rows import Rows
from mlcli.errors import DataError
from mlcli.io.text import shown

_LAST_DIGIT = 0x1FC00


def parse_amounts(rows: Rows, formats: Mapping[str, NumberFormat], decimal: Decimal) -> Rows:
    """Turn the text columns of dataset.numbers into Float64.

    decimal : mark of the formats that name none. Raises DataError for a cell that is written otherwise.
    """
    texts = [name for name, dtype in rows.frame.schema.items() if name in formats and dtype == pl.String]
    plain = rows.frame.select(plain_number(pl.col(name), formats[name], decimal) for name in texts)
    numbers = as_numbers(plain, ".")
    for number in numbers:
        _refuse_others(rows, number, formats[number.name], decimal)
        refuse_too_wide(rows, plain[number.name], number)
    return rows.with_frame(rows.frame.with_columns(numbers))


def plain_number(text: pl.Expr, form: NumberFormat, decimal: Decimal) -> pl.Expr:
    """Cells of a format with ASCII digits, a minus in front, a point and an exponent; null for other cells."""
    cell, mark, unit = in_ascii(text), form.decimal or decimal, _translate(form.unit or "")
    digits = cell.str.replace(unit, "", literal=True) if unit else cell
    digits = digits.str.replace_all(f"[ {re.escape(form.thousands or ' ')}]", "")
    negative = digits.str.contains(r"^[-(]|-$")
    digits = digits.str.strip_chars("()+-").str.replace(mark, ".", literal=True)
    signed = pl.when(negative).then(digits.str.replace("^", "-")).otherwise(digits)
    return pl.when(cell.str.contains(_pattern(form.thousands, mark, unit))).then(signed)


def example_of(form: NumberFormat, decimal: Decimal) -> str:
    """A number as this format writes it."""
    unit = f" {form.unit}" if form.unit else ""
    return f"1{form.thousands or ''}234{form.decimal or decimal}5{unit}"


def _pattern(thousands: str | None, decimal: str, unit: str) -> str:
    """The regular expression of a number of this format."""
    mark, point, u = re.escape(thousands or ""), re.escape(decimal), re.escape(unit)
    grouped = rf"|[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|[1-9][0-9]?(?:{mark}[0-9]{{2}})+{mark}[0-9]{{3}}"
    whole = rf"(?:[0-9]+{grouped if thousands else ''})"
    n = rf"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?"
    forms = [f"[-+]? *{n}", f"{n} *-", rf"\( *{n} *\)"]
    if unit:
        front = [f"[-+]? *{u} *{n}", f"{u} *[-+] *{n}", f"{u} *{n} *-", rf"\( *{u} *{n} *\)", rf"{u} *\( *{n} *\)"]
        behind = [f"[-+]? *{n} *{u}", f"{n} *- *{u}", f"{n} *{u} *-", rf"\( *{n} *{u} *\)", rf"\( *{n} *\) *{u}"]
        forms = front + behind
    return f"^(?:{'|'.join(forms)})$"


def in_ascii(text: pl.Expr) -> pl.Expr:
    """Text with digits of all scripts, blanks, minus signs, apostrophes and marks as ASCII has them."""
    variants = _variants()
    return text.str.replace_many(list(variants), list(variants.values())).str.strip_chars(" ")


def _translate(text: str) -> str:
    return "".join(_variants().get(letter, letter) for letter in text).strip(" ")


@cache
def _variants() -> Mapping[str, str]:
    letters = map(chr, range(128, _LAST_DIGIT))
    digits = {letter: str(unicodedata.decimal(letter)) for letter in letters if letter.isdecimal()}
    signs = {"-": "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "'": "\u2018\u2019\u02bc\u00b4`\uff07"}
    signs |= {"+": "\ufe62\uff0b", ".": "\u066b\uff0e", ",": "\u066c\uff0c", "%": "\u066a\ufe6a\uff05"}
    signs |= {" ": "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"}
    return digits | {variant: sign for sign, variants in signs.items() for variant in variants}


def _refuse_others(rows: Rows, number: pl.Series, form: NumberFormat, decimal: Decimal) -> None:
    text = rows.frame[number.name]
    wrong = number.is_null() & text.is_not_null()
    if not wrong.any():
        return
    row = rows.first(wrong)
    raise DataError(
        f"{rows.place(row)}: column {text.name!r}: {shown(text[row])} is not a number such as "
        f"{example_of(form, decimal)!r}, as dataset.numbers.{text.name} says ({int(wrong.sum()):,} of "
        f"{text.count():,} cells are not, this one first); fix the cell, list it in dataset.missing.values, or correct "
        "dataset.numbers"
    )
