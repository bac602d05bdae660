"""Cross-field checks of the data: its source, its split and its columns."""

import re
from collections import Counter
from collections.abc import Iterator

from mlcli.config.rules.values import ConfigIssue
from mlcli.config.sections.config import Config, has_valid_rows
from mlcli.config.sections.dataset import CsvConfig, DatasetConfig, IdxConfig, SqlConfig
from mlcli.config.sections.features import ColumnConfig, FeaturesConfig
from mlcli.config.sections.rows import ImageConfig, TableConfig
from mlcli.formulas.parse import parse_formula
from mlcli.formulas.program import FormulaError
from mlcli.io.text import ENCODINGS, is_encoding, nearest

_A_MONTH = ("%[Yy]", "%[mbB]")
SPLIT = ("dataset", "split")
_BY_COLUMN = ("group", "time", "given")
WEIGHT = ("dataset", "weight")
_DATASET = (("dataset", "target"), ("dataset", "drop"), ("dataset", "split", "column"), ("dataset", "types"), WEIGHT)


def check_source(dataset: DatasetConfig) -> Iterator[ConfigIssue]:
    """Keys of one source that exclude or need each other."""
    match dataset:
        case SqlConfig(path=None, url=None):
            message = "is required: path of a SQLite file, or url of another database"
            yield ConfigIssue(("dataset", "path"), message, at_key=True)
        case SqlConfig(path=str(), url=str()):
            message = "cannot be combined with dataset.path: a query runs on one database; remove one of them"
            yield ConfigIssue(("dataset", "url"), message)
        case IdxConfig() if (dataset.test_images is None) != (dataset.test_labels is None):
            here, lacking = ("labels", "images") if dataset.test_images is None else ("images", "labels")
            yield ConfigIssue(("dataset", f"test_{here}"), f"needs dataset.test_{lacking} as well")
        case CsvConfig() if dataset.delimiter == dataset.decimal:
            message = f"is also the delimiter: {dataset.decimal!r}; choose different characters"
            yield ConfigIssue(("dataset", "decimal"), message)
    if isinstance(dataset, CsvConfig):
        yield from _check_layout(dataset)
    if isinstance(dataset, TableConfig):
        yield from _check_target(dataset, dataset.target_names)
        yield from _check_dates(dataset, dataset.target_names)
        yield from _check_weight(dataset)
        yield from _check_numbers(dataset)


def _check_numbers(dataset: TableConfig) -> Iterator[ConfigIssue]:
    decimal = dataset.decimal if isinstance(dataset, CsvConfig) else "."
    for name, form in dataset.numbers.items():
        at = ("dataset", "numbers", name)
        if form.thousands == (form.decimal or decimal):
            message = f"is also the decimal mark; set dataset.numbers.{name}.decimal to another mark"
            yield ConfigIssue((*at, "thousands"), message, reads=((*at, "decimal"), ("dataset", "decimal")))
        if (kind := dataset.types.get(name, "number")) != "number":
            message = f"says how numbers are written, but dataset.types declares {name!r} as {kind}; remove one of them"
            yield ConfigIssue(at, message, at_key=True, reads=(("dataset", "types"),))
        if name in dataset.dates:
            message = f"says how numbers are written, but {name!r} is in dataset.dates too; remove one of them"
            yield ConfigIssue(at, message, at_key=True, reads=(("dataset", "dates"),))


def _check_layout(dataset: CsvConfig) -> Iterator[ConfigIssue]:
    if not is_encoding(dataset.encoding):
        near = nearest(dataset.encoding, ENCODINGS)
        advice = f"did you mean {near}?" if near else "such as utf-8, cp1252, utf-16, gbk or shift_jis"
        message = f"must be a text encoding that Python knows, {advice}; got {dataset.encoding!r}"
        yield ConfigIssue(("dataset", "encoding"), message)
    if dataset.columns and dataset.header is not False:
        message = "needs dataset.header: false: a file with a header names its columns itself"
        yield ConfigIssue(("dataset", "columns"), message, at_key=True, reads=(("dataset", "header"),))
    name, count = next(iter(Counter(dataset.columns).most_common(1)), ("", 0))
    if count > 1:
        yield ConfigIssue(("dataset", "columns"), f"names {name!r} {count} times; rename the others")


def _check_dates(dataset: TableConfig, targets: tuple[str, ...]) -> Iterator[ConfigIssue]:
    for name, form in dataset.dates.items():
        at = ("dataset", "dates", name)
        if not all(re.search(marks, form) for marks in _A_MONTH) and not re.search("%[Yy].*%j|%j.*%[Yy]", form):
            yield ConfigIssue(
                at, f"must contain month (%m or %b), year (%Y) and, where there is one, day (%d); got {form!r}"
            )
        if ("%H" in form or "%I" in form) != ("%M" in form):
            yield ConfigIssue(at, f"must contain hour (%H, or %I and %p) and minute (%M), or neither; got {form!r}")
        if (kind := dataset.types.get(name, "date")) != "date":
            message = f"is a date format, but dataset.types declares {name!r} as {kind}; remove one of them"
            yield ConfigIssue(at, message, at_key=True, reads=(("dataset", "types"),))
        if name in targets:
            yield ConfigIssue(at, "the column is the target, which cannot be a date; remove it", at_key=True)


def _check_target(dataset: TableConfig, targets: tuple[str, ...]) -> Iterator[ConfigIssue]:
    for target in sorted({target for target in targets if targets.count(target) > 1}):
        yield ConfigIssue(("dataset", "target"), f"lists {target!r} twice")
    for target in dict.fromkeys(targets):
        if target in dataset.drop:
            message = f"drops the target {target!r}; remove it here"
            yield ConfigIssue(("dataset", "drop"), message, reads=(("dataset", "target"),))
        kind = dataset.types.get(target, "number")
        if len(targets) > 1 and kind != "number":
            message = f"must be number: several targets are predicted as numbers; got {kind}"
            yield ConfigIssue(("dataset", "types", target), message, reads=(("dataset", "target"),))
        elif kind not in ("number", "category"):
            message = f"must be number or category: {target!r} is predicted, as classes or numbers; got {kind}"
            yield ConfigIssue(("dataset", "types", target), message, reads=(("dataset", "target"),))
    if len(targets) > 1 and dataset.task == "classification":
        message = "must be regression or auto with several targets; got classification"
        yield ConfigIssue(("dataset", "task"), message, reads=(("dataset", "target"),))


def _check_weight(dataset: TableConfig) -> Iterator[ConfigIssue]:
    if (name := dataset.weight_name) is None:
        return
    taken = {
        "the target": (name in dataset.target_names, ("dataset", "target")),
        "the split column": (name == dataset.split.column, (*SPLIT, "column")),
        "dropped by dataset.drop": (name in dataset.drop, ("dataset", "drop")),
        "a date by dataset.dates": (name in dataset.dates, ("dataset", "dates")),
    }
    for use, (is_so, at) in taken.items():
        if is_so:
            yield ConfigIssue(WEIGHT, f"{name!r} is {use}; name another column, or remove one of them", reads=(at,))
    if (kind := dataset.types.get(name, "number")) != "number":
        message = f"must be number: {name!r} is dataset.weight; got {kind}"
        yield ConfigIssue(("dataset", "types", name), message, reads=(WEIGHT,))


def check_split(config: Config) -> Iterator[ConfigIssue]:
    """Keys of the split that exclude each other, and keys that need validation rows."""
    yield from _check_split_column(config.dataset)
    test, valid, by = config.dataset.split.test, config.dataset.split.valid, config.dataset.split.by
    shares = isinstance(test, float) and isinstance(valid, float)
    if shares and test + valid >= 1 and not config.dataset.gives_test_rows and by != "given":
        message = f"test {test:g} and valid {valid:g} leave no rows to train on; together they must be < 1"
        reads = ((*SPLIT, "test"), (*SPLIT, "valid"), ("dataset", "test_path"))
        yield ConfigIssue(SPLIT, message, at_key=True, reads=reads)
    yield from _check_folds(config)
    if not has_valid_rows(config.dataset):
        yield from _needs_valid_rows(config)


def _check_split_column(dataset: DatasetConfig) -> Iterator[ConfigIssue]:
    split, at = dataset.split, (*SPLIT, "column")
    reads = ((*SPLIT, "by"), ("dataset", "target"), ("dataset", "drop"))
    if split.by in _BY_COLUMN and isinstance(dataset, ImageConfig):
        message = f"must be random, stratified or auto, as images have no columns; got {split.by}"
        yield ConfigIssue((*SPLIT, "by"), message)
    elif split.by in _BY_COLUMN and split.column is None:
        yield ConfigIssue((*SPLIT, "by"), f"{split.by} needs dataset.split.column, the column to split by", reads=(at,))
    elif split.by not in _BY_COLUMN and split.column is not None:
        message = f"is not used by {split.by}; set dataset.split.by to group, time or given, or remove column"
        yield ConfigIssue(at, message, reads=reads)
    elif split.column in dataset.target_names:
        yield ConfigIssue(at, f"is the target {split.column!r}, and cannot decide the split as well", reads=reads)
    elif isinstance(dataset, TableConfig) and split.column in dataset.drop:
        message = f"{split.column!r} is in dataset.drop too; remove it there (it is not a feature anyway)"
        yield ConfigIssue(at, message, reads=reads)
    if split.by == "stratified" and dataset.known_task == "regression":
        message = "stratified needs classes, and the task is regression; use random"
        yield ConfigIssue((*SPLIT, "by"), message, reads=(("dataset", "task"), ("dataset", "target")))


def _check_folds(config: Config) -> Iterator[ConfigIssue]:
    """Folds are split from the rows that step 1 has prepared; by time there is one way to split them."""
    evaluation, by_time = config.evaluation, config.dataset.split.by == "time"
    at, reads = ("evaluation", "folds"), ((*SPLIT, "by"),)
    if evaluation.repeats > 1 and not isinstance(evaluation.folds, int):
        message = f"needs a number of folds; evaluation.folds is {evaluation.folds or 'null'}"
        yield ConfigIssue(("evaluation", "repeats"), message, reads=(at,))
    elif evaluation.repeats > 1 and by_time:
        message = "would repeat the same folds, as those of a split by time are in order; set it to 1"
        yield ConfigIssue(("evaluation", "repeats"), message, reads=reads)
    if evaluation.folds is None:
        return
    if evaluation.folds == "leave_one_out" and by_time:
        message = "leave_one_out would train on later rows than it predicts (dataset.split.by is time); set it to 5"
        yield ConfigIssue(at, message, reads=reads)
    if isinstance(config.dataset, TableConfig) and config.dataset.outliers.name != "none":
        message = "would be evaluated without the outliers that dataset.outliers removes; set dataset.outliers: none"
        yield ConfigIssue(at, message, reads=(("dataset", "outliers"),))


def _needs_valid_rows(config: Config) -> Iterator[ConfigIssue]:
    valid = config.dataset.split.valid
    needs = f"needs validation rows, and dataset.split.valid is {valid:g}; set it to 0.2, for example"
    reads = ((*SPLIT, "valid"),)
    if config.training.early_stopping is not None:
        yield ConfigIssue(("training", "early_stopping"), f"early stopping {needs}", at_key=True, reads=reads)
    if config.training.watch:
        yield ConfigIssue(
            ("training", "watch"), f"to measure metrics after each epoch {needs}", at_key=True, reads=reads
        )
    if config.optimizer.schedule.name == "plateau":
        yield ConfigIssue(("optimizer", "schedule", "name"), f"plateau {needs}", reads=reads)
    if isinstance(config.evaluation.threshold, str) and config.evaluation.threshold != "auto":
        message = f"choosing the threshold by {config.evaluation.threshold} {needs}"
        yield ConfigIssue(("evaluation", "threshold"), message, reads=reads)
    if config.evaluation.calibration == "temperature":
        yield ConfigIssue(("evaluation", "calibration"), f"temperature scaling {needs}", reads=reads)


def check_columns(config: Config) -> Iterator[ConfigIssue]:
    """Columns with two contradictory uses, and keys that have no effect on a column."""
    dataset, features = config.dataset, config.features
    if isinstance(dataset, ImageConfig):
        yield from _keys_without_columns(dataset.name, features)
        return
    for name, text in features.derive.items():
        try:
            parse_formula(text)
        except FormulaError as error:
            yield ConfigIssue(("features", "derive", name), str(error))
        taken = _other_use(name, dataset)
        if taken and taken != "dropped by dataset.drop":
            message = f"the name is {taken}; choose another name for the derived column"
            yield ConfigIssue(("features", "derive", name), message, at_key=True, reads=_DATASET)
    for name, column in features.columns.items():
        if taken := _other_use(name, dataset):
            message = f"the column is {taken}, so it is not a feature; remove it from one of the two keys"
            yield ConfigIssue(("features", "columns", name), message, at_key=True, reads=_DATASET)
        yield from _useless_keys(name, column, features, dataset)
    if features.fill_value != 0 and features.impute != "constant":
        message = f"is used with features.impute: constant only; impute is {features.impute}"
        yield ConfigIssue(("features", "fill_value"), message, reads=(("features", "impute"),))


def _keys_without_columns(dataset: str, features: FeaturesConfig) -> Iterator[ConfigIssue]:
    for key in ("derive", "drop", "pieces", "columns", "encode"):
        if getattr(features, key) != FeaturesConfig.model_fields[key].default:
            message = f"applies to named columns, and {dataset} has images; remove it"
            yield ConfigIssue(("features", key), message, at_key=True)


def _other_use(column: str, dataset: DatasetConfig) -> str | None:
    if column in dataset.target_names:
        return "the target"
    if column == dataset.weight_name:
        return "dataset.weight"
    if column == dataset.split.column:
        return "the split column"
    if isinstance(dataset, TableConfig) and column in dataset.drop:
        return "dropped by dataset.drop"
    return None


def _useless_keys(
    name: str, column: ColumnConfig, features: FeaturesConfig, dataset: DatasetConfig
) -> Iterator[ConfigIssue]:
    at = ("features", "columns", name)
    encode, impute = column.encode or features.encode, column.impute or features.impute
    needs = (
        ("order", "encode", "ordinal", encode),
        ("buckets", "encode", "hash", encode),
        ("fill_value", "impute", "constant", impute),
    )
    for key, other, needed, value in needs:
        if getattr(column, key) is not None and value != needed:
            message = f"needs {other}: {needed} for this column; it is {value}"
            yield ConfigIssue((*at, key), message, at_key=True, reads=((*at, other), ("features", other)))
    if column.order is not None and (twice := [value for value in column.order if column.order.count(value) > 1]):
        yield ConfigIssue((*at, "order"), f"lists {twice[0]!r} twice; list each category once, from lowest to highest")
    if not isinstance(dataset, TableConfig):
        return
    section = "types" if name in dataset.types else "dates"
    kind = dataset.types.get(name) or ("date" if name in dataset.dates else None)
    for key in column.idle_keys(kind, encode) if kind else ():
        message = f"has no effect on a {kind} column, which dataset.{section} makes of {name!r}"
        yield ConfigIssue((*at, key), message, at_key=True, reads=(("dataset", section),))
