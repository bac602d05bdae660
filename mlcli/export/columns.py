"""Columns of rows as inputs: what a caller gives for each, and what of it the features are computed from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from unicodedata import normalize

import numpy as np
import polars as pl

from mlcli.config.sections.config import Config
from mlcli.data.selection import CellsConfig
from mlcli.data.tables.inference import BOOLEANS
from mlcli.data.tables.labels import are_numbers
from mlcli.data.tables.types import Column, Table
from mlcli.errors import ConfigError, config_error
from mlcli.export.graph import DOUBLE, ML, STRING, Graph
from mlcli.features.encoding import MISSING, Vocabulary

_DESCRIPTIONS = {
    "number": "number; NaN where missing",
    "boolean": "text: true or false, yes or no, 1 or 0; empty where missing",
    "date": "seconds since 1970-01-01T00:00Z (for local times: as if they were of UTC); NaN where missing",
}


def describe_column(column: Column, missing: str = "") -> str:
    """What a caller gives for a column; missing: the text that stands for a missing category."""
    absent = f"{missing!r} where missing" if missing else "empty where missing"
    return _DESCRIPTIONS.get(column.kind, f"text, a category; {absent}")


def feeds_of(
    table: Table, columns: Sequence[Column], cells: CellsConfig, missing: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Rows as inputs (n, 1) by name, with texts as they were before `dataset.replace`.

    missing : the text that stands for a missing category of each column
    """
    frame, feeds = table.frame, {}
    for column in columns:
        own = frame[column.name]
        before = {new: old for old, new in cells.replace.get(column.name, {}).items()}
        match column.kind:
            case "category":
                feed = (
                    own.fill_null(missing[column.name]).replace([*before], [*before.values()]).to_numpy().astype(object)
                )
            case "boolean":
                feed = own.cast(pl.String).fill_null("").to_numpy().astype(object)
            case "date":
                feed = (own.dt.timestamp("us") / 1e6).cast(pl.Float64).fill_null(math.nan).to_numpy()
            case _:
                feed = own.cast(pl.Float64).fill_null(math.nan).to_numpy()
        feeds[column.name] = feed.reshape(-1, 1)
    return feeds


def refuse_hash(config: Config, name: str) -> ConfigError:
    """The error of a text whose words are counted by their hashes."""
    own = config.features.columns.get(name)
    key = "features.encode" if own is None or own.encode is None else f"features.columns.{name}.encode"
    return config_error(
        key,
        f"hash splits '{name}' into words and hashes them, for which ONNX has no operators; train with another "
        f"encoding of the column (embedding or target), or without it: dataset.drop: [{name}]",
    )


def write_number(graph: Graph, column: Column, cells: CellsConfig) -> str:
    """A number as float64 (n, 1), NaN where it is missing or one of the numbers that stand for missing cells."""
    given = value = graph.add_input(column.name, DOUBLE, [1], describe_column(column))
    markers = [number for text in cells.missing if (number := _number(text)) is not None]
    for old, new in cells.replace.get(column.name, {}).items():
        before, after = _number(old), math.nan if new in cells.missing else _number(new)
        if before is not None and after is not None:
            value = graph.node("Where", graph.node("Equal", given, before), after, value)
    for marker in markers:
        value = graph.node("Where", graph.node("Equal", value, marker), math.nan, value)
    return value


def _number(text: str) -> float | None:
    """The finite number that a text is."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def write_boolean(graph: Graph, column: Column, cells: CellsConfig) -> str:
    """Words for true and false as float64 (n, 1): 1, 0, and NaN for other words."""
    words = {form: truth for word, truth in BOOLEANS.items() for form in (word, word.capitalize(), word.upper())}
    words |= {old: words[new] for old, new in cells.replace.get(column.name, {}).items() if new in words}
    given = graph.add_input(column.name, STRING, [1], describe_column(column))
    truths = [float(truth) for truth in words.values()]
    encoded = graph.node(
        "LabelEncoder", given, domain=ML, keys_strings=[*words], values_floats=truths, default_float=math.nan
    )
    return graph.cast(encoded, DOUBLE)


def write_category(graph: Graph, column: Column, vocabulary: Vocabulary, cells: CellsConfig) -> str:
    """The codes of categories, int64 (n, 1)."""
    codes = codes_of_texts(vocabulary, cells)
    given = graph.add_input(column.name, STRING, [1], describe_column(column, missing_text(vocabulary)))
    return graph.node(
        "LabelEncoder",
        given,
        domain=ML,
        keys_strings=[*codes],
        values_int64s=[*codes.values()],
        default_int64=vocabulary.reserved,
    )


def codes_of_texts(vocabulary: Vocabulary, cells: CellsConfig) -> dict[str, int]:
    """The code of every text that is no unknown category: as it is written in training, and other forms of it."""
    codes = {category: code for code, category in enumerate(vocabulary.kept)}
    absent = codes.get(MISSING, vocabulary.reserved)
    known = [category for category in (*vocabulary.kept, *vocabulary.rare) if category != MISSING]
    numeric = bool(known) and are_numbers(pl.Series(known, dtype=pl.String).str.normalize("NFC"))
    for category, code in [*codes.items()]:
        for form in _forms(category, numeric=numeric and category != MISSING):
            codes.setdefault(form, code)
    for text in (*cells.missing, ""):
        codes.setdefault(text, absent)
    replaced = cells.replace.get(vocabulary.name, {})
    return codes | {old: codes.get(new, vocabulary.reserved) for old, new in replaced.items()}


def missing_text(vocabulary: Vocabulary) -> str:
    """The text that stands for a missing cell: the empty one, unless that is a category."""
    return MISSING if "" in vocabulary.kept else ""


def _forms(category: str, *, numeric: bool) -> Iterator[str]:
    """Other texts of the same category: decomposed letters; of numbers, a sign and a zero behind, as in 3.0."""
    yield normalize("NFD", category)
    if numeric:
        longer = f"{category}0" if "." in category else f"{category}.0"
        yield longer
        if not category.startswith("-"):
            yield from (f"+{category}", f"+{longer}")
