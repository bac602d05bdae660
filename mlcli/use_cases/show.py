"""The prepared data explored, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mlcli.config.sections.config import Config
from mlcli.config.sections.dataset import PlaygroundConfig
from mlcli.data.prepare import Prepared, prepare_dataset
from mlcli.data.quality.checks import find_useless_columns
from mlcli.data.quality.leaks import find_leaks
from mlcli.data.quality.sample import SAMPLED, draw_sample
from mlcli.data.splitting import take_rows
from mlcli.data.tables.types import SplitName, Table
from mlcli.eda.association import Scatter
from mlcli.eda.explore import ExploredImages, ExploredTable, ShowResult, explore_images, explore_table
from mlcli.eda.highlights import highlights
from mlcli.errors import DataError, MlcliError, UsageError
from mlcli.reporter import Reporter

OPEN_SPLITS: dict[str, SplitName] = {"train": "train", "valid": "valid"}


def show(
    config: Config, reporter: Reporter, split: str = "train", columns: Sequence[str] = (), *, project: bool = False
) -> ShowResult:
    """Look at the training or validation rows; the test rows stay locked. Raises UsageError and DataError.

    project : whether rows are projected on a plane, which fits the features and takes seconds
    """
    if split not in OPEN_SPLITS:
        locked = "the test rows stay locked until `mlcli evaluate`; " if split == "test" else ""
        raise UsageError(f"--split: {locked}must be one of {', '.join(OPEN_SPLITS)}; got {split!r}")
    chosen = OPEN_SPLITS[split]
    prepared = prepare_dataset(config.dataset, config.seed, reporter)
    rows = prepared.splits[chosen]
    if not len(rows):
        raise DataError(f"{config.name}: there are no {chosen} rows to show; dataset.split decides how many there are")
    explored = _explore(prepared, chosen, columns)
    found = () if columns or chosen != "train" else tuple(_found_by_checks(prepared, config))
    return ShowResult(
        config=config.name,
        split=chosen,
        task=prepared.splits.task,
        rows=len(rows),
        data=str(prepared.folder),
        stand_in_for=prepared.stand_in_for,
        fingerprint=prepared.fingerprint,
        explored=explored,
        notes=(*found, *highlights(explored)),
        asked=bool(columns),
        projections=_projections(config, prepared, chosen, reporter) if project else {},
    )


def _projections(config: Config, prepared: Prepared, split: SplitName, reporter: Reporter) -> Mapping[str, Scatter]:
    """Of the numbers that the network would see; embedded categories are left out. Empty where features do not fit."""
    from mlcli.eda.projections import MAX_PROJECTED, project_rows, target_column
    from mlcli.training.inputs import gather_inputs

    try:
        inputs = gather_inputs(config, reporter, prepared)
    except MlcliError as error:
        reporter.warn(f"no projections of the rows: {error}")
        return {}
    rows = prepared.splits[split]
    sample = take_rows(rows, np.sort(np.random.default_rng(0).permutation(len(rows))[:MAX_PROJECTED]))
    x = inputs.features.transform(sample)[:, : inputs.features.layout.n_numeric].astype(np.float64)
    return project_rows(x, target_column(inputs.task, inputs.task.truth(sample)), len(rows))


def _explore(prepared: Prepared, split: SplitName, columns: Sequence[str]) -> ExploredTable | ExploredImages:
    rows = prepared.splits[split]
    if isinstance(rows, Table):
        return explore_table(rows, prepared.profile, split, prepared.splits.task == "classification", columns)
    if columns:
        raise UsageError(f"--column: {columns[0]!r} cannot be shown: images have pixels and no columns")
    return explore_images(rows, prepared.profile, split)


def _found_by_checks(prepared: Prepared, config: Config) -> Iterator[str]:
    """Useless columns and leaks; generated data is not checked."""
    train = prepared.splits.train
    if isinstance(train, Table) and not isinstance(config.dataset, PlaygroundConfig):
        sample = draw_sample(train, SAMPLED, prepared.splits.task == "classification")
        yield from (finding.text for finding in find_useless_columns(train, prepared.profile))
        yield from (finding.text for finding in find_leaks(sample))
