"""Rules within the `dataset` section, apart from its split."""

import re
from collections.abc import Iterator

from mlcli.config.dataset import CsvConfig, DatasetConfig, IdxConfig, SqlConfig, TableConfig
from mlcli.config.fault import Fault
from mlcli.config.rules.facts import targets_of

_A_DAY = ("%[Yy]", "%[mbB]", "%d")


def source_clashes(dataset: DatasetConfig) -> Iterator[Fault]:
    """Keys of one source that exclude or need each other."""
    match dataset:
        case SqlConfig(path=None, url=None):
            yield Fault(
                ("dataset", "path"), "is required: path of a SQLite file, or url of another database", at_key=True
            )
        case SqlConfig(path=str(), url=str()):
            yield Fault(("dataset", "url"), "stands beside path; a query runs on one database, so remove one of them")
        case IdxConfig() if (dataset.test_images is None) != (dataset.test_labels is None):
            here, lacking = ("labels", "images") if dataset.test_images is None else ("images", "labels")
            yield Fault(("dataset", f"test_{here}"), f"needs dataset.test_{lacking} beside it")
        case CsvConfig() if dataset.delimiter == dataset.decimal:
            yield Fault(
                ("dataset", "decimal"), f"is the delimiter too: {dataset.decimal!r}; cells could not be told apart"
            )
    if isinstance(dataset, TableConfig):
        yield from _target_clashes(dataset, targets_of(dataset))
        yield from _date_clashes(dataset, targets_of(dataset))


def _date_clashes(dataset: TableConfig, targets: tuple[str, ...]) -> Iterator[Fault]:
    for name, form in dataset.dates.items():
        at = ("dataset", "dates", name)
        if not all(re.search(marks, form) for marks in _A_DAY) and "%j" not in form:
            yield Fault(at, f"must tell day (%d), month (%m or %b) and year (%Y); got {form!r}")
        if (kind := dataset.types.get(name, "date")) != "date":
            message = f"is a format of dates, but dataset.types makes {name!r} a {kind}; remove one of them"
            yield Fault(at, message, at_key=True, reads=(("dataset", "types"),))
        if name in targets:
            yield Fault(at, "the column is the target, which is not read as dates; remove it", at_key=True)


def _target_clashes(dataset: TableConfig, targets: tuple[str, ...]) -> Iterator[Fault]:
    for target in sorted({target for target in targets if targets.count(target) > 1}):
        yield Fault(("dataset", "target"), f"names {target!r} twice")
    for target in dict.fromkeys(targets):
        if target in dataset.drop:
            yield Fault(
                ("dataset", "drop"), f"drops {target!r}, which dataset.target predicts", reads=(("dataset", "target"),)
            )
        kind = dataset.types.get(target, "number")
        if len(targets) > 1 and kind != "number":
            message = f"must be number: several targets are predicted as numbers; got {kind}"
            yield Fault(("dataset", "types", target), message, reads=(("dataset", "target"),))
        elif kind not in ("number", "category"):
            message = f"must be number or category: {target!r} is predicted, as classes or numbers; got {kind}"
            yield Fault(("dataset", "types", target), message, reads=(("dataset", "target"),))
    if len(targets) > 1 and dataset.task == "classification":
        message = "must be regression or auto with several targets; got classification"
        yield Fault(("dataset", "task"), message, reads=(("dataset", "target"),))
