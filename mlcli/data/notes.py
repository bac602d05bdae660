"""Summaries of a profile: what step 1 found and did, and each column in a few words."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlcli.data.profile import ColumnProfile, Profile, is_imbalanced
from mlcli.data.tables.types import SPLITS, Kind
from mlcli.io.text import counted, shorten, show_number, some_lines, some_of

_CONTENT: Mapping[Kind, str] = {
    "number": "numbers",
    "category": "categories",
    "boolean": "true and false",
    "date": "dates",
}
_ALWAYS = ("number", "category")
_LISTED = 8


def profile_notes(profile: Profile) -> tuple[str, ...]:
    """Rows, classes, missing cells, dropped rows and columns, duplicates and outliers, where there are any."""
    notes = [*_rows(profile), *_cleaning(profile)]
    outliers = profile["outliers"]
    if outliers is not None and outliers["name"] != "none":
        found = sum(bounds["cells"] for bounds in outliers["bounds"].values())
        dropped = f"{counted(outliers['dropped'], 'row')} dropped"
        notes.append(f"{found:,} outlying cells in the training rows ({outliers['name']}); {dropped}")
    return tuple(notes)


def _rows(profile: Profile) -> Iterator[str]:
    features = [column for column in profile["columns"] if column["role"] == "feature"]
    if features:
        kinds = Counter(column["kind"] for column in features)
        shown = (kind for kind in _CONTENT if kinds[kind] or kind in _ALWAYS)
        each = ", ".join(f"{kinds[kind]} of {_CONTENT[kind]}" for kind in shown)
        yield f"{counted(len(features), 'feature column')}: {each}"
    counts = (profile["classes"] or {}).get("train", {})
    if counts:
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        hint = "; consider loss.class_weights: balanced" if is_imbalanced(counts.values()) else ""
        span = f"from {counts[least]:,} ('{least}') to {counts[most]:,} ('{most}')"
        equal = counts[most] == counts[least]
        each = f" of {counted(counts[most], 'training row')} each" if equal else f"; training rows {span}{hint}"
        yield f"{len(counts)} classes{each}"
    yield from rare_classes(profile)
    for split, count in profile["repeated"].items():
        if count:
            yield f"{counted(count, f'{split} row is', f'{split} rows are')} also among the training rows"
    gaps = [(c["name"], sum(c["missing"].values())) for c in profile["columns"] if any(c["missing"].values())]
    if gaps:
        columns = " columns" if len(gaps) > _LISTED else ""
        yield f"missing cells: {some_of([f'{name} {count:,}' for name, count in gaps], _LISTED)}{columns}"


def rare_classes(profile: Profile) -> Iterator[str]:
    """Classes that are too rare to be in every split that has rows."""
    classes = profile["classes"] or {}
    measured = [split for split in SPLITS[1:] if any(classes.get(split, {}).values())]
    absent = {
        name: splits
        for name in classes.get("train", ())
        if (splits := [split for split in measured if not classes[split][name]])
    }
    parts = [f"'{name}' (none in {' and '.join(splits)})" for name, splits in absent.items()]
    if parts:
        yield f"rare classes, without rows to measure them on: {some_of(parts, _LISTED)}"


def _cleaning(profile: Profile) -> Iterator[str]:
    cleaning = profile["cleaning"]
    if cleaning is None:
        return
    dropped = (
        ("rows_without_target", "rows without a target were dropped"),
        ("rows_with_missing", "rows with missing features were dropped"),
        ("duplicates_dropped", "duplicate rows were dropped"),
    )
    for key, text in dropped:
        if cleaning[key]:
            yield f"{cleaning[key]:,} {text}"
    if cleaning["duplicates"] and not cleaning["duplicates_dropped"]:
        are = "row is" if cleaning["duplicates"] == 1 else "rows are"
        yield f"{cleaning['duplicates']:,} {are} equal to an earlier one (dataset.duplicates: drop leaves one of each)"
    left_out = cleaning["rows_read"] - cleaning["rows_kept"]
    if left_out:
        yield f"{counted(left_out, 'row was', 'rows were')} filtered out by dataset.keep"
    yield from _of_columns(cleaning["dropped_columns"], "was dropped: {}", "were dropped: {}")
    constant = dict.fromkeys(cleaning["constant"], "the same value everywhere")
    yield from _of_columns(constant, "has {}", "have {}")
    yield from some_lines(cleaning["notes"])


def _of_columns(texts: Mapping[str, str], of_one: str, of_many: str) -> Iterator[str]:
    """A line for each column; a line for all columns of one text where they are many."""
    alike: dict[str, list[str]] = {}
    for name, text in texts.items():
        alike.setdefault(text, []).append(name)
    each = (
        (f"column '{name}' {of_one.format(text)}" for name in names)
        if len(names) <= _LISTED
        else (f"{len(names):,} columns {of_many.format(text)}: {some_of(names, _LISTED)}",)
        for text, names in alike.items()
    )
    return some_lines([*itertools.chain.from_iterable(each)])


@dataclass(frozen=True)
class ColumnSummary:
    """One column of the data.

    missing  : cells of all splits, and their share of the rows
    distinct : values of the training rows
    bars     : rows in equal bins of the numbers, or of the most frequent categories; empty for constants
    summary  : the distribution in a few words
    """

    name: str
    role: str
    kind: str
    missing: int = 0
    missing_share: float = 0.0
    distinct: int = 0
    bars: tuple[int, ...] = ()
    summary: str = ""


def summarise_column(column: ColumnProfile) -> ColumnSummary:
    """A column of the profile with its distribution as bars and in a few words."""
    histogram, numbers, top = column.get("histogram"), column["numbers"], column["top"] or []
    bars = histogram["counts"] if histogram else [entry["count"] for entry in top] if column["distinct"] > 1 else []
    summary = f"most often {shorten(top[0]['value'], 40)}" if top else ""
    if span := column.get("span"):
        summary = f"{span[0]} to {span[1]}"
    elif numbers and numbers["min"] is not None:
        low, middle, high = (show_cell(numbers[key]) for key in ("min", "median", "max"))
        summary = f"{low} to {high}, median {middle}"
    return ColumnSummary(
        name=column["name"],
        role=column["role"],
        kind=column["kind"],
        missing=sum(column["missing"].values()),
        missing_share=column["missing_share"],
        distinct=column["distinct"],
        bars=tuple(bars),
        summary=summary,
    )


def show_cell(value: float | None) -> str:
    """A number as in a table: whole numbers without decimals, others without trailing zeros."""
    if value is not None and value == int(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    shown = show_number(value)
    return shown.rstrip("0") if "." in shown and "e" not in shown else shown
