"""All checks of a prepared dataset: useless columns, leaks, repeated rows and shift, with the findings stored."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from mlcli.config.sections.dataset import DatasetConfig, PlaygroundConfig
from mlcli.data.prepare import Prepared
from mlcli.data.profile import ColumnProfile, Profile
from mlcli.data.quality.leaks import find_leaks
from mlcli.data.quality.sample import FEWEST_ROWS, SAMPLED, DataFinding, RowSample, draw_sample
from mlcli.data.quality.shift import find_shift
from mlcli.data.tables.frames import frames_with, portions
from mlcli.data.tables.types import SPLITS, Kind, SplitName, Splits, Table
from mlcli.io.atomic import atomic_folder, load_cached, verify_folder, write_json
from mlcli.io.json import check_version, from_json, read_json
from mlcli.io.text import some_of
from mlcli.reporter import Reporter

KIND = "checks"
# Raised when the same rows give other findings.
VERSION = 2

# Distinct whole numbers count the rows where their range is at most this many times the number of rows.
DENSE = 1.2
# Constant columns that are named one by one; more are left to features.select.variance.
_MOST_CONSTANT, _LISTED = 20, 8
DISTINCT_TEXTS = 0.99

_ID_ENDS = {"id", "ids", "uuid", "guid", "key", "index", "idx", "rowid", "nr", "rownames", "serial"}
_ID_STARTS = {"unnamed", "rownum", "rownumber"}
_CODE = re.compile(r"(^|_)(zip|zipcode|postcode|postal|plz|cp|code|codigo)(_|$)")

# Repeated rows are serious from these on: a model that remembers them changes the split's scores.
SERIOUS_SHARE, SERIOUS_ROWS = 0.01, 5
# Repeated rows are copies where there are this many times as many as independent columns would give by chance.
BEYOND_CHANCE = 10.0
SAME_FILE = (
    "set dataset.duplicates: drop, which removes rows equal in every column, or dataset.split.by: group, which keeps "
    "rows of one group in one split"
)
OTHER_FILE = "remove them from one of the two"
# Columns of the most distinct values, in which hardly any rows are equal that differ in others.
_TELLING = 3
MEASURED: tuple[SplitName, ...] = ("valid", "test")
SHIFT_REMEDY = "drop the column if it only marks where rows come from, or take both splits from the same source"


@dataclass(frozen=True)
class _Document:
    schema: int
    findings: tuple[DataFinding, ...]


def obtain_findings(prepared: Prepared, config: DatasetConfig, reporter: Reporter) -> tuple[DataFinding, ...]:
    """The findings stored beside the prepared data, or found now and stored there."""
    folder = prepared.folder.with_name(f"{prepared.folder.name}-checks")
    if (kept := load_cached(folder, _load, reporter, "checking the data again")) is not None:
        return kept
    with np.errstate(all="ignore"):  # what cannot be computed is no finding
        findings = find_all(prepared, config)
    with atomic_folder(folder, KIND) as new:
        write_json(new / "checks.json", {"schema": VERSION, "findings": findings})
    return findings


def find_all(prepared: Prepared, config: DatasetConfig) -> tuple[DataFinding, ...]:
    """Doubtful cells, repeated rows, useless columns, leaks and shift.

    Generated data is not checked. Shift is looked for where the test rows were not drawn at random.
    """
    splits, train = prepared.splits, prepared.splits.train
    if isinstance(config, PlaygroundConfig):
        return ()
    if not isinstance(train, Table):
        return tuple(find_repeated_images(splits, prepared.profile))
    separate, by = config.gives_test_rows, config.split.by
    sample = draw_sample(train, SAMPLED, splits.task == "classification")
    found = [*find_cell_doubts(prepared.profile), *find_useless_columns(train, prepared.profile)]
    ids = {name for finding in found if finding.check == "id" for name in finding.columns}
    found += find_repeated_rows(splits, sample, ids, separate_test=separate)
    found += find_leaks(sample)
    if separate or by in ("time", "group", "given"):
        expected = by in ("time", "group") and not separate
        why = "expected from a split by time or group" if expected else SHIFT_REMEDY
        shift = find_shift(splits.train, splits.test, ids, ("training rows", "test rows"), why)
        found += [replace(one, serious=not expected) for one in shift]
    return tuple(found)


def _load(folder: Path) -> tuple[DataFinding, ...]:
    verify_folder(folder, KIND)
    place = folder / "checks.json"
    value = read_json(place)
    check_version(value, VERSION, place)
    return from_json(_Document, value, place).findings


def find_cell_doubts(profile: Profile) -> Iterator[DataFinding]:
    """Columns whose cells may mean something else; none in profiles of older versions."""
    for doubt in (profile["cleaning"] or {}).get("doubts", ()):
        yield DataFinding("cells", doubt["text"], (doubt["column"],), serious=doubt["serious"])


def find_useless_columns(train: Table, profile: Profile) -> Iterator[DataFinding]:
    """Constant columns, row numbers and ids."""
    columns = [column for column in profile["columns"] if column["role"] == "feature" and len(train)]
    alike = [column for column in columns if column["distinct"] <= 1]
    idle = [column["name"] for column in alike if column["distinct"] == 0 or not column["missing"]["train"]]
    if len(idle) > _MOST_CONSTANT:
        text = f"{len(idle):,} columns have the same value in all training rows: {some_of(idle, _LISTED)}"
        yield DataFinding("constant", text, tuple(idle), {"columns": len(idle)}, serious=False)
        idle = []
    for name in idle:
        text = f"column '{name}' has the same value in all training rows; set dataset.drop: [{name}]"
        yield DataFinding("constant", text, (name,))
    n_rows = sum(profile["rows"].values())
    distinct = [column for column in columns if column["distinct"] > 1 and _may_be_id(train, column)]
    parts = frames_with(train.rows, [column["name"] for column in distinct])
    for column, part in zip(distinct, parts, strict=True):
        if reason := _id_reason(part[column["name"]].drop_nulls(), column["kind"], n_rows):
            name = column["name"]
            text = f"column '{name}' {reason}, so it carries no information for new rows; set dataset.drop: [{name}]"
            yield DataFinding("id", text, (name,))


def _may_be_id(train: Table, column: ColumnProfile) -> bool:
    known = len(train) - column["missing"]["train"]
    return column["kind"] != "date" and len(train) >= FEWEST_ROWS and column["distinct"] >= DISTINCT_TEXTS * known


def _id_reason(values: pl.Series, kind: Kind, n_rows: int) -> str:
    """Why a column's known values number or name the rows; empty where they do not."""
    if kind != "category":
        return _row_number_reason(values, n_rows)
    known, distinct = len(values), values.n_unique()  # the profile's count is an estimate in large tables
    return f"has {distinct:,} distinct texts in {known:,} training rows" if distinct > DISTINCT_TEXTS * known else ""


def is_index(values: pl.Series) -> bool:
    """Whether whole numbers, none missing, are consecutive in any order."""
    return values.n_unique() == len(values) and values.max() - values.min() == len(values) - 1  # type: ignore[operator]


def _row_number_reason(values: pl.Series, n_rows: int) -> str:
    """Why these numbers, none missing, number the n_rows rows of a table; empty where they do not or are few."""
    numbers = values.to_numpy()
    if len(numbers) < FEWEST_ROWS or not (numbers == np.floor(numbers)).all() or values.n_unique() < len(numbers):
        return ""
    steps = np.diff(numbers)
    if (steps > 0).all() or (steps < 0).all():
        return "has distinct whole numbers in the order of the rows"
    if np.ptp(numbers) + 1 <= DENSE * n_rows:
        return "numbers the rows: its whole numbers are distinct and nearly without gaps"
    return ""


def has_id_name(name: str) -> bool:
    """Whether a column is called as ids are, such as PassengerId or row_key."""
    words = _snake(name).split("_")
    return words[-1] in _ID_ENDS or words[0] in _ID_STARTS


def has_code_name(name: str) -> bool:
    """Whether a column is called as codes are, such as zip_code, whose numbers are no amounts."""
    return _CODE.search(_snake(name)) is not None


def _snake(name: str) -> str:
    """`PassengerId`, `passenger id` and `passenger-id` as `passenger_id`."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()


def find_repeated_rows(
    splits: Splits, sample: RowSample, ids: Collection[str], *, separate_test: bool
) -> Iterator[DataFinding]:
    """Rows of a table with the features of a training row, whatever their target.

    sample        : of the training rows
    ids           : columns that number or name the rows, which are left out
    separate_test : the test rows come from a source of their own
    """
    names = [name for name in sample.features if name not in ids]
    if not names or not isinstance(splits.train, Table):
        return
    n, counts = len(sample), [np.unique(sample.features[name], return_counts=True)[1] for name in names]
    telling = [names[at] for at in sorted(range(len(names)), key=lambda at: -len(counts[at]))[:_TELLING]]
    repeated = _count_repeated(splits, telling)
    if any(repeated.values()) and len(names) > _TELLING:
        repeated = _count_repeated(splits, names)
    # Of two rows with independent columns being equal: Simpson's index, without replacement.
    equal = float(np.prod([(count * (count - 1.0)).sum() / (n * (n - 1.0)) for count in counts])) if n > 1 else 0.0
    chance = 1 - (1 - equal) ** len(splits.train)
    for split, count in repeated.items():
        if count:
            remedy = OTHER_FILE if separate_test and split == "test" else SAME_FILE
            what = "duplicate the features of a training row"
            yield _repeats(split, count, len(splits[split]), what, remedy, chance)


def _count_repeated(splits: Splits, names: Sequence[str]) -> dict[SplitName, int]:
    """Rows of the other splits that are equal to a training row in these columns."""
    tables = {name: rows for name in SPLITS if isinstance(rows := splits[name], Table)}
    hashes = {name: _hashes(rows, names) for name, rows in tables.items()}
    known = hashes["train"].unique().implode()
    return {name: int(hashes[name].is_in(known).sum()) for name in MEASURED if name in hashes}


def find_repeated_images(splits: Splits, profile: Profile) -> Iterator[DataFinding]:
    """Images equal to a training image in every pixel, which the profile has counted."""
    for split in MEASURED:
        if count := profile["repeated"][split]:
            yield _repeats(split, count, len(splits[split]), "duplicate a training image", OTHER_FILE)


def _repeats(split: SplitName, count: int, n_rows: int, what: str, remedy: str, by_chance: float = 0.0) -> DataFinding:
    """by_chance: the share of repeated rows that is to be expected."""
    share = count / n_rows
    copies = share > BEYOND_CHANCE * by_chance
    serious = copies and share >= SERIOUS_SHARE and count >= SERIOUS_ROWS
    hint = f", so a model may have memorised them; {remedy}" if serious else ""
    if not copies:
        hint = ", as is likely by chance: the columns have few distinct values"
    text = f"{count:,} of {n_rows:,} {split} rows ({share:.1%}) {what}{hint}"
    return DataFinding("duplicates", text, (), {"rows": count, "share": share, "by_chance": by_chance}, serious)


def _hashes(table: Table, names: Sequence[str]) -> pl.Series:
    """UInt64 (n,), over these columns; a file is read a portion at a time."""
    return pl.concat([part.select(names).hash_rows() for _, part in portions(table.rows.select(names))])
