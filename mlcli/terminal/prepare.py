"""The results of prepare and features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlcli.data.notes import profile_notes
from mlcli.data.tables.types import Images
from mlcli.features.report import feature_notes
from mlcli.terminal.screen import Screen

if TYPE_CHECKING:
    from mlcli.data.prepare import Prepared
    from mlcli.data.quality.sample import DataFinding
    from mlcli.use_cases.features import FeaturesResult
    from mlcli.use_cases.prepare import PrepareResult


def show_prepared(screen: Screen, result: PrepareResult) -> None:
    """Each data set in a line; one alone, or with --verbose, in detail."""
    if len(result.datasets) == 1 or screen.verbose:
        _show_prepared_in_detail(screen, result)
    else:
        _list_prepared(screen, result)


def _list_prepared(screen: Screen, result: PrepareResult) -> None:
    done = [(entry.name, entry.prepared) for entry in result.datasets if entry.prepared is not None]
    left = [entry.name for entry in result.datasets if entry.prepared is None]
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
    if left:
        screen.say(f"Data missing for {', '.join(left)}; details with --verbose")


def _describe_columns(prepared: Prepared) -> str:
    train = prepared.splits.train
    if isinstance(train, Images):
        return f"{' × '.join(map(str, train.pixels.shape[1:]))} pixels"
    return f"{len(train.features)} column{'' if len(train.features) == 1 else 's'}"


def _show_prepared_in_detail(screen: Screen, result: PrepareResult) -> None:
    """Rows of each split, a line per config; what was left out; and what the checks found."""
    done = [(entry.name, entry.prepared) for entry in result.datasets if entry.prepared is not None]
    rows = [
        (name, *(f"{len(prepared.splits[split]):,}" for split in ("train", "valid", "test")), prepared.folder.name)
        for name, prepared in done
    ]
    if rows:
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


def show_features(screen: Screen, result: FeaturesResult) -> None:
    """What became of the columns."""
    features = result.inputs.features
    layout = features.layout
    for note in feature_notes(features.report):
        screen.say(f"· {note}")
    embedded = f" and {len(layout.embedded)} embedded categories" if layout.embedded else ""
    screen.heading(f"{layout.n_numeric} numeric inputs{embedded} for the network")


def show_data_findings(screen: Screen, findings: Sequence[DataFinding], start: str = "") -> None:
    """Serious findings as warnings, the others as notes."""
    for finding in findings:
        if finding.serious:
            screen.warn(start + finding.text)
        else:
            screen.say(f"· {start}{finding.text}")
