"""Whether a target can be learned: classes that differ, numbers that vary, no class that only the test rows have."""

from __future__ import annotations

from collections.abc import Sequence

from mlcli.data.names import shown, suggestion
from mlcli.data.rows import Rows
from mlcli.errors import DataError

_FEW_CLASSES = 20


def check_classes(rows: Rows, target: str, *, asked: bool) -> None:
    """Raise DataError for a single class and, unless classes were asked for, for about as many classes as rows."""
    classes = rows.frame[target].unique()
    if len(classes) < 2:
        raise DataError(
            f"{rows.source.label}: target {target!r} is {shown(classes[0])} in {_all_of(rows)}; "
            "classification needs at least two classes"
        )
    if not asked and len(classes) > max(_FEW_CLASSES, len(rows) / 2):
        raise DataError(
            f"{rows.place(0)}: target {target!r} has {len(classes):,} distinct texts in {len(rows):,} rows, "
            f"such as {shown(rows.frame[target][0])}, so it looks like an id and not like classes; "
            "choose another target, or set dataset.task: classification"
        )


def _all_of(rows: Rows) -> str:
    return f"all {len(rows):,} rows" if len(rows) > 1 else "the only row"


def check_spread(rows: Rows, targets: Sequence[str]) -> None:
    """Raise DataError for a target that is the same number in every row."""
    for name in targets:
        target = rows.frame[name]
        if target.min() == target.max():
            raise DataError(
                f"{rows.source.label}: target {name!r} is {target[0]} in {_all_of(rows)}; there is nothing to learn"
            )


def refuse_new_classes(test: Rows, train: Rows, target: str) -> None:
    """Raise DataError for a class of the test rows that no training row has."""
    known = train.frame[target].unique().sort()
    new = ~test.frame[target].is_in(known.implode())
    if new.any():
        row = test.first(new)
        label = test.frame[target][row]
        raise DataError(
            f"{test.place(row)}: target {target!r}: class {shown(label)} does not occur in {train.source.label} "
            f"({suggestion(label, known.to_list())}); leave such rows out with dataset.keep, or where the spelling "
            f"differs set dataset.replace: {{{target}: {{{label!r}: <class>}}}}"
        )
