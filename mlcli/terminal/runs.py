"""The list of runs, and runs side by side, on stdout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import PurePath
from textwrap import wrap

import typer

from mlcli.config.loading.dump import show_setting
from mlcli.io.text import counted, printable, show_number, show_seconds, some_of
from mlcli.reports.comparison_page import TextTable, tables_of
from mlcli.reports.scales import scale_for, typical_range
from mlcli.reports.scores import show_interval
from mlcli.runs.comparison import Comparison, Series, curves_of, runs_beyond
from mlcli.runs.listing import Changes, ListedRun, Listing, RunRecord
from mlcli.terminal.plot import sparkline
from mlcli.terminal.screen import Screen
from mlcli.use_cases.runs import Deleted, Labels

COLUMNS = ("run", "training", "time", "valid", "test", "interval")
# Dropped first where the terminal is too narrow.
SPARE = ("time", "interval")
GAP = "  "
# Characters of a run's name that are kept before other columns are dropped.
RUN_WIDTH = 20
# Lines of changes, at most.
CHANGE_LINES = 3
STYLES = {"damaged": "red", "diverged": "red", "killed": "yellow", "interrupted": "yellow", "running": "cyan"}
VERDICT_STYLES = {"better": "green", "worse": "red"}
# Letters of a table's column at least, and of a line of tables at most.
MIN_COLUMN, MAX_WIDTH = 12, 120
# Bars of a curve, at most; letters of its first and last value, and the gaps around them.
BARS, ENDS = 40, 30


def show_runs(screen: Screen, listing: Listing) -> None:
    """Two or more lines per run: its scores, and its changes since the run before."""
    if not listing.entries:
        screen.say("No runs yet; train one with: mlcli train CONFIG")
        return
    width = shutil.get_terminal_size((100, 24)).columns
    for line in render_runs(listing, width, datetime.now(UTC)):
        typer.echo(line)
    if len(listing.entries) < listing.total:
        screen.say(f"The last {len(listing.entries)} of {listing.total} runs; --limit 0 shows all")


def show_labels(screen: Screen, labels: Labels) -> None:
    """The tags and the note that the run has now."""
    screen.say(f"{labels.run}: {', '.join(labels.tags) or 'no tags'}{f'; {labels.note}' if labels.note else ''}")


def show_deleted(screen: Screen, deleted: Deleted) -> None:
    """Which runs are gone."""
    screen.say(f"Deleted {', '.join(deleted.runs)}")


def render_runs(listing: Listing, width: int, now: datetime) -> Iterator[str]:
    """The lines, each at most `width` letters."""
    table = [dict(zip(COLUMNS, COLUMNS, strict=True)), *(_cells(entry.record) for entry in listing.entries)]
    widths = _fit(table, width)
    for cells, entry in zip(table, (None, *listing.entries), strict=True):
        line = GAP.join(cut_middle(cells[name], size).ljust(size) for name, size in widths.items()).rstrip()
        if entry is None:
            yield typer.style(line, fg="cyan", bold=True)
        else:
            yield typer.style(line, fg=STYLES.get(entry.record.status))
            yield from (typer.style(f"  {text}", dim=True) for text in _more(entry, width - 2, now))


def _cells(record: RunRecord) -> dict[str, str]:
    manifest, config, test = record.manifest, record.config, record.test
    epochs = "" if record.last is None else f" {record.last.epoch}"
    if record.last is not None and config is not None and config.training.epochs != record.last.epoch:
        epochs += f"/{config.training.epochs}"
    seconds = None if manifest is None else manifest.timings.get("train")
    values = (
        str(record.run),
        f"{record.status}{epochs}",
        "" if seconds is None else show_seconds(seconds),
        "" if record.headline is None else f"{record.headline[0]} {show_number(record.headline[1])}",
        "" if test is None else show_number(test.value),
        "" if test is None else show_interval(test),
    )
    return {name: printable(value) for name, value in zip(COLUMNS, values, strict=True)}


def _fit(table: Sequence[dict[str, str]], width: int) -> dict[str, int]:
    """Widths of the columns shown; on a narrow terminal names of runs are cut and spare columns left out."""
    widths = {name: max(len(cells[name]) for cells in table) for name in COLUMNS}

    def excess() -> int:
        return max(0, sum(widths.values()) + len(GAP) * (len(widths) - 1) - width)

    def narrow_runs(least: int) -> None:
        widths["run"] = min(widths["run"], max(least, widths["run"] - excess()))

    narrow_runs(RUN_WIDTH)
    for name in SPARE:
        if excess():
            del widths[name]
    narrow_runs(len(COLUMNS[0]))
    return widths


def _more(entry: ListedRun, width: int, now: datetime) -> list[str]:
    """When, on what, how large, and what changed; or what is damaged."""
    manifest = entry.record.manifest
    facts = []
    if manifest is not None:
        path = getattr(entry.record.config and entry.record.config.dataset, "path", None)
        data = PurePath(path).name if path else manifest.dataset  # `csv` says less than the file's name
        if manifest.stand_in_for:
            data = f"{manifest.dataset} in place of {manifest.stand_in_for}"
        labels = [f"[{tag}]" for tag in manifest.tags] + ([manifest.note] if manifest.note else [])
        labels += [f"from {manifest.parent}"] if manifest.parent else []
        facts = [*labels, show_age(manifest.created, now), data, counted(manifest.n_parameters, "parameter")]
    if (threshold := entry.record.moved_threshold) is not None:
        facts.append(f"test at threshold {show_number(threshold)}")
    facts += entry.record.problems
    if entry.changes is not None:
        facts.append(describe_changes(entry.changes))
    lines = wrap(printable(" · ".join(facts)), width)
    if len(lines) > CHANGE_LINES:
        lines = [*lines[: CHANGE_LINES - 1], cut_middle(lines[CHANGE_LINES - 1] + " …", width)]
    return lines


def describe_changes(changes: Changes) -> str:
    """One clause: `since 002: optimizer.lr 0.01 → 0.1, different data`."""
    changed = [f"{one.key} {show_setting(one.values[0])} → {show_setting(one.values[1])}" for one in changes.keys]
    changed += ["different data"] if changes.other_data else []
    return f"since {changes.since.rpartition('/')[2]}: {', '.join(changed) or 'no changes'}"


def show_age(created: str, now: datetime) -> str:
    """How long ago, or the day where that is more than a week."""
    try:
        then = datetime.fromisoformat(created)
        seconds = (now - then).total_seconds()
    except (TypeError, ValueError):
        return created
    if seconds >= 7 * 86400:
        return then.astimezone().date().isoformat()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return "just now"


def cut_middle(text: str, width: int) -> str:
    """At most `width` letters of a text, without its middle; names of runs differ at their ends."""
    tail = (width - 1) // 2
    return text if len(text) <= width else f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def show_comparison(screen: Screen, comparison: Comparison) -> None:
    """The tables, and each run's curves as sparklines."""
    if screen.quiet:
        return
    width = min(MAX_WIDTH, shutil.get_terminal_size((100, 24)).columns)
    blocks = [render_table(table, width) for table in tables_of(comparison)]
    blocks += [render_curves(quantity, series, width) for quantity, series in curves_of(comparison).items()]
    for line in chain.from_iterable(blocks):
        typer.echo(line)


def render_table(table: TextTable, width: int) -> Iterator[str]:
    """The lines of a table; cells that are too long for the terminal go on in the next line."""
    yield from (typer.style(line, fg="cyan", bold=True) for line in wrap(printable(table.title), width))
    if table.note:
        yield from (f"  {line}" for line in wrap(printable(table.note), width - 2))
    if table.rows:
        rows = [tuple(map(printable, row)) for row in (table.columns, *table.rows)]
        widths = _fit_columns(rows, width - 2)
        for at, row in enumerate(rows):
            style = {"bold": True} if at == 0 else {"fg": VERDICT_STYLES.get(row[-1])}
            yield from (typer.style(f"  {line}", **style) for line in _lines(row, widths))
    yield ""


def render_curves(quantity: str, series: Series, width: int) -> Iterator[str]:
    """A sparkline per run, all on the same two scales, with the first and the last value; and which go beyond it."""
    names = {run: printable(run) for run in series}
    left = min(max(map(len, names.values())), width // 3)
    bars = sparklines(series, max(MIN_COLUMN, min(BARS, width - left - ENDS)))
    yield typer.style(printable(f"{quantity[0].upper()}{quantity[1:]}"), fg="cyan", bold=True)
    for run, values in series.items():
        if known := [value for value in values if value is not None]:
            ends = f"{show_number(known[0])} → {show_number(known[-1])}"
            yield f"  {cut_middle(names[run], left).ljust(left)}{GAP}{bars[run]}{GAP}{ends}"
    span = typical_range(series.values())
    if span is not None and (beyond := runs_beyond(series, span)):
        yield from (f"  {line}" for line in wrap(printable(describe_scale(span, beyond)), width - 2))
    yield ""


def describe_scale(span: tuple[float, float], beyond: Sequence[str]) -> str:
    """The scale's ends, where runs go beyond them."""
    return f"scale: {show_number(span[0])} to {show_number(span[1])}; beyond it: {some_of(beyond, 3)}"


def sparklines(series: Series, width: int) -> dict[str, str]:
    """The sparkline of each run: the longest run takes at most `width` characters, shorter ones their share of them."""
    span = typical_range(series.values())
    scale = scale_for(span) if span is not None and span[0] < span[1] else None
    longest = max(map(len, series.values()))
    each = -(-longest // width)
    return {run: sparkline(values, -(-len(values) // each), scale) for run, values in series.items()}


def _fit_columns(rows: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """Widths of the columns; where they do not fit, the widest are narrowed first, and the first one last."""
    first, *rest = (max(map(len, column)) for column in zip(*rows, strict=True))
    room = width - len(GAP) * len(rest)
    while first + sum(rest) > room and max(rest) > MIN_COLUMN:
        rest[rest.index(max(rest))] -= 1
    return [max(MIN_COLUMN, min(first, room - sum(rest))), *rest]


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    for at in range(max(map(len, cells))):
        parts = [(cell[at] if at < len(cell) else "").ljust(width) for cell, width in zip(cells, widths, strict=True)]
        yield GAP.join(parts).rstrip()
