"""Labels: when two cells of categories or classes are the same one, and when they may be meant to be.

Cells are compared as text, without the blanks around it and in Unicode form NFC. Where every label of a column is a
plain number, such as 1, +1 or 1.0, labels are compared by value; a leading zero, as in 01, makes all of them text.
"""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize

import polars as pl

from mlcli.data.tables.rows import BLANKS
from mlcli.io.text import nearest

PLAIN_NUMBER = r"^(?:\+|(-))?(0|[1-9]\d*)(?:\.0*|(\.\d*[1-9])0*)?$"
_LEADING_ZERO = r"^[+-]?0\d"


def begins_with_zero(cells: pl.Series) -> bool:
    """Whether a number among cells of text is written with a zero in front, as codes are, of which 01 is not 1."""
    return cells.dtype == pl.String and bool(cells.str.contains(_LEADING_ZERO).any())


def composed(frame: pl.DataFrame) -> pl.DataFrame:
    """Text columns in Unicode form NFC, in which é is one letter."""
    texts = frame.select(pl.col(pl.String))
    # Text of as many bytes as letters is ASCII; all columns are asked at once.
    longer = texts.select(pl.all().str.len_bytes().sum() != pl.all().str.len_chars().sum())
    changed = [column.name for column in longer if column[0]]
    return frame.with_columns(pl.col(changed).str.normalize("NFC")) if changed else frame


def clean_label(text: str) -> str:
    """A label of the configuration as cells are read."""
    return normalize("NFC", text).strip(BLANKS)


def by_value(labels: pl.Series) -> pl.Series:
    """Labels that are numbers all, plainly written, in one form: '1' for 1, +1 and 1.0; others as they are."""
    return _plain_form(labels) if are_numbers(labels) else labels


def are_numbers(labels: pl.Series) -> bool:
    """Whether all labels that are not missing are plain numbers."""
    return labels.null_count() < len(labels) and bool(labels.str.contains(PLAIN_NUMBER).all())


def like_known(labels: pl.Series, known: Sequence[str]) -> pl.Series:
    """Labels written as the known ones are, where they are the same; others as they are."""
    names = pl.Series(known, dtype=pl.String)
    if labels.null_count() == len(labels) or labels.is_in(names.implode()).all():
        return labels
    forms, cells = names.str.normalize("NFC"), labels.str.normalize("NFC")
    if are_numbers(forms):
        forms, cells = _plain_form(forms), _plain_form(cells)
    places: dict[str, str] = dict(zip(reversed(forms.to_list()), reversed(known), strict=True))
    matched = cells.replace_strict(places, default=None, return_dtype=pl.String).fill_null(labels)
    return labels.zip_with(labels.is_in(names.implode()).fill_null(value=False), matched)


def find_label(name: str, known: Sequence[str]) -> str | None:
    """The known label that a name of the configuration means; None for none."""
    (label,) = like_known(pl.Series([clean_label(name)], dtype=pl.String), known)
    return label if label in known else None


def most_similar(name: str, known: Sequence[str]) -> str:
    """End of a message about a label that there is none of: the nearest one, and those that there are."""
    near = nearest(name, known)
    more = f", … ({len(known):,} in all)" if len(known) > 12 else ""
    meant = f"did you mean {near!r}? " if near else ""
    return f"{meant}there are {', '.join(map(repr, known[:12]))}{more}"


def near_duplicates(labels: pl.Series) -> list[list[tuple[str, int]]]:
    """Groups of labels that differ only by case, blanks, signs, zeros or form: with counts, the most frequent first."""
    counts = labels.drop_nulls().rename("label").value_counts(sort=True, name="rows")
    grouped = counts.with_columns(_folded(counts["label"]).alias("key")).filter(pl.col("key").is_duplicated())
    return [group.select("label", "rows").rows() for group in grouped.partition_by("key", maintain_order=True)]


def _plain_form(labels: pl.Series) -> pl.Series:
    return labels.str.replace(PLAIN_NUMBER, "${1}${2}${3}")


def _folded(labels: pl.Series) -> pl.Series:
    """What labels have in common that differ by Unicode form, case, blanks, a plus sign or zeros."""
    text = labels.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\p{Z}\p{C}]+", "")
    return text.str.replace(r"^(?:\+|(-))?0*(\d+)(?:\.0*|(\.\d*[1-9])0*)?$", "${1}${2}${3}")
