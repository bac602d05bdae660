"""Rules about columns: a name has one meaning, and pictures have none."""

from collections.abc import Iterator

from mlcli.config.dataset import DatasetConfig, TableConfig
from mlcli.config.fault import Fault
from mlcli.config.features import ColumnConfig, FeaturesConfig
from mlcli.config.rules.facts import PICTURES, targets_of
from mlcli.config.schema import Config
from mlcli.formulas.parse import parse_formula
from mlcli.formulas.program import FormulaError

_DATASET = (("dataset", "target"), ("dataset", "drop"), ("dataset", "split", "column"), ("dataset", "types"))
_NUMBER_KEYS = ("impute", "fill_value", "indicator", "scale", "pieces")
_CATEGORY_KEYS = ("encode", "order", "buckets")


def column_clashes(config: Config) -> Iterator[Fault]:
    """Columns that are asked to be two things at once, and keys that have no effect on them."""
    dataset, features = config.dataset, config.features
    if isinstance(dataset, PICTURES):
        yield from _keys_without_columns(dataset.name, features)
        return
    for name, text in features.derive.items():
        yield from _unreadable_formula(name, text)
        taken = _other_use(name, dataset)
        if taken and taken != "dropped by dataset.drop":
            message = f"the name is {taken}; give the derived column another"
            yield Fault(("features", "derive", name), message, at_key=True, reads=_DATASET)
    for name, column in features.columns.items():
        if taken := _other_use(name, dataset):
            message = f"the column is {taken}, so it is no feature; remove it from here or there"
            yield Fault(("features", "columns", name), message, at_key=True, reads=_DATASET)
        yield from _useless_keys(name, column, features, dataset)
    if features.fill_value != 0 and features.impute != "constant":
        message = f"is used by features.impute: constant only; impute is {features.impute}"
        yield Fault(("features", "fill_value"), message, reads=(("features", "impute"),))


def _unreadable_formula(name: str, text: str) -> Iterator[Fault]:
    try:
        parse_formula(text)
    except FormulaError as error:
        yield Fault(("features", "derive", name), str(error))


def _keys_without_columns(dataset: str, features: FeaturesConfig) -> Iterator[Fault]:
    for key in ("derive", "drop", "pieces", "columns", "encode"):
        if getattr(features, key) != FeaturesConfig.model_fields[key].default:
            yield Fault(("features", key), f"works on named columns, and {dataset} is pictures; remove it", at_key=True)


def _other_use(column: str, dataset: DatasetConfig) -> str | None:
    if column in targets_of(dataset):
        return "the target"
    if column == dataset.split.column:
        return "the split column"
    if isinstance(dataset, TableConfig) and column in dataset.drop:
        return "dropped by dataset.drop"
    return None


def _useless_keys(name: str, column: ColumnConfig, features: FeaturesConfig, dataset: DatasetConfig) -> Iterator[Fault]:
    at = ("features", "columns", name)
    encode, impute = column.encode or features.encode, column.impute or features.impute
    if column.order is not None and encode != "ordinal":
        message = f"needs encode: ordinal for this column; it is {encode}"
        yield Fault((*at, "order"), message, at_key=True, reads=((*at, "encode"), ("features", "encode")))
    if column.buckets is not None and encode != "hash":
        message = f"needs encode: hash for this column; it is {encode}"
        yield Fault((*at, "buckets"), message, at_key=True, reads=((*at, "encode"), ("features", "encode")))
    if column.fill_value is not None and impute != "constant":
        message = f"needs impute: constant for this column; it is {impute}"
        yield Fault((*at, "fill_value"), message, at_key=True, reads=((*at, "impute"), ("features", "impute")))
    kind = _declared_kind(name, dataset)
    foreign = {None: (), "category": (*_NUMBER_KEYS, "dates"), "date": _CATEGORY_KEYS}.get(
        kind, (*_CATEGORY_KEYS, "dates")
    )
    scaled = kind == "category" and encode in ("ordinal", "target")
    for key in foreign:
        if getattr(column, key) is not None and not (key == "scale" and scaled):
            section = "types" if isinstance(dataset, TableConfig) and name in dataset.types else "dates"
            message = f"has no effect on a {kind} column, which dataset.{section} makes of {name!r}"
            yield Fault((*at, key), message, at_key=True, reads=(("dataset", section),))


def _declared_kind(name: str, dataset: DatasetConfig) -> str | None:
    if not isinstance(dataset, TableConfig):
        return None
    return dataset.types.get(name) or ("date" if name in dataset.dates else None)
