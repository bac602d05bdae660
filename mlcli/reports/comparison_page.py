"""A comparison of runs as tables of text, and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.config.loading.dump import Difference, show_setting
from mlcli.io.atomic import write_file
from mlcli.io.text import show_number, show_seconds, show_signed
from mlcli.metrics.catalog import Score
from mlcli.reports.scores import VERDICTS, show_interval
from mlcli.runs.comparison import Comparison, curves_of
from mlcli.runs.listing import RunRecord

if TYPE_CHECKING:
    from mlcli.runs.predictions import Pair

# Characters of a fingerprint that are shown.
SHORT = 12
# Differences below this share of their interval's size are rounding errors.
ROUNDING = 1e-9
NO_BREAK = "\u00a0"
# Rows of a table that the page shows without unfolding.
MAX_OPEN_ROWS = 16


@dataclass(frozen=True)
class TextTable:
    """Rows under a title, or a note in place of rows."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""


def tables_of(comparison: Comparison) -> list[TextTable]:
    """The runs; the differences between their configurations, data and environments, their scores, and paired tests."""
    return [
        _runs(comparison),
        _differing("Configuration", comparison.keys, comparison.names),
        _data(comparison),
        _differing("Environment", comparison.environment, comparison.names),
        _scores(comparison),
        *(_pair(pair) for pair in comparison.pairs if pair.reason is None),
        *_not_paired(comparison.pairs),
    ]


def _runs(comparison: Comparison) -> TextTable:
    pairs = list(zip(comparison.records, comparison.manifests, strict=True))
    seconds = [manifest.timings.get("train") for manifest in comparison.manifests]
    rows = [
        *([("note", *(manifest.note or "–" for _, manifest in pairs))] if any(m.note for _, m in pairs) else []),
        ("status", *(record.status for record, _ in pairs)),
        ("created", *(manifest.created[:16].replace("T", " ") for _, manifest in pairs)),
        ("data", *(manifest.dataset for _, manifest in pairs)),
        ("parameters", *(f"{manifest.n_parameters:,}" for _, manifest in pairs)),
        ("epochs", *(_epochs(record) for record, _ in pairs)),
        ("training time", *("–" if one is None else show_seconds(one) for one in seconds)),
    ]
    valid = [record.valid for record in comparison.records]
    rows += [
        (f"valid {name}", *(show_number(scores.get(name)) for scores in valid))
        for name in dict.fromkeys(name for scores in valid for name in scores)
    ]
    return TextTable("Runs", ("", *comparison.names), tuple(rows))


def _epochs(record: RunRecord) -> str:
    if record.last is None:
        return "–"
    return f"{record.last.epoch}" + (f", best {record.best.best_epoch}" if record.best else "")


def _differing(title: str, found: Sequence[Difference], names: tuple[str, ...]) -> TextTable:
    if not found:
        return TextTable(title, note="identical")
    rows = tuple((one.key, *map(show_setting, one.values)) for one in found)
    return TextTable(title, ("", *names), rows)


def _data(comparison: Comparison) -> TextTable:
    marks = [manifest.data_fingerprint[:SHORT] for manifest in comparison.manifests]
    if comparison.same_data:
        return TextTable("Data", note=f"identical rows and splits (fingerprint {marks[0]})")
    named = ", ".join(f"{name} {mark}" for name, mark in zip(comparison.names, marks, strict=True))
    return TextTable("Data", note=f"different (fingerprints: {named})")


def _scores(comparison: Comparison) -> TextTable:
    measured = [record.measured for record in comparison.records]
    if not any(measured):
        return TextTable("Scores", note="no run has been evaluated; evaluate one with: mlcli evaluate RUN")
    places = tuple("–" if one is None else f"{one.n_rows:,} {one.split} rows" for one in measured)
    rows = [("measured on", *places)]
    thresholds = [record.moved_threshold for record in comparison.records]
    if any(one is not None for one in thresholds):
        rows.append(("threshold", *map(show_number, thresholds)))
    rows += [(name, *map(_score, scores)) for name, scores in comparison.scores.items()]
    return TextTable("Scores", ("", *comparison.names), tuple(rows))


def _score(score: Score | None) -> str:
    if score is None:
        return "–"
    interval = show_interval(score).replace(" ", NO_BREAK)
    return show_number(score.value) + (f" ({interval})" if interval else "")


def _pair(pair: Pair) -> TextTable:
    columns = ("", "difference", f"{100 * pair.confidence:.4g} % interval", f"{pair.ours} is")
    rows = []
    for one in pair.differences:
        known = one.low is not None and one.high is not None
        interval = f"{show_signed(one.low)} to {show_signed(one.high)}" if known else ""
        size = max(abs(one.low or 0.0), abs(one.high or 0.0))
        value = 0.0 if one.value is not None and abs(one.value) < ROUNDING * size else one.value
        rows.append((one.name, show_signed(value), interval, VERDICTS[one.verdict]))
    title = f"{pair.ours} against {pair.theirs}"
    return TextTable(f"{title}, on the same {pair.n_rows:,} {pair.split} rows", columns, tuple(rows))


def _not_paired(pairs: Sequence[Pair]) -> Iterator[TextTable]:
    """Runs that are not compared with the first row by row: a note for each reason."""
    reasons = dict.fromkeys(pair.reason for pair in pairs if pair.reason is not None)
    for reason in reasons:
        apart = [pair for pair in pairs if pair.reason == reason]
        title = f"{', '.join(pair.ours for pair in apart)} against {apart[0].theirs}"
        yield TextTable(title, note=f"not compared row by row: {reason}")


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page to a file, whole or not at all."""
    write_file(path, render_comparison(comparison).encode())


def render_comparison(comparison: Comparison) -> str:
    """The page, which loads nothing and runs nothing; all text from the runs is escaped."""
    from mlcli.reports.figures.learning import draw_overlay
    from mlcli.reports.figures.style import svg_text
    from mlcli.reports.html import render

    figures = {}
    for quantity, series in curves_of(comparison).items():
        when = "Mean over the rows during the epoch." if quantity == "training loss" else "After each epoch."
        figures[quantity] = svg_text(draw_overlay(quantity, when, series))
    runs, configuration, *others = tables_of(comparison)
    return render(
        "comparison.html.j2",
        labels=dict(zip(comparison.names, comparison.labels, strict=True)),
        before=(runs, configuration),
        after=others,
        figures=figures,
        max_open_rows=MAX_OPEN_ROWS,
    )
