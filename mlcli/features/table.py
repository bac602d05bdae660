"""Fitted features of a table: reads rows in portions, maps them, keeps their state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from pydantic import JsonValue

from mlcli.data.frames import Frame, height_of, portions
from mlcli.data.types import Schema
from mlcli.errors import ArtefactError, MlcliError
from mlcli.features.arithmetic import Derive, TableArithmetic
from mlcli.features.columns import kinds_of_operands, plan_derivations
from mlcli.features.encode import Encode, grouped
from mlcli.features.extract import BLOCK, Project
from mlcli.features.impute import Impute
from mlcli.features.layout import FeatureLayout
from mlcli.features.pieces import Pieces
from mlcli.features.plan import Pairs, TablePlan, check_plan
from mlcli.features.reshape import Power, Quantile
from mlcli.features.rows import Rows, cells_of
from mlcli.features.scale import Scale
from mlcli.features.state import PLACE, TensorReader, broken, to_json
from mlcli.features.target import FOLDS, folds_of
from mlcli.typed_json import from_json

_CELLS = 2**19
_MAX_ROWS = 2**14


@dataclass(frozen=True, eq=False)
class TableFeatures:
    """Maps the rows of a table to the feature matrix."""

    plan: TablePlan
    arithmetic: TableArithmetic

    @cached_property
    def made_of(self) -> Pairs:
        """The assembled features, before selection, each with its column."""
        return self.plan.scaled(self.arithmetic.encode.target.shape[2]) + self.plan.unscaled()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the assembled features, before selection."""
        return tuple(name for name, _ in self.made_of)

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
            assembled = self.names
            names = tuple(assembled[i] for i in self.arithmetic.select.tolist())
        else:
            names = project.names
        return FeatureLayout(names, tuple(own.size for own in embedded), tuple(own.name for own in embedded))

    def transform(self, frame: Frame, *, training: bool) -> torch.Tensor:
        """Float32 (n, width)."""
        out = torch.empty(height_of(frame), self.layout.width, dtype=torch.float32)
        for rows, inputs in self._portions(frame, training=training):
            part = out[rows]
            part.copy_(self.arithmetic(*inputs)[: len(part)])
        return out

    def refined(self, frame: Frame, *, training: bool) -> np.ndarray:
        """The numeric features in float64 (n, k), for fitting what comes after scaling."""
        out = torch.empty(height_of(frame), self.layout.n_numeric, dtype=torch.float64)
        for rows, inputs in self._portions(frame, training=training):
            part = out[rows]
            part.copy_(self.arithmetic.refine(*self.arithmetic.assemble(*inputs))[: len(part)])
        return out.numpy()

    def unseen(self, frame: Frame) -> dict[str, int]:
        """Cells whose category was not met in training, for the columns that have any."""
        counts = {own.name: own.count_unseen(cells_of(frame, own.name)) for own in self.plan.vocabularies}
        return {name: count for name, count in counts.items() if count}

    def to_state(self) -> tuple[dict[str, JsonValue], dict[str, torch.Tensor]]:
        """The plan as JSON and the fitted numbers as tensors."""
        state = self.arithmetic.state_dict().items()
        tensors = {name: tensor.clone() for name, tensor in state if self.plan.pieces or not name.startswith("pieces.")}
        return to_json(self.plan, TablePlan), tensors

    @classmethod
    def from_state(cls, state: JsonValue, tensors: Mapping[str, torch.Tensor]) -> TableFeatures:
        """Rebuild from `to_state`; ArtefactError where the two do not fit together."""
        plan = from_json(TablePlan, state, PLACE)
        reader = TensorReader(tensors)
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
        self, frame: Frame, *, training: bool
    ) -> Iterator[tuple[slice, tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]]:
        """Rows and their inputs to the arithmetic, padded to whole blocks.

        Whole blocks keep every row in full vector lanes, so that a row alone and the same row among
        others go through the same instructions and give the same bits.
        """
        fitted = max(1, len(self.names) + len(self.plan.vocabularies))
        step = min(_MAX_ROWS, max(BLOCK, _CELLS // fitted // BLOCK * BLOCK))
        for first, part in portions(frame):
            read = Rows.read(part, self.plan.readers, self.plan.vocabularies)
            for start in range(0, part.height, step):
                rows = slice(start, min(start + step, part.height))
                height = -(-(rows.stop - start) // BLOCK) * BLOCK
                folds = torch.from_numpy(folds_of(first + start, first + start + height)) if training else None
                yield slice(first + start, first + rows.stop), (*read.tensors(rows, height), folds)


def _read_arithmetic(plan: TablePlan, derive: Derive, reader: TensorReader) -> TableArithmetic:
    groups = grouped(plan.vocabularies)
    sizes = {encode: sum(own.size for own in owns) for encode, owns in groups.items()}
    target = reader.take("encode.target", FOLDS + 1, sizes["target"], None)
    encode = Encode(plan.vocabularies, reader.take("encode.ordinal", sizes["ordinal"]), target)
    n_scaled = len(plan.scaled(target.shape[2]))
    if any(not 0 <= i < n_scaled for i in (*plan.power, *plan.quantile)):
        raise broken("a scale stands for no column")
    power = Power(plan.power, reader.take("scale.power.exponents", len(plan.power)))
    quantile = Quantile(plan.quantile, reader.take("scale.quantile.quantiles", len(plan.quantile), None))
    if plan.quantile and quantile.quantiles.shape[1] < 2:
        raise broken("'scale.quantile.quantiles' needs at least two quantiles")
    centre = reader.take("scale.centre", n_scaled)
    spread, limit = (reader.take_positive(f"scale.{name}", n_scaled) for name in ("spread", "limit"))
    impute = Impute(reader.take("impute.fill", len(plan.raw) + len(plan.derived)), plan.indicators)
    pieces = Pieces(plan.pieces, *_read_pieces(plan, reader))
    select = reader.take_positions("select", n_scaled + len(plan.unscaled()))
    project = Project.read(reader, len(select))
    scale = Scale(power, quantile, centre, spread, limit)
    return TableArithmetic(derive, impute, encode, pieces, scale, select, project)


def _read_pieces(plan: TablePlan, reader: TensorReader) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the pieces begin, and their widths; features fitted by earlier versions have none."""
    if not plan.pieces and not reader.has("pieces.low"):
        return torch.empty(0, dtype=torch.float64), torch.empty(0, dtype=torch.float64)
    count = len(plan.pieces)
    return reader.take("pieces.low", count), reader.take_positive("pieces.width", count)
