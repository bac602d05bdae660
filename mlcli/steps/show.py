"""The prepared data as pictures, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlcli.checks.columns import find_useless_columns
from mlcli.checks.leaks import find_leaks
from mlcli.checks.sample import draw_sample
from mlcli.config.dataset import PlaygroundConfig
from mlcli.config.schema import Config
from mlcli.data.prepare import Prepared, prepare_dataset
from mlcli.data.types import SplitName, Table
from mlcli.errors import DataError, UsageError
from mlcli.exploration.notable import notable
from mlcli.exploration.outcome import ShowOutcome
from mlcli.exploration.pictures import ExploredPictures, explore_pictures
from mlcli.exploration.table import ExploredTable, explore_table
from mlcli.reporter import Reporter

OPEN_SPLITS: dict[str, SplitName] = {"train": "train", "valid": "valid"}
# Rows in which leaks are looked for.
SAMPLED = 10_000


def show_step(config: Config, reporter: Reporter, split: str = "train", columns: Sequence[str] = ()) -> ShowOutcome:
    """Look at the training or validation rows; the test rows stay locked. Raises UsageError and DataError."""
    chosen = _open_split(split)
    prepared = prepare_dataset(config.dataset, config.seed, reporter)
    rows = prepared.splits[chosen]
    if not len(rows):
        raise DataError(f"{config.name}: there are no {chosen} rows to show; dataset.split decides how many there are")
    explored = _explore(prepared, chosen, columns)
    found = () if columns or chosen != "train" else tuple(_found_by_checks(prepared, config))
    return ShowOutcome(
        config=config.name,
        split=chosen,
        task=prepared.splits.task,
        rows=len(rows),
        data=str(prepared.folder),
        stand_in_for=prepared.stand_in_for,
        fingerprint=prepared.fingerprint,
        explored=explored,
        notes=(*found, *notable(explored)),
        asked=bool(columns),
    )


def _explore(prepared: Prepared, split: SplitName, columns: Sequence[str]) -> ExploredTable | ExploredPictures:
    rows = prepared.splits[split]
    if isinstance(rows, Table):
        return explore_table(rows, prepared.profile, split, prepared.splits.task == "classification", columns)
    if columns:
        raise UsageError(f"--column: {columns[0]!r} cannot be shown: pictures have pixels and no columns")
    return explore_pictures(rows, prepared.profile, split)


def _open_split(name: str) -> SplitName:
    if name not in OPEN_SPLITS:
        locked = "the test rows stay locked until `mlcli evaluate`; " if name == "test" else ""
        raise UsageError(f"--split: {locked}must be one of {', '.join(OPEN_SPLITS)}; got {name!r}")
    return OPEN_SPLITS[name]


def _found_by_checks(prepared: Prepared, config: Config) -> Iterator[str]:
    """Columns that tell nothing, and those that give the target away; generated data is as it is meant to be."""
    train = prepared.splits.train
    if isinstance(train, Table) and not isinstance(config.dataset, PlaygroundConfig):
        sample = draw_sample(train, SAMPLED, prepared.splits.task == "classification")
        yield from (finding.text for finding in find_useless_columns(train, prepared.profile))
        yield from (finding.text for finding in find_leaks(sample))
