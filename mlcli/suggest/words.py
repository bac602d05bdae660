"""Words that mark missing cells elsewhere and are values in this table, such as a class None or a country NA."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import polars as pl

from mlcli.data.tables.inference import looks_boolean
from mlcli.suggest.source import TableFound

# Target columns of more distinct texts have no classes that a word could be one of.
_FEW = 20
_UNKNOWN = ("?", "??", "nan", "NaN")
_CODE = r"^[A-Z]{2}$"
_MOST_CODES = 0.9


def keep_words(found: TableFound, target: str) -> TableFound:
    """The table with the words that look like classes of the target, or like codes of two letters, as values.

    A class whose word marks missing cells of another column is renamed.
    """
    counted = count_markers(found)
    words = {name: set(counts) for name, counts in counted.items()}
    if not words:
        return found
    marking = {word for name, own in words.items() if _needs_markers(found.frame, name) for word in own}
    classes = set(_class_words(found, target, counted[target])) if target in words else set()
    renamed = {word: f"class {word}" for word in sorted(classes & marking)}
    kept = dict.fromkeys(sorted(classes - marking), target)
    codes = [name for name, own in words.items() if "NA" in own - marking and _has_codes(found.frame[name])]
    kept |= dict.fromkeys(("NA",), codes[0]) if codes else {}
    cells = replace(found.cells, kept=kept)
    values = {name: {word: word for word in own & set(kept)} for name, own in words.items()}
    values[target] = values.get(target, {}) | renamed
    read = {name: _replaced(found.raw[name], own) for name, own in values.items() if own}
    frame = found.frame.with_columns(pl.coalesce(own, pl.col(name)).alias(name) for name, own in read.items())
    return replace(found, frame=frame, cells=cells, renamed=renamed)


def count_markers(found: TableFound, names: Collection[str] = ()) -> dict[str, dict[str, int]]:
    """The cells of text that are a word which marks missing cells, by column and word; names: the only columns."""
    markers = [marker for marker in found.cells.missing if marker]
    texts = (found.raw.select(names) if names else found.raw).select(pl.col(pl.String))
    texts = texts.drop(found.unreadable, strict=False)
    marked = texts.select(pl.all().is_in(markers).any())
    columns = (texts[column.name].rename("word") for column in marked if column[0])
    names = [column.name for column in marked if column[0]]
    counts = (cells.filter(cells.is_in(markers)).value_counts(sort=True, name="cells") for cells in columns)
    return {name: dict(own.rows()) for name, own in zip(names, counts, strict=True)}


def _class_words(found: TableFound, target: str, words: Mapping[str, int]) -> Iterator[str]:
    """Words that look like classes.

    They do where there would be fewer than two classes, where missing cells are empty, or if as frequent as a class.
    """
    labels = found.frame[target].drop_nulls()
    if labels.dtype != pl.String or not 0 < labels.n_unique() <= _FEW:
        return
    counts = labels.rename("class").value_counts(name="rows")["rows"]
    has_empty = found.raw.select(pl.any_horizontal((pl.col(pl.String) == "").any(), pl.all().is_null().any())).item()
    for word, n in words.items():
        if len(counts) < 2 or has_empty or (word not in _UNKNOWN and n >= int(counts.sort()[0])):
            yield word


def _needs_markers(frame: pl.DataFrame, name: str) -> bool:
    """Whether a column is one of numbers, or true and false, with missing cells."""
    column = frame[name]
    return column.dtype != pl.String or looks_boolean(column)


def _has_codes(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return False
    distinct = column.drop_nulls().unique()
    return len(distinct) > 1 and int(distinct.str.contains(_CODE).sum()) >= _MOST_CODES * len(distinct)


def _replaced(text: pl.Series, values: Mapping[str, str]) -> pl.Series:
    return text.replace_strict(dict(values), default=None, return_dtype=pl.String)
