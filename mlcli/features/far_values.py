"""Numbers of new rows that are far from those of the training rows, where a network extrapolates without limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from mlcli.data.tables.frames import Frame, collect, frames_with
from mlcli.data.tables.types import Dataset, Images
from mlcli.features.fitted import FittedFeatures
from mlcli.features.pixels import PixelFeatures, mean_pixels
from mlcli.features.readers import NumberColumn, Reader
from mlcli.features.scaling import LARGEST, ROUNDING
from mlcli.features.table import TableFeatures
from mlcli.io.text import counted, show_number

# Beyond the least or the greatest training value, in training ranges: wrong units go so far, and chance hardly ever.
FAR = 2
_SHOWN = 5
# The brightest pixel.
WHITE = 255


@dataclass(frozen=True)
class FarValues:
    """Cells of one number that are far away.

    count      : how many
    row, value : of the first, rows counted from 1
    low, high  : least and greatest training value
    """

    name: str
    count: int
    row: int
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """One line."""
        cells = "1 cell is" if self.count == 1 else f"{self.count:,} cells are"
        numbers = self.low, self.high, self.value
        low, high, value = shown = [show_number(number) for number in numbers]
        if len(set(shown)) < len(set(numbers)):
            low, high, value = (f"{number:.15g}" for number in numbers)
        return (
            f"column '{self.name}': {cells} far outside the training rows' {low} to {high} (the first: {value} in row "
            f"{self.row:,}); predictions there are extrapolated"
        )


@dataclass(frozen=True)
class FarBrightness(FarValues):
    """Images whose mean pixel is far away.

    inverted : whether dark pixels made light would bring most of them near
    """

    inverted: bool = False

    def __str__(self) -> str:
        """One line."""
        images = "1 image is" if self.count == 1 else f"{self.count:,} images are"
        remedy = "dark on light? use mlcli predict --invert" if self.inverted else "are they of the same kind?"
        than = "brighter" if self.value > self.high else "darker"
        return (
            f"{images} far {than} than the training rows (the first: mean pixel "
            f"{self.value:.0f} in row {self.row:,}; training rows: {self.low:.0f} to {self.high:.0f}); {remedy}"
        )


def find_far_values(features: FittedFeatures, data: Dataset) -> tuple[FarValues, ...]:
    """The numbers, read or derived, that have values more than FAR training ranges outside of these.

    Not those that clip or quantiles limit, or that are no input of the network. Of images, the brightness.
    """
    source = features.source
    if isinstance(data, Images) and isinstance(source, PixelFeatures):
        return _find_far_brightness(source.plan.brightness, data)
    if isinstance(data, Images) or not isinstance(source, TableFeatures) or not source.plan.spans:
        return ()
    low, high = np.array(source.plan.spans).T
    with np.errstate(over="ignore"):
        reach = FAR * np.maximum(high - low, ROUNDING * np.maximum(np.abs(low), np.abs(high)))
        least, greatest = low - reach, high + reach
    found = []
    for i, name, column in _suspects(source, data.rows, least, greatest):
        far = (column < least[i]) | (column > greatest[i])
        if far.any():
            row = int(far.argmax())
            found.append(FarValues(name, int(far.sum()), row + 1, float(column[row]), float(low[i]), float(high[i])))
    return tuple(found)


def _find_far_brightness(known: tuple[float, ...], images: Images) -> tuple[FarValues, ...]:
    """Images whose mean pixel is more than half of the training images' range outside of it.

    known : lowest and highest mean pixel of a training image; empty where it is not known
    """
    if not known or not len(images):
        return ()
    (low, high), means = known, mean_pixels(images)
    reach = (high - low) / 2
    far = (means < low - reach) | (means > high + reach)
    if not far.any():
        return ()
    mirrored = WHITE - means[far]
    inverted = bool(((mirrored >= low - reach) & (mirrored <= high + reach)).mean() > 0.5)
    row = int(far.argmax())
    return (FarBrightness("brightness", int(far.sum()), row + 1, float(means[row]), low, high, inverted),)


def tell_far_values(found: tuple[FarValues, ...], where: str) -> Iterator[str]:
    """A line for each of the first columns, and one for the others."""
    yield from (f"{where}{own}" for own in found[:_SHOWN])
    if len(found) > _SHOWN:
        yield f"{where}such cells in {counted(len(found) - _SHOWN, 'more column')}"


def widen(features: FittedFeatures, train: Dataset) -> FittedFeatures:
    """The same features, by which the values of these training rows, too, are not far."""
    source = features.source
    if isinstance(train, Images) and isinstance(source, PixelFeatures) and source.plan.brightness:
        means = mean_pixels(train)
        ends = (min(source.plan.brightness[0], means.min()), max(source.plan.brightness[1], means.max()))
        plan = replace(source.plan, brightness=tuple(map(float, ends)))
        return FittedFeatures.of(PixelFeatures(plan, source.arithmetic), features.report)
    if isinstance(train, Images) or not isinstance(source, TableFeatures) or not source.plan.spans:
        return features
    names = (*source.plan.raw, *source.plan.derived)
    columns = (_values(source, train.rows, name) for name in names)
    known = (column[np.isfinite(column)] for column in columns)
    spans = tuple(_join(span, values) for span, values in zip(source.plan.spans, known, strict=True))
    return FittedFeatures.of(TableFeatures(replace(source.plan, spans=spans), source.arithmetic), features.report)


def _join(span: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    low, high = span
    return float(values.min(initial=low)), float(values.max(initial=high))


def _readers_of(source: TableFeatures) -> dict[str, tuple[Reader, int]]:
    """For each number that is read, its reader and its place among the reader's numbers."""
    return {name: (reader, i) for reader in source.plan.readers for i, name in enumerate(reader.numbers)}


def _values(source: TableFeatures, rows: Frame, name: str) -> np.ndarray:
    """A number, read or derived, float64 (n,), NaN where missing."""
    derived, readers = source.arithmetic.derive.derived, _readers_of(source)

    def values(name: str) -> np.ndarray:
        if name in derived:
            return derived[name].evaluate({used: values(used) for used in derived[name].names})
        reader, i = readers[name]
        return reader.read(rows).column(i).to_numpy()

    return values(name)


def _suspects(
    source: TableFeatures, rows: Frame, least: np.ndarray, greatest: np.ndarray
) -> Iterator[tuple[int, str, np.ndarray]]:
    """Position, name and values, NaN where missing, of each number that may have far ones."""
    plan, readers = source.plan, _readers_of(source)
    names = (*plan.raw, *plan.derived)
    limited = (source.arithmetic.scale.limit < LARGEST).tolist()
    inputs = set(source.arithmetic.select.tolist()) - set(plan.quantile)
    watched = [i for i, _ in enumerate(names) if i in inputs and not limited[i]]
    plain = [names[i] for i in watched if names[i] in readers and isinstance(readers[names[i]][0], NumberColumn)]
    ends = _ends(rows, plain)
    for i in watched:
        bottom, top = ends.get(names[i], (-np.inf, np.inf))
        if bottom is not None and top is not None and (bottom < least[i] or top > greatest[i]):
            yield i, names[i], _values(source, rows, names[i])


def _ends(rows: Frame, names: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
    """Least and greatest number of these columns; None where every cell is missing.

    Of rows in memory without expressions, whose planning takes longer than a row's prediction.
    """
    if not isinstance(rows, pl.LazyFrame):
        parts = zip(names, frames_with(rows, names), strict=True)
        return {name: _ends_of(part.get_column(name).cast(pl.Float64)) for name, part in parts}
    numbers = pl.col(names).cast(pl.Float64)
    # Both in one pass, since rows are read from a file.
    ends = collect(rows.select(numbers.min().name.suffix(" min"), numbers.max().name.suffix(" max")))
    known = ends.row(0) if names else ()
    return dict(zip(names, zip(known[: len(names)], known[len(names) :], strict=True), strict=True))


def _ends_of(numbers: pl.Series) -> tuple[float | None, float | None]:
    return numbers.min(), numbers.max()  # type: ignore[return-value]
