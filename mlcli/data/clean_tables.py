"""Raw rows to cleaned tables: roles, kinds, task, labels, and the report of the cleaning."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from mlcli.config.sections.rows import TableConfig
from mlcli.data.cleaning import (
    check_classes,
    check_spread,
    check_weights,
    distinct_counts,
    doubt_labels,
    doubt_words,
    drop_incomplete,
    drop_without_target,
    how_to_keep,
    mark_duplicates,
    refuse_new_classes,
    sparse_columns,
)
from mlcli.data.selection import CellsConfig, Selected, cells_config, select_cells
from mlcli.data.tables.doubts import find_text_doubts, find_value_doubts
from mlcli.data.tables.inference import infer_task
from mlcli.data.tables.labels import begins_with_zero, by_value, like_known
from mlcli.data.tables.rows import Rows, as_text, kind_of, require_columns
from mlcli.data.tables.staged import StagedRows
from mlcli.data.tables.types import CleaningReport, Column, ColumnReport, Doubt, Kind, SourceRead, Table, TaskKind
from mlcli.data.tables.zeros import find_zero_doubts
from mlcli.errors import DataError
from mlcli.io.text import counted

# Columns of more distinct texts are ids or free text, which are not searched for near-duplicates.
_MOST_LABELS = 10_000


@dataclass(frozen=True)
class Roles:
    """Names of the columns by role; split is the column that decides the split, weight that of the rows' weights."""

    features: tuple[str, ...]
    targets: tuple[str, ...]
    split: str | None
    weight: str | None = None

    @property
    def table(self) -> tuple[str, ...]:
        """Features and targets."""
        return self.features + self.targets

    @property
    def all(self) -> tuple[str, ...]:
        """Every column with a role."""
        return (*self.table, *filter(None, (self.split, self.weight)))

    def without(self, names: Collection[str]) -> Roles:
        """The same without some features."""
        return replace(self, features=tuple(name for name in self.features if name not in names))


def assign_roles(rows: Rows | StagedRows, targets: tuple[str, ...], config: TableConfig) -> Roles:
    """Every column that has no other role is a feature; unknown names raise DataError."""
    columns, label = rows.columns, rows.origin.label
    split, weight = config.split.column, config.weight_name
    named = {"target": targets, "split.column": [split] if split else [], "weight": [weight] if weight else []}
    named |= {key: getattr(config, key) for key in ("drop", "types", "dates", "numbers", "keep", "replace")}
    for key, names in named.items():
        require_columns(names, columns, f"dataset.{key}", label)
    for name in targets:
        if name in config.drop or name == split:
            raise DataError(f"{label}: {name!r} is dataset.target, so it cannot be in dataset.drop or split.column")
    others = {*targets, *config.drop, split, weight}
    return Roles(tuple(name for name in columns if name not in others), targets, split, weight)


def wanted_kinds(roles: Roles, config: TableConfig) -> dict[str, Kind]:
    """Declared kinds; the split column is text unless it is a time, and weights are numbers."""
    kinds: dict[str, Kind] = {**dict.fromkeys(config.dates, "date"), **config.types}
    if roles.weight is not None:
        kinds[roles.weight] = "number"
    if roles.split is not None and config.split.by != "time":
        kinds.setdefault(roles.split, "category")
    return kinds


def clean_tables(
    raw: Rows | StagedRows, raw_test: Rows | StagedRows | None, targets: tuple[str, ...], config: TableConfig
) -> SourceRead:
    """Select and infer cells, infer the task, and clean; separate test rows take the columns and kinds of the others.

    Classes are text, whatever they were: '3', 'true'. Raises DataError where data and config do not fit.
    """
    roles = assign_roles(raw, targets, config)
    wanted = wanted_kinds(roles, config)
    doubts = list[Doubt]()

    def select(rows: Rows, names: Sequence[str]) -> Selected:
        test = raw_test if raw_test is None else raw_test.take(name for name in names if name in raw_test.columns)
        own = Roles(
            _among(roles.features, names),
            _among(roles.targets, names),
            roles.split if roles.split in names else None,
            roles.weight if roles.weight in names else None,
        )
        selected, found = _select(rows, own, wanted, config, test)
        doubts.extend(found)
        return selected

    selected = _select_columns(raw, roles, config, select)
    dropped = sparse_columns(selected.rows, roles.features, config.missing)
    roles = roles.without(dropped)
    _refuse_gaps(selected.rows, roles)
    task = infer_task(selected.rows, targets, config.task)
    rows, report = _clean(selected, roles, task, config, drop_repeated=config.duplicates == "drop")
    doubts += _label_doubts(report, rows, roles, selected, config)
    if task == "classification":
        check_classes(rows, targets[0], asked=config.task == task)
    else:
        check_spread(rows, targets)
    test, test_report = None, None
    if raw_test is not None:
        test_rows, test_report = _clean_test(raw_test, selected.rows, rows, roles, task, config)
        test = _table(test_rows, roles)
    reasons = dict.fromkeys(config.drop, "dataset.drop") | dropped
    notes = (*report.notes, *_describe_weights(rows, roles.weight))
    report = replace(report, dropped_columns=reasons, notes=notes, doubts=tuple(doubts), test=test_report)
    split_key = rows.frame[roles.split] if roles.split else None
    numbers = rows.numbers.cast(pl.Int64).to_numpy() + 1
    return SourceRead(_table(rows, roles), test, task, split_key, report, numbers)


def _select(
    raw: Rows, roles: Roles, wanted: Mapping[str, Kind], config: TableConfig, test: Rows | None = None
) -> tuple[Selected, tuple[Doubt, ...]]:
    """The columns with a role, typed, and what is doubtful of them."""
    plain = (*roles.targets, *filter(None, (roles.split, roles.weight)))
    cells, because = cells_config(config), "as the dataset section says"
    cells = replace(cells, dates={name: form for name, form in cells.dates.items() if name in raw.columns})
    selected = select_cells(raw, roles.all, cells, wanted, because, plain=plain, test=test)
    doubts = tuple(_find_doubts(raw, selected.rows, roles, config, cells))
    if roles.targets and (codes := _code_targets(raw, selected.rows, roles.targets, config)):
        selected = select_cells(raw, roles.all, cells, {**wanted, **codes}, because, plain=plain, test=test)
    return selected, doubts


def _among(names: Sequence[str], some: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in some)


def _select_columns(
    raw: Rows | StagedRows, roles: Roles, config: TableConfig, select: Callable[[Rows, Sequence[str]], Selected]
) -> Selected:
    """What `select` makes of all columns at once or, of rows in a file, of each in turn, all targets together."""
    if isinstance(raw, Rows):
        return select(raw, roles.all)
    blocks = [
        *((name,) for name in roles.features),
        roles.targets,
        *((name,) for name in (roles.split, roles.weight) if name),
    ]
    columns, notes, parts = list[pl.Series](), dict[str, None](), list[Selected]()
    for block in blocks:
        raw.spill.require_memory(raw.frame, block[0], len(raw))
        part = select(raw.take((*block, *config.keep)), block)
        columns += map(raw.spill.keep, part.rows.frame)
        notes |= dict.fromkeys(part.rows.notes)
        # The same rows are left of all columns.
        parts.append(replace(part, rows=parts[0].rows if parts else part.rows.with_frame(pl.DataFrame())))
    rows = replace(parts[0].rows, frame=pl.DataFrame(columns).select(roles.all), notes=tuple(notes), spill=raw.spill)
    joined = (ChainMap(*maps) for maps in zip(*((own.replaced, own.invalid) for own in parts), strict=True))
    replaced, invalid = map(dict, joined)
    words = dict(ChainMap(*(own.words for own in parts)))
    return Selected(rows, parts[0].n_read, replaced, invalid, words)


def _find_doubts(raw: Rows, rows: Rows, roles: Roles, config: TableConfig, cells: CellsConfig) -> Iterator[Doubt]:
    """Of features, and of targets that are not declared to be classes."""
    targets = () if config.task == "classification" else roles.targets
    names = [name for name in (*roles.features, *targets) if name not in config.types and name not in config.numbers]
    yield from find_text_doubts(rows, names, targets, cells.decimal)
    undeclared = [name for name in names if name not in config.replace and name not in roles.targets]
    yield from find_value_doubts(raw, rows, undeclared, config.dates)
    numbers = [name for name in undeclared if rows.frame.schema[name] == pl.Float64]
    yield from find_zero_doubts(raw, rows, numbers)


def _code_targets(raw: Rows, rows: Rows, targets: tuple[str, ...], config: TableConfig) -> dict[str, Kind]:
    """The target as a category where it is classes written as numbers with leading zeros, of which 01 is not 1."""
    (target, *others), written = targets, raw.frame[targets[0]]
    if others or target in config.types or rows.frame.schema[target] != pl.Float64 or not begins_with_zero(written):
        return {}
    return {target: "category"} if infer_task(rows, targets, config.task) == "classification" else {}


def _label_doubts(
    report: CleaningReport, rows: Rows, roles: Roles, selected: Selected, config: TableConfig
) -> Iterator[Doubt]:
    """What was read as missing or may be misspelt: serious where it is a class."""
    words, n_dropped = selected.words, report.rows_without_target
    for name in (name for name in roles.targets if name in words and n_dropped):
        why = how_to_keep(name, words[name], config.missing)
        dropped = counted(n_dropped, "row without a target was", "rows without a target were")
        yield Doubt(name, f"{dropped} dropped: {why}")
    yield from doubt_words(rows, roles.features, words)
    for column in report.columns:
        if column.kind == "category" and column.distinct <= _MOST_LABELS:
            yield from doubt_labels(rows.frame.get_column(column.name), serious=column.role == "target")


def _refuse_gaps(rows: Rows, roles: Roles) -> None:
    if not roles.features:
        raise DataError(f"{rows.origin.label}: no feature columns are left beside {', '.join(roles.targets)}")
    missing = rows.frame[roles.split].is_null() if roles.split else pl.Series([False])
    if missing.any():
        raise DataError(
            f"{rows.place(rows.first(missing))}: dataset.split.column {roles.split!r} is missing in "
            f"{int(missing.sum()):,} of {len(rows):,} rows, this one first; fill it in, or split by another column"
        )


def _clean_test(
    raw: Rows | StagedRows, parsed: Rows, train: Rows, roles: Roles, task: TaskKind, config: TableConfig
) -> tuple[Rows, CleaningReport]:
    """Test rows cleaned; parsed: the training rows before classes became text, whose kinds they take."""
    label = raw.origin.label
    roles = replace(roles, split=None)
    require_columns((*roles.all, *config.keep), raw.columns, f"columns of {train.origin.label}", label)
    wanted: dict[str, Kind] = {name: kind_of(parsed.frame, name) for name in roles.all}
    because = f"as it is in {train.origin.label}"

    def select(rows: Rows, names: Sequence[str]) -> Selected:
        own = {name: wanted[name] for name in names}
        return select_cells(rows, names, cells_config(config), own, because, fitted=True)

    selected = _select_columns(raw, roles, config, select)
    known = train.frame[roles.targets[0]].unique().to_list() if task == "classification" else ()
    rows, report = _clean(selected, roles, task, config, known, drop_repeated=False)
    if task == "classification":
        refuse_new_classes(rows, train, roles.targets[0])
    return rows, report


def _clean(
    selected: Selected,
    roles: Roles,
    task: TaskKind,
    config: TableConfig,
    classes: Sequence[str] = (),
    *,
    drop_repeated: bool,
) -> tuple[Rows, CleaningReport]:
    """Rows dropped as the configuration says, and classes as text; classes: those of other rows, if there are such."""
    kept = selected.rows.with_frame(selected.rows.frame.select(roles.all))
    if task == "classification":
        kept = kept.with_frame(kept.frame.with_columns(_as_labels(kept.frame[roles.targets[0]], classes)))
    labelled = drop_without_target(kept, roles.targets, config.missing, selected.words)
    complete = drop_incomplete(labelled, roles.features, config.missing)
    again = mark_duplicates(complete.frame)
    rows = complete.where(~again) if drop_repeated else complete
    if roles.weight is not None:
        check_weights(rows, roles.weight)
    columns = _column_reports(kept, rows, roles, selected.replaced)
    invalid = (
        f"column {name!r}: {counted(count, 'cell is', 'cells are')} neither true nor false, unlike the training rows', "
        f"and {'is' if count == 1 else 'are'} missing"
        for name, count in selected.invalid.items()
    )
    return rows, CleaningReport(
        source=rows.origin.label,
        rows_read=selected.n_read,
        rows_kept=len(kept),
        rows_without_target=len(kept) - len(labelled),
        rows_with_missing=len(labelled) - len(complete),
        duplicates=int(again.sum()),
        duplicates_dropped=len(complete) - len(rows),
        rows=len(rows),
        columns=columns,
        dropped_columns={},
        constant=tuple(column.name for column in columns if column.role == "feature" and column.distinct <= 1),
        notes=(*rows.notes, *invalid),
    )


def _as_labels(target: pl.Series, classes: Sequence[str]) -> pl.Series:
    labels = target if target.dtype == pl.String else as_text(target)
    return (like_known(labels, classes) if classes else by_value(labels)).alias(target.name)


def _column_reports(kept: Rows, rows: Rows, roles: Roles, replaced: Mapping[str, int]) -> tuple[ColumnReport, ...]:
    missing, distinct = kept.frame.null_count(), distinct_counts(rows.frame.select(roles.table))
    return tuple(
        ColumnReport(
            name=name,
            role="target" if name in roles.targets else "feature",
            kind=kind_of(rows.frame, name),
            missing=int(missing[name][0]),
            distinct=distinct[name],
            replaced=replaced.get(name, 0),
        )
        for name in roles.table
    )


def _describe_weights(rows: Rows, name: str | None) -> Iterator[str]:
    """By how many equal ones the rows count (Kish, 1965)."""
    if name is not None:
        weights = rows.frame[name].to_numpy()
        alike = counted(round(float(weights.sum() ** 2 / (weights @ weights))), "equal one")
        span = f"from {weights.min():g} to {weights.max():g}"
        yield f"column {name!r} weighs the rows, {span}: {len(rows):,} rows count as {alike}"


def _table(rows: Rows, roles: Roles) -> Table:
    frame = rows.frame.select(roles.table)
    features, targets = (
        tuple(Column(name, kind_of(frame, name)) for name in names) for names in (roles.features, roles.targets)
    )
    weights = None if roles.weight is None else rows.frame[roles.weight].to_numpy()
    return Table(frame, features, targets, weights=weights)
