"""Fitted features of a table: the transform of rows, portion by portion, to inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.tree import JsonValue
from mlcli.data.tables.frames import Frame, height_of, portions
from mlcli.data.tables.types import Schema, Table
from mlcli.errors import ArtefactError, MlcliError
from mlcli.features.arithmetic import Derive, Impute, Ints, PiecewiseLinearEncoding, TableArithmetic
from mlcli.features.blocks import BLOCK, whole_blocks
from mlcli.features.column_plan import kinds_of_operands, plan_derivations
from mlcli.features.encoding import FOLDS, Encode, cross_fitting_folds, grouped
from mlcli.features.readers import NumberReader, cells_of, cells_of_each
from mlcli.features.scaling import Floats, Power, Quantile, Scaler
from mlcli.features.selection import Project
from mlcli.features.state import PLACE, ArrayReader, FeatureLayout, broken
from mlcli.features.table_plan import Pairs, TablePlan, check_plan
from mlcli.io.json import fields_to_json, from_json

# Cells and rows transformed at a time, at most.
_CELLS = 2**19
_MAX_ROWS = 2**14


@dataclass(frozen=True, eq=False)
class TableFeatures:
    """Maps the rows of a table to the feature matrix."""

    plan: TablePlan
    arithmetic: TableArithmetic

    @cached_property
    def columns_of_features(self) -> Pairs:
        """The assembled features, before selection, each with its column."""
        return self.plan.scaled(self.arithmetic.encode.target.shape[2]) + self.plan.unscaled()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the assembled features, before selection."""
        return tuple(name for name, _ in self.columns_of_features)

    @property
    def schema(self) -> Schema:
        """The columns read."""
        return Schema(columns=self.plan.columns)

    @property
    def layout(self) -> FeatureLayout:
        """What the network sees."""
        embedded = grouped(self.plan.vocabularies)["embedding"]
        project = self.arithmetic.project
        if project is None:
            assembled, unbounded = self.names, set(self._unbounded())
            kept = self.arithmetic.select.tolist()
            names = tuple(assembled[i] for i in kept)
            numbers = tuple(position for position, i in enumerate(kept) if i in unbounded)
        else:
            names = project.names
            numbers = tuple(range(len(names)))
        sizes, columns = (own.size for own in embedded), (own.name for own in embedded)
        return FeatureLayout(names, tuple(sizes), tuple(columns), numbers=numbers)

    def _unbounded(self) -> Iterator[int]:
        """Positions, among the assembled features, of numbers without bounds."""
        bounded = [one for reader in self.plan.readers for one in reader.bounded]
        n_scaled = len(self.arithmetic.scale.mean)
        yield from (i for i in range(n_scaled) if i >= len(bounded) or not bounded[i])

    @property
    def is_cross_fitted(self) -> bool:
        """Whether a training row's features depend on its fold: where targets are encoded."""
        return any(own.encode == "target" for own in self.plan.vocabularies)

    def blocks(self, table: Table, *, training: bool) -> Iterator[NDArray[np.float32]]:
        """Float32 (·, width), some rows at a time."""
        frame, folds = table.rows, None
        if training and self.is_cross_fitted:
            folds = cross_fitting_folds(len(table), self.plan.fold_seed, table.groups)
        for rows, inputs in self._portions(frame, folds):
            yield self.arithmetic(*inputs)[: rows.stop - rows.start]

    @np.errstate(all="ignore")
    def scaled_features(self, frame: Frame, folds: np.ndarray | None) -> np.ndarray:
        """The numeric features of training rows in float64 (n, k), for fitting what comes after scaling."""
        out = np.empty((height_of(frame), self.layout.n_numeric))
        for rows, inputs in self._portions(frame, folds):
            features = self.arithmetic.scale_and_select(*self.arithmetic.assemble(*inputs))
            out[rows] = features[: rows.stop - rows.start]
        return out

    def raw_inputs(self, frame: Frame) -> np.ndarray:
        """The columns before they are filled, scaled and encoded: numbers, NaN where missing, then codes of categories.

        float64 (n, raw and derived numbers + vocabularies), the codes in the order of `plan.vocabularies`
        """
        n_numbers = len(self.plan.raw) + len(self.plan.derived)
        out = np.empty((height_of(frame), n_numbers + len(self.plan.vocabularies)))
        for rows, (numbers, codes, _) in self._portions(frame, None):
            part = out[rows]
            part[:, :n_numbers] = self.arithmetic.derive(numbers)[: len(part)]
            part[:, n_numbers:] = codes[: len(part)]
        return out

    def unseen(self, frame: Frame) -> dict[str, int]:
        """Cells whose category does not occur in the training rows, for the columns that have any."""
        owns = [own for own in self.plan.vocabularies if not own.part]
        cells = cells_of_each(frame, [own.name for own in owns])
        counts = {own.name: own.count_unseen(column) for own, column in zip(owns, cells, strict=True)}
        return {name: count for name, count in counts.items() if count}

    def to_state(self) -> tuple[dict[str, JsonValue], dict[str, NDArray[Any]]]:
        """The plan as JSON and the fitted numbers as arrays."""
        return fields_to_json(self.plan), {name: array.copy() for name, array in self.arithmetic.state().items()}

    @classmethod
    def from_state(cls, state: JsonValue, arrays: Mapping[str, NDArray[Any]]) -> TableFeatures:
        """Rebuild from `to_state`; ArtefactError where the two do not fit together."""
        plan = from_json(TablePlan, state, PLACE)
        reader = ArrayReader(arrays)
        try:
            check_plan(plan)
            kinds = kinds_of_operands(plan.columns, plan.readers)
            derive = Derive(plan.raw, plan_derivations(plan.derived, kinds))
        except ArtefactError:
            raise
        except MlcliError as error:
            raise broken(str(error)) from error
        features = cls(plan, _read_arithmetic(plan, derive, reader))
        reader.finish()
        return features

    def _portions(
        self, frame: Frame, folds: np.ndarray | None
    ) -> Iterator[tuple[slice, tuple[Floats, Ints, Ints | None]]]:
        """Rows and their inputs to the arithmetic, padded to whole blocks.

        Whole blocks keep every row in full vector lanes, so that a row alone and the same row among
        others go through the same instructions and give the same bits.
        """
        fitted = max(1, len(self.names) + len(self.plan.vocabularies))
        step = min(_MAX_ROWS, max(BLOCK, _CELLS // fitted // BLOCK * BLOCK))
        for first, part in portions(frame):
            readings = [(len(reader.numbers), reader.read(part)) for reader in self.plan.readers]
            codes = [own.codes(cells_of(part, own.name, own.part)) for own in self.plan.vocabularies]
            for start in range(0, part.height, step):
                rows = slice(start, min(start + step, part.height))
                height = whole_blocks(rows.stop - start)
                places = slice(first + start, first + rows.stop)
                own = None if folds is None else np.resize(folds[places], height)
                yield places, (*_padded(readings, codes, rows, height), own)


def _padded(
    readings: Sequence[tuple[int, NumberReader]], codes: Sequence[np.ndarray], rows: slice, height: int
) -> tuple[Floats, Ints]:
    """Numbers float64 (height, p), NaN where missing, and codes int64 (height, q), padded with 0.

    readings : each column that is read as numbers, with how many numbers a row has
    Each column is contiguous in memory.
    """
    size = rows.stop - rows.start
    numbers = np.zeros((sum(count for count, _ in readings), height))
    start = 0
    for count, own in readings:
        own.fill(numbers[start : start + count, :size], rows)
        start += count
    categories = np.zeros((len(codes), height), dtype=np.int64)
    for i, column in enumerate(codes):
        categories[i, :size] = column[rows]
    return numbers.T, categories.T


def _read_arithmetic(plan: TablePlan, derive: Derive, reader: ArrayReader) -> TableArithmetic:
    groups = grouped(plan.vocabularies)
    sizes = {encode: sum(own.size for own in owns) for encode, owns in groups.items()}
    target = reader.take("encode.target", FOLDS + 1, sizes["target"], None)
    encode = Encode(plan.vocabularies, reader.take("encode.ordinal", sizes["ordinal"]), target)
    n_scaled = len(plan.scaled(target.shape[2]))
    if any(not 0 <= i < n_scaled for i in (*plan.power, *plan.quantile)):
        raise broken("a scale belongs to no column")
    power = Power(plan.power, reader.take("scale.power.exponents", len(plan.power)))
    quantiles = reader.take("scale.quantile.quantiles", len(plan.quantile), None)
    if plan.quantile and quantiles.shape[1] < 2:
        raise broken("'scale.quantile.quantiles' needs at least two quantiles")
    # Features fitted by earlier versions have no shares.
    has_shares = reader.has("scale.quantile.shares")
    shares = reader.take("scale.quantile.shares", len(quantiles), 2, quantiles.shape[1]) if has_shares else None
    quantile = Quantile(plan.quantile, quantiles, shares)
    mean = reader.take("scale.centre", n_scaled)
    scale, limit = (reader.take_positive(f"scale.{name}", n_scaled) for name in ("spread", "limit"))
    impute = Impute(reader.take("impute.fill", len(plan.raw) + len(plan.derived)), plan.indicators)
    # Features fitted by earlier versions have no pieces.
    low = width = np.empty(0)
    if plan.pieces or reader.has("pieces.low"):
        count = len(plan.pieces)
        low, width = reader.take("pieces.low", count), reader.take_positive("pieces.width", count)
    pieces = PiecewiseLinearEncoding(plan.pieces, low, width)
    select = reader.take_positions("select", n_scaled + len(plan.unscaled()))
    project = Project.read(reader, len(select))
    scaler = Scaler(power, quantile, mean, scale, limit)
    return TableArithmetic(derive, impute, encode, pieces, scaler, select, project)
