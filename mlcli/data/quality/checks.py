"""All checks of a prepared data set, and their findings stored beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcli.config.sections.dataset import DatasetConfig, PlaygroundConfig
from mlcli.data.prepare import Prepared
from mlcli.data.quality.leaks import find_leaks
from mlcli.data.quality.rows import find_repeated_pictures, find_repeated_rows, find_shift, find_useless_columns
from mlcli.data.quality.sample import DataFinding, draw_sample
from mlcli.data.tables.types import Table
from mlcli.io.atomic import atomic_folder, load_cached, write_json
from mlcli.io.json import check_version, from_json
from mlcli.io.verified import read_json, verify_folder
from mlcli.reporter import Reporter

KIND = "checks"
# Raised when the same rows come to give other findings.
VERSION = 1
# Training rows that are looked at closely.
SAMPLED = 10_000


@dataclass(frozen=True)
class _Document:
    schema: int
    findings: tuple[DataFinding, ...]


def obtain_findings(prepared: Prepared, config: DatasetConfig, reporter: Reporter) -> tuple[DataFinding, ...]:
    """What the checks find: as kept beside the prepared data, or found now and kept there."""
    folder = prepared.folder.with_name(f"{prepared.folder.name}-checks")
    if (kept := load_cached(folder, _load, reporter, "checking the data anew")) is not None:
        return kept
    with np.errstate(all="ignore"):  # what cannot be computed gives nothing away
        findings = find_all(prepared, config)
    with atomic_folder(folder, KIND) as new:
        write_json(new / "checks.json", {"schema": VERSION, "findings": [finding.to_json() for finding in findings]})
    return findings


def find_all(prepared: Prepared, config: DatasetConfig) -> tuple[DataFinding, ...]:
    """Rows that are repeated, columns that tell nothing or too much, and test rows that are of another kind.

    Generated data is as it is meant to be, and is not looked at; nor are test rows that were drawn at random, which
    are of no other kind.
    """
    splits, train = prepared.splits, prepared.splits.train
    if isinstance(config, PlaygroundConfig):
        return ()
    if not isinstance(train, Table):
        return tuple(find_repeated_pictures(splits, prepared.profile))
    apart, by = bool(getattr(config, "test_path", None)), config.split.by
    sample = draw_sample(train, SAMPLED, splits.task == "classification")
    found = list(find_useless_columns(train, prepared.profile))
    ids = {name for finding in found if finding.check == "id" for name in finding.columns}
    found += find_repeated_rows(splits, sample, ids, apart=apart)
    found += find_leaks(sample)
    if apart or by in ("time", "group", "given"):
        found += find_shift(splits, ids, expected=by in ("time", "group") and not apart)
    return tuple(found)


def _load(folder: Path) -> tuple[DataFinding, ...]:
    verify_folder(folder, KIND)
    place = folder / "checks.json"
    value = read_json(place)
    check_version(value, VERSION, place)
    return from_json(_Document, value, place).findings
