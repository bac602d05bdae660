"""A comparison of runs as tables of text, and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.config.loading.dump import Differing, show_setting
from mlcli.io.atomic import write_file
from mlcli.io.text import show_number, show_seconds
from mlcli.metrics.catalog import Score
from mlcli.reports.wording import show_interval
from mlcli.runs.comparison import Comparison, curves_of
from mlcli.runs.listing import RunRecord
from mlcli.runs.manifest import RunManifest

if TYPE_CHECKING:
    from mlcli.runs.predictions import Pair

# Letters of a fingerprint that tell it from others.
SHORT = 12
ROUNDING = 1e-9
NO_BREAK = "\u00a0"
VERDICTS = {"better": "better", "worse": "worse", "no difference": "no clear difference", "undefined": "–"}


@dataclass(frozen=True)
class TextTable:
    """Rows under a title, or a sentence in their place."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""


def tables_of(comparison: Comparison) -> list[TextTable]:
    """What runs are, in what they differ, how well they do, and what can be said of the difference."""
    return [
        _runs(comparison),
        _differing("Configuration", comparison.keys, comparison.names),
        TextTable("Data", note=_data(comparison)),
        _differing("Environment", comparison.environment, comparison.names),
        _scores(comparison),
        *map(_pair, comparison.pairs),
    ]


def _runs(comparison: Comparison) -> TextTable:
    pairs = list(zip(comparison.records, comparison.manifests, strict=True))
    rows = [
        ("status", *(record.status for record, _ in pairs)),
        ("created", *(manifest.created[:16].replace("T", " ") for _, manifest in pairs)),
        ("data", *(manifest.dataset for _, manifest in pairs)),
        ("parameters", *(f"{manifest.n_parameters:,}" for _, manifest in pairs)),
        ("epochs", *(_epochs(record) for record, _ in pairs)),
        ("training time", *(_seconds(manifest) for _, manifest in pairs)),
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


def _seconds(manifest: RunManifest) -> str:
    seconds = manifest.timings.get("train")
    return "–" if seconds is None else show_seconds(seconds)


def _differing(title: str, found: Sequence[Differing], names: tuple[str, ...]) -> TextTable:
    if not found:
        return TextTable(title, note="the same")
    rows = tuple((one.key, *map(show_setting, one.values)) for one in found)
    return TextTable(title, ("", *names), rows)


def _data(comparison: Comparison) -> str:
    marks = [manifest.data_fingerprint[:SHORT] for manifest in comparison.manifests]
    if comparison.same_data:
        return f"the same rows in the same splits (fingerprint {marks[0]})"
    told = ", ".join(f"{name} {mark}" for name, mark in zip(comparison.names, marks, strict=True))
    return f"not the same (fingerprints: {told})"


def _scores(comparison: Comparison) -> TextTable:
    measured = [record.measured for record in comparison.records]
    if not any(measured):
        return TextTable("Scores", note="none of them has been measured; measure them with: mlcli evaluate RUN")
    places = tuple("–" if one is None else f"{one.n_rows:,} {one.split} rows" for one in measured)
    rows = [("measured on", *places)]
    rows += [(name, *map(_score, scores)) for name, scores in comparison.scores.items()]
    return TextTable("Scores", ("", *comparison.names), tuple(rows))


def _score(score: Score | None) -> str:
    if score is None:
        return "–"
    interval = show_interval(score).replace(" ", NO_BREAK)
    return show_number(score.value) + (f" ({interval})" if interval else "")


def _pair(pair: Pair) -> TextTable:
    title = f"{pair.ours} against {pair.theirs}"
    if pair.reason is not None:
        return TextTable(title, note=f"not compared row by row: {pair.reason}")
    columns = ("", "difference", f"{100 * pair.confidence:.4g} % interval", pair.ours)
    return TextTable(f"{title}, on the same {pair.n_rows:,} {pair.split} rows", columns, tuple(_differences(pair)))


def _differences(pair: Pair) -> Iterator[tuple[str, ...]]:
    for one in pair.differences:
        known = one.low is not None and one.high is not None
        interval = f"{_signed(one.low)} to {_signed(one.high)}" if known else ""
        size = max(abs(one.low or 0.0), abs(one.high or 0.0))
        yield one.name, _signed(one.value, size), interval, VERDICTS[one.verdict]


def _signed(value: float | None, size: float = 0.0) -> str:
    """A difference, with a plus where it is one; 0 for what rounding leaves beside numbers of the size."""
    if value is not None and abs(value) < ROUNDING * size:
        value = 0.0
    shown = show_number(value)
    return f"+{shown}" if value is not None and value > 0 else shown.replace("-", "−")


SUBTITLES = {"training loss": "Mean over the epoch's rows, while the weights changed."}


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page to a file, whole or not at all."""
    write_file(path, render_comparison(comparison).encode())


def render_comparison(comparison: Comparison) -> str:
    """An HTML page that loads nothing and runs nothing; all that comes from runs is escaped."""
    from jinja2 import Environment, StrictUndefined

    from mlcli.reports.figures.learning import draw_overlay
    from mlcli.reports.figures.style import inline_svg, svg_text

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        files(__package__).joinpath("templates", "comparison.html.j2").read_text(encoding="utf-8")
    )
    figures = {
        quantity: inline_svg(svg_text(draw_overlay(quantity, SUBTITLES.get(quantity, "After each epoch."), series)))
        for quantity, series in curves_of(comparison).items()
    }
    return template.render(names=comparison.names, tables=tables_of(comparison), figures=figures)
