"""What is shown before a training: the results of init, prepare, features, check and doctor."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from mlcli.data.notes import profile_notes
from mlcli.errors import UsageError
from mlcli.io.memory import shown_size
from mlcli.io.text import counted, printable, some_lines, some_of
from mlcli.terminal.screen import Screen

if TYPE_CHECKING:
    from mlcli.data.prepare import Prepared
    from mlcli.data.quality.sample import DataFinding
    from mlcli.suggest.source import TableFound
    from mlcli.use_cases.check import CheckResult
    from mlcli.use_cases.doctor import DoctorResult
    from mlcli.use_cases.features import FeaturesResult
    from mlcli.use_cases.init import ExampleResult, InitResult
    from mlcli.use_cases.prepare import PrepareResult

# Columns that are listed one by one, and findings of one kind; characters of an example value.
MOST_COLUMNS, MOST_FINDINGS, EXAMPLE_WIDTH = 40, 20, 24
_LISTED = 8


def choose_target(screen: Screen, data: str, found: TableFound) -> str:
    """The column that the user names, by its name or number. Raises UsageError where nobody can be asked."""
    names = found.raw.columns
    if screen.as_json or not (screen.live and sys.stdin.isatty()):
        listed = some_of([*map(printable, names)], MOST_COLUMNS)
        raise UsageError(f"--target: name the column to predict; {data} has: {listed}")
    kinds = {"Float64": "numbers", "String": "text"}
    dtypes, rows = dict(found.frame.schema), []
    half = MOST_COLUMNS // 2
    for number, name in enumerate(names, 1):
        if half < number <= len(names) - half:
            continue  # the target is often one of the last
        kind = kinds[str(dtypes[name])] if name in dtypes else "?"
        examples = found.raw[name].drop_nulls().unique(maintain_order=True).head(3)
        rows.append((str(number), name, kind, ", ".join(str(value)[:EXAMPLE_WIDTH] for value in examples)))
    screen.table(("", "column", "type", "examples"), rows)
    while True:
        answer = screen.ask("Column to predict (name or number): ").strip()
        if answer in names:
            return answer
        if answer.isdigit() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        screen.heading(f"{answer!r} is not a column")


def show_started(screen: Screen, result: InitResult) -> None:
    """The columns left out, and what was written."""
    for line in result.summary:
        screen.heading(line)
    alike: dict[str, list[str]] = {}
    for role in result.columns:
        if role.why:
            alike.setdefault(f"{'left out: ' if role.use == 'drop' else ''}{role.why}", []).append(role.name)
    for line in some_lines(
        f"· {name}: {why}"
        for why, names in alike.items()
        for name in (names if len(names) <= _LISTED else [f"{len(names):,} columns, {some_of(names, _LISTED)}"])
    ):
        screen.say(line)
    for doubt in result.doubts:
        (screen.warn if doubt.serious else screen.say)(doubt.text)
    screen.say(f"Configuration: {result.config}; schema for editors: {result.schema}")


def show_example(screen: Screen, result: ExampleResult) -> None:
    """What was copied."""
    tables = f", with {', '.join(map(str, result.tables))}" if result.tables else ""
    screen.heading(f"Configuration: {result.config}{tables}")


def show_prepared(screen: Screen, result: PrepareResult) -> None:
    """Each data set in a line; one alone, or with --verbose, in detail."""
    done = [(entry.name, entry.prepared) for entry in result.datasets if entry.prepared is not None]
    if len(result.datasets) == 1 or screen.verbose:
        _show_prepared_in_detail(screen, result, done)
    else:
        _list_prepared(screen, result, done)


def _list_prepared(screen: Screen, result: PrepareResult, done: Sequence[tuple[str, Prepared]]) -> None:
    if done:
        screen.heading(f"{len(done)} data sets in {done[0][1].folder.parent}")
        width = max(len(name) for name, _ in done)
        for name, prepared in done:
            rows = sum(prepared.profile["rows"].values())
            screen.say(f"{name:<{width}} {rows:>9,} rows  {_describe_columns(prepared):<15}  {prepared.folder.name}")
    for entry in result.datasets:
        if n_serious := sum(finding.serious for finding in entry.findings):
            warnings = "a warning" if n_serious == 1 else f"{n_serious} warnings"
            screen.warn(f"{entry.name}: {warnings} about the data; details with --verbose")
    if left := [entry.name for entry in result.datasets if entry.prepared is None]:
        screen.say(f"Data missing for {', '.join(left)}; details with --verbose")


def _describe_columns(prepared: Prepared) -> str:
    from mlcli.data.tables.types import Images

    train = prepared.splits.train
    if isinstance(train, Images):
        return f"{' × '.join(map(str, train.pixels.shape[1:]))} pixels"
    return f"{len(train.features)} column{'' if len(train.features) == 1 else 's'}"


def _show_prepared_in_detail(screen: Screen, result: PrepareResult, done: Sequence[tuple[str, Prepared]]) -> None:
    """Rows of each split, a line per config; what was left out; and what the checks found."""
    if done:
        rows = [
            (name, *(f"{len(prepared.splits[split]):,}" for split in ("train", "valid", "test")), prepared.folder.name)
            for name, prepared in done
        ]
        title = f"Rows, prepared in {done[0][1].folder.parent}"
        screen.table(("config", "train", "valid", "test", "folder"), rows, title)
    left = [(entry.name, entry.left_out or "") for entry in result.datasets if entry.prepared is None]
    if left:
        screen.table(("left out", "why"), left)
    if len(done) == 1:
        for note in profile_notes(done[0][1].profile):
            screen.say(f"· {note}")
    for entry in result.datasets:
        show_data_findings(screen, entry.findings, f"{entry.name}: " if len(result.datasets) > 1 else "")


def show_data_findings(screen: Screen, findings: Sequence[DataFinding], start: str = "") -> None:
    """Serious findings as warnings, the others as notes."""
    count: Counter[str] = Counter()
    for finding in findings:
        count[finding.check] += 1
        if count[finding.check] > MOST_FINDINGS:
            continue
        if finding.serious:
            screen.warn(start + finding.text)
        else:
            screen.say(f"· {start}{finding.text}")
    for check, n in count.items():
        if n > MOST_FINDINGS:
            screen.warn(f"{start}{check}: … and {counted(n - MOST_FINDINGS, 'more column')}; --json lists all")


def show_features(screen: Screen, result: FeaturesResult) -> None:
    """The inputs of the network that the columns became."""
    from mlcli.features.report import feature_notes

    features = result.inputs.features
    layout = features.layout
    for note in feature_notes(features.report):
        screen.say(f"· {note}")
    embedded = f" and {len(layout.embedded)} embedded categories" if layout.embedded else ""
    screen.heading(f"{counted(layout.n_numeric, 'numeric input')}{embedded} for the network")


def show_checked(screen: Screen, result: CheckResult) -> None:
    """Rows, columns, layers, steps, cost, and where files would go."""
    counts = ", ".join(f"{count:,} {split}" for split, count in result.rows.items())
    screen.heading(f"{result.config}: {result.task}; rows: {counts}")
    for note in profile_notes(result.prepared.profile):
        screen.say(f"· {note}")
    rows = [
        (one.name, one.role, one.kind, one.becomes, "–" if one.inputs is None else str(one.inputs))
        for one in result.columns[:MOST_COLUMNS]
    ]
    if rows:
        screen.table(("column", "role", "kind", "becomes", "inputs"), rows, "Columns")
    if len(result.columns) > len(rows):
        screen.say(f"… and {counted(len(result.columns) - len(rows), 'more column')}; --json lists all")
    layers = [(one.name, f"{one.inputs:,}", f"{one.units:,}", f"{one.parameters:,}") for one in result.layers]
    screen.table(
        ("layer", "inputs", "units", "parameters"), layers, f"Network: {counted(result.n_parameters, 'parameter')}"
    )
    _show_cost(screen, result)


def _show_cost(screen: Screen, result: CheckResult) -> None:
    context = result.context
    networks = f"{context.networks} networks of " if context.networks > 1 else ""
    free = f" of {shown_size(result.available)} free" if result.available is not None else ""
    of_fold = f"; {shown_size(result.fold_disk)} more for each fold, one at a time" if result.fold_disk else ""
    files = f"{shown_size(result.disk)} of rows, which are read as they are needed{of_fold}"
    lines = {
        "steps": f"{networks}{context.steps:,}: at most {counted(context.epochs, 'epoch')} of "
        f"{context.steps_per_epoch:,}, {counted(context.batch_size, 'row')} each, lr {context.lr:.3g}",
        "on": f"{context.device}, {context.precision}, threads: {context.threads}",
        "memory": f"about {shown_size(result.memory)}{free}, plus PyTorch's own",
        **({"disk": files} if result.disk else {}),
        "time": f"at most about {_seconds(result.seconds)} here ({_seconds(result.seconds_per_epoch)} per epoch)",
        "data": f"{result.prepared.folder}",
        "run": f"{result.run} (not created yet)",
    }
    screen.table(("plan", ""), list(lines.items()))


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def show_examined(screen: Screen, result: DoctorResult) -> None:
    """The report as plain text, then the problems."""
    left = max(len(name) for section in result.report.values() for name in section)
    for title, section in result.report.items():
        if section:
            typer.echo(f"{title}:")
        for name, value in section.items():
            typer.echo(f"  {name.ljust(left)}  {printable(value)}")
    for problem in result.problems:
        screen.warn(problem)
    if not result.problems:
        screen.heading("No problems found. The text above can start a bug report; it names no person and no place.")
