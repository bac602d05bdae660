"""All checks of a prepared dataset, and their findings stored beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcli.config.sections.dataset import DatasetConfig, PlaygroundConfig
from mlcli.data.prepare import Prepared
from mlcli.data.quality.columns import find_useless_columns
from mlcli.data.quality.leaks import find_leaks
from mlcli.data.quality.rows import find_repeated_images, find_repeated_rows, find_shift
from mlcli.data.quality.sample import SAMPLED, DataFinding, draw_sample
from mlcli.data.tables.types import Table
from mlcli.io.atomic import atomic_folder, load_cached, write_json
from mlcli.io.json import check_version, from_json
from mlcli.io.verified import read_json, verify_folder
from mlcli.reporter import Reporter

KIND = "checks"
# Raised when the same rows give other findings or other words.
VERSION = 1


@dataclass(frozen=True)
class _Document:
    schema: int
    findings: tuple[DataFinding, ...]


def obtain_findings(prepared: Prepared, config: DatasetConfig, reporter: Reporter) -> tuple[DataFinding, ...]:
    """The findings stored beside the prepared data, or found now and stored there."""
    folder = prepared.folder.with_name(f"{prepared.folder.name}-checks")
    if (kept := load_cached(folder, _load, reporter, "checking the data anew")) is not None:
        return kept
    with np.errstate(all="ignore"):  # what cannot be computed is no finding
        findings = find_all(prepared, config)
    with atomic_folder(folder, KIND) as new:
        write_json(new / "checks.json", {"schema": VERSION, "findings": findings})
    return findings


def find_all(prepared: Prepared, config: DatasetConfig) -> tuple[DataFinding, ...]:
    """Repeated rows, useless columns, leaks and shift.

    Generated data is not checked. Shift is looked for where the test rows were not drawn at random.
    """
    splits, train = prepared.splits, prepared.splits.train
    if isinstance(config, PlaygroundConfig):
        return ()
    if not isinstance(train, Table):
        return tuple(find_repeated_images(splits, prepared.profile))
    separate, by = config.gives_test_rows, config.split.by
    sample = draw_sample(train, SAMPLED, splits.task == "classification")
    found = list(find_useless_columns(train, prepared.profile))
    ids = {name for finding in found if finding.check == "id" for name in finding.columns}
    found += find_repeated_rows(splits, sample, ids, separate_test=separate)
    found += find_leaks(sample)
    if separate or by in ("time", "group", "given"):
        found += find_shift(splits, ids, expected=by in ("time", "group") and not separate)
    return tuple(found)


def _load(folder: Path) -> tuple[DataFinding, ...]:
    verify_folder(folder, KIND)
    place = folder / "checks.json"
    value = read_json(place)
    check_version(value, VERSION, place)
    return from_json(_Document, value, place).findings
