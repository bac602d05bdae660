"""The report of step 2: plain values, which are saved as JSON, and notes for readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from mlcli.config.sections.features import Encode, Impute, Scale
from mlcli.io.text import counted, some_lines, some_of

_LISTED = 6  # names of dropped features in a note


@dataclass(frozen=True)
class Imputed:
    """A number column: its missing training cells and what replaces them; a wholly missing column has a constant."""

    missing: int
    how: Impute
    value: float


@dataclass(frozen=True)
class Encoded:
    """A category column: categories kept, categories sharing the reserved code, missing training cells."""

    encode: Encode
    kept: tuple[str, ...]
    rare: int
    missing: int


@dataclass(frozen=True)
class Dated:
    """A column of dates: the numbers computed from it, and the day from which elapsed days are counted."""

    numbers: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Scaled:
    """A scaled column: (x − centre) / spread, after the change of shape that power and quantile make."""

    scale: Scale
    centre: float
    spread: float


@dataclass(frozen=True)
class Dropped:
    """A feature that was dropped.

    value : variance; correlation with the feature `like`; F statistic; the round of elimination, from 1; or 0
    """

    name: str
    by: Literal["drop", "variance", "correlation", "k_best", "rfe"]
    value: float
    like: str | None = None

    @property
    def key(self) -> str:
        """The configuration's key that asks for it."""
        return "features.drop" if self.by == "drop" else f"select.{self.by}"


@dataclass(frozen=True)
class FeatureReport:
    """Columns in, features out, and each step between.

    rows   : training rows
    hashed : in how many buckets the words of a column are counted
    pieces : how many each number column that is cut has
    explained_variance : share of each principal component, empty without one
    """

    rows: int
    columns: tuple[str, ...]
    features: tuple[str, ...]
    embedded: tuple[str, ...] = ()
    derived: dict[str, str] = field(default_factory=dict)
    imputed: dict[str, Imputed] = field(default_factory=dict)
    encoded: dict[str, Encoded] = field(default_factory=dict)
    hashed: dict[str, int] = field(default_factory=dict)
    dated: dict[str, Dated] = field(default_factory=dict)
    scaled: dict[str, Scaled] = field(default_factory=dict)
    pieces: dict[str, int] = field(default_factory=dict)
    dropped: tuple[Dropped, ...] = ()
    explained_variance: tuple[float, ...] = ()


def feature_notes(report: FeatureReport) -> tuple[str, ...]:
    """A line for each step that changed something: of the columns, then of their features."""
    return (*_column_notes(report), *some_lines(_imputed(report)), *_feature_notes(report))


def _column_notes(report: FeatureReport) -> Iterator[str]:
    for name, dated in report.dated.items():
        since = f", in days since {dated.origin}" if f"{name}_elapsed" in dated.numbers else ""
        if dated.numbers:
            yield f"dates of {name} became {', '.join(dated.numbers)}{since}"
    for name, buckets in report.hashed.items():
        yield f"counted the words of {name} in {buckets:,} buckets"
    for name, formula in report.derived.items():
        yield f"derived {name} = {formula}"


def _imputed(report: FeatureReport) -> Iterator[str]:
    parts = {number: name for name, dated in report.dated.items() for number in dated.numbers}
    for name, imputed in report.imputed.items():
        if imputed.missing and name in parts:
            if name == report.dated[parts[name]].numbers[0]:
                yield f"imputed {imputed.missing:,} missing {parts[name]}, each number with its {imputed.how}"
        elif imputed.missing:
            yield f"imputed {imputed.missing:,} missing {name} with the {imputed.how}, {imputed.value:.6g}"


def _feature_notes(report: FeatureReport) -> Iterator[str]:
    yield from some_lines(_encoded(name, encoded) for name, encoded in report.encoded.items())
    for scale, count in Counter(scaled.scale for scaled in report.scaled.values()).items():
        if scale != "none":
            yield f"scaled {counted(count, 'column')}: {scale}"
    if report.pieces:
        yield f"cut {counted(len(report.pieces), 'number column')} into {sum(report.pieces.values()):,} pieces"
    for key in dict.fromkeys(dropped.key for dropped in report.dropped):
        names = [dropped.name for dropped in report.dropped if dropped.key == key]
        yield f"dropped by {key}: {some_of(names, _LISTED)}"
    if explained := report.explained_variance:
        yield f"{len(explained)} principal components keep {sum(explained):.1%} of the variance"


def _encoded(name: str, encoded: Encoded) -> str:
    rare = f", {encoded.rare} rare ones share a code" if encoded.rare else ""
    return f"encoded {name} as {encoded.encode}: {counted(len(encoded.kept), 'category', 'categories')}{rare}"
