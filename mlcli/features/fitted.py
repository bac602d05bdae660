"""Fitted features: the one way from rows to the network's inputs, fitted on training rows or loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.tables.types import Dataset, Images, Schema
from mlcli.errors import DataError
from mlcli.features.encoding import Floats
from mlcli.features.pixels import PixelFeatures
from mlcli.features.report import FeatureReport
from mlcli.features.scaling import LARGEST
from mlcli.features.state import PLACE, FeatureLayout, broken
from mlcli.features.table import TableFeatures
from mlcli.io.json import fields_to_json, from_json

if TYPE_CHECKING:
    from mlcli.config.tree import JsonValue

MAX_SIZE = 4096


@dataclass(frozen=True, eq=False)
class AffineMap:
    """Inputs = matrix @ features + offset.

    matrix : float64 (width, k); offset : float64 (width,)
    names : the k features in the data's units: numbers and derived columns (imputed), ordinal codes,
    target means, one-hot columns, indicators; or pixels
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FittedFeatures:
    """Maps rows to the feature matrix, with numbers fitted on training rows only.

    layout : what the network sees
    schema : what rows must look like: the columns read, or the shape of an image
    source : does the work
    """

    layout: FeatureLayout
    schema: Schema
    report: FeatureReport
    source: TableFeatures | PixelFeatures

    @classmethod
    def of(cls, source: TableFeatures | PixelFeatures, report: FeatureReport) -> FittedFeatures:
        """Wrap what was fitted."""
        return cls(source.layout, source.schema, report, source)

    def transform(self, data: Dataset) -> NDArray[np.float32]:
        """Float32 (n, width); DataError where the rows are not like those of training."""
        return self._transform(data, training=False)

    def transform_training(self, data: Dataset) -> NDArray[np.float32]:
        """As transform, for the rows that the features were fitted on, in their order.

        Target encoding then uses, for each row, means fitted without its fold.
        """
        return self._transform(data, training=True)

    def blocks(self, data: Dataset, *, training: bool) -> Iterator[NDArray[np.float32]]:
        """What `transform` or, for training rows, `transform_training` gives, some rows at a time."""
        match self.source:
            case TableFeatures() as source if not isinstance(data, Images):
                yield from source.blocks(data, training=training)
            case PixelFeatures() as source if isinstance(data, Images):
                yield from map(source.transform, source.portions(data.pixels))
            case TableFeatures():
                raise DataError("the features were fitted on a table, but the rows are images; give a table")
            case _:
                raise DataError("the features were fitted on images, but the rows are a table; give images")

    @property
    def is_cross_fitted(self) -> bool:
        """Whether a training row's inputs depend on its place among them: where targets were encoded."""
        return isinstance(self.source, TableFeatures) and self.source.is_cross_fitted

    @property
    def columns_of_features(self) -> dict[str, str]:
        """The column of every feature of a table, dropped ones included."""
        return dict(self.source.columns_of_features) if isinstance(self.source, TableFeatures) else {}

    def unseen(self, data: Dataset) -> dict[str, int]:
        """Cells whose category does not occur in the training rows, for the columns that have any."""
        if isinstance(self.source, PixelFeatures) or isinstance(data, Images):
            return {}
        return self.source.unseen(data.rows)

    def affine(self) -> AffineMap | None:
        """From data units to the inputs; None where the map is not affine or has over 4,096 features.

        Quantile, power, clip, pieces and embedded columns are not affine.
        """
        if isinstance(self.source, PixelFeatures):
            pixels = self.source.arithmetic
            names = tuple(f"px{i}" for i in range(self.source.plan.size))
            clips = bool(pixels.line[2] < LARGEST)
            return None if clips else _probe(lambda x: pixels(x[:, pixels.select]), names)
        table = self.source.arithmetic
        if not table.scale.is_affine or table.n_embedded or table.pieces.at:
            return None
        n_scaled = len(table.scale.mean)
        return _probe(lambda x: table.scale_and_select(x[:, :n_scaled], x[:, n_scaled:]), self.source.names)

    def to_state(self) -> tuple[dict[str, JsonValue], dict[str, NDArray[Any]]]:
        """All that was fitted: JSON for structure and names, arrays for numbers."""
        plan, arrays = self.source.to_state()
        rows = "table" if isinstance(self.source, TableFeatures) else "pictures"
        return {"rows": rows, "plan": plan, "report": fields_to_json(self.report)}, arrays

    @classmethod
    def from_state(cls, state: Mapping[str, JsonValue], arrays: Mapping[str, NDArray[Any]]) -> FittedFeatures:
        """Rebuild from `to_state`; ArtefactError where the state is damaged."""
        if set(state) != {"rows", "plan", "report"}:
            raise broken("expected the keys rows, plan and report")
        report = from_json(FeatureReport, state["report"], PLACE)
        match state["rows"]:
            case "table":
                return cls.of(TableFeatures.from_state(state["plan"], arrays), report)
            case "pictures":
                return cls.of(PixelFeatures.from_state(state["plan"], arrays), report)
            case other:
                raise broken(f"rows must be table or pictures, got {other!r}")

    def _transform(self, data: Dataset, *, training: bool) -> NDArray[np.float32]:
        if isinstance(self.source, PixelFeatures) and isinstance(data, Images):
            return self.source.transform(data.pixels)
        out, start = np.empty((len(data), self.layout.width), dtype=np.float32), 0
        for block in self.blocks(data, training=training):
            out[start : start + len(block)] = block
            start += len(block)
        return out


@np.errstate(all="ignore")
def _probe(stage: Callable[[Floats], Floats], names: tuple[str, ...]) -> AffineMap | None:
    """Evaluate the stage at 0 and at the unit vectors."""
    k = len(names)
    if k > MAX_SIZE:
        return None
    offset = stage(np.zeros((1, k)))[0]
    matrix = (stage(np.eye(k)) - offset).T
    return AffineMap(np.ascontiguousarray(matrix), offset, names)
