"""Columns of the data, each with its distribution as bars and in a few words."""

from __future__ import annotations

from dataclasses import dataclass

from mlcli.data.profile import ColumnProfile
from mlcli.evaluation.names import shorten
from mlcli.evaluation.show import show_number


@dataclass(frozen=True)
class ColumnFacts:
    """One column of the data.

    missing  : cells of all splits, and their share of the rows
    distinct : values of the training rows
    bars     : rows in equal bins of the numbers, or of the most frequent categories; empty where they say nothing
    gist     : the distribution in a few words
    """

    name: str
    role: str
    kind: str
    missing: int = 0
    missing_share: float = 0.0
    distinct: int = 0
    bars: tuple[int, ...] = ()
    gist: str = ""


def column_facts(column: ColumnProfile) -> ColumnFacts:
    """A column of the profile with its distribution as bars and in a few words."""
    histogram, top = column.get("histogram"), column["top"] or []
    bars = histogram["counts"] if histogram else [entry["count"] for entry in top] if column["distinct"] > 1 else []
    return ColumnFacts(
        name=column["name"],
        role=column["role"],
        kind=column["kind"],
        missing=sum(column["missing"].values()),
        missing_share=column["missing_share"],
        distinct=column["distinct"],
        bars=tuple(bars),
        gist=_gist(column),
    )


def _gist(column: ColumnProfile) -> str:
    numbers, top = column["numbers"], column["top"]
    if span := column.get("span"):
        return f"{span[0]} to {span[1]}"
    if numbers and numbers["min"] is not None:
        low, middle, high = (show_cell(numbers[key]) for key in ("min", "median", "max"))
        return f"{low} to {high}, median {middle}"
    return f"most often {shorten(top[0]['value'], 40)}" if top else ""


def show_cell(value: float | None) -> str:
    """As people write it into a table: whole numbers without decimals, others without zeros at their end."""
    if value is not None and value == int(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    shown = show_number(value)
    return shown.rstrip("0") if "." in shown and "e" not in shown else shown
