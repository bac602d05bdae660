"""Fitted features as nodes: from a caller's columns to the inputs of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections.config import Config
from mlcli.data.selection import CellsConfig, cells_config
from mlcli.export.columns import describe_column, refuse_hash, write_boolean, write_category, write_number
from mlcli.export.dates import Calendar
from mlcli.export.formulas import finite_or_nan, write_formula
from mlcli.export.functions import Floats, normal_deviate, rank_share, to_nearest, yeo_johnson
from mlcli.export.graph import DOUBLE, FLOAT, UINT8, Graph
from mlcli.features.encoding import FOLDS, Vocabulary, grouped
from mlcli.features.fitted import FittedFeatures
from mlcli.features.normal_scores import MARGIN
from mlcli.features.pixels import PixelFeatures
from mlcli.features.readers import DateColumn
from mlcli.features.scaling import LARGEST
from mlcli.features.table import TableFeatures
from mlcli.features.table_plan import TablePlan
from mlcli.features.words import TextColumn
from mlcli.formulas.parse import parse_formula

# Fitted numbers, as bundles hold them.
Numbers = Mapping[str, NDArray[Any]]


class NetworkInputs(NamedTuple):
    """Of the network: float32 (n, k), None where there are none, and the codes of embedded categories, int64 (n, 1)."""

    numeric: str | None
    codes: list[str]


def write_features(graph: Graph, features: FittedFeatures, config: Config) -> NetworkInputs:
    """Raises ConfigError for features that ONNX has no operators for."""
    numbers = features.to_state()[1]
    if isinstance(features.source, PixelFeatures):
        return NetworkInputs(_write_pixels(graph, features.source, numbers), [])
    return _write_table(graph, features.source, numbers, config)


def _write_pixels(graph: Graph, source: PixelFeatures, numbers: Numbers) -> str:
    """In float32, and before a projection in float64, as training has it."""
    shape, size = source.plan.shape, source.plan.size
    given = graph.add_input("image", UINT8, shape, f"pixels from 0 to 255, {' × '.join(map(str, shape))}")
    kind, dtype = (DOUBLE, np.float64) if "project.mean" in numbers else (FLOAT, np.float32)
    pixels = graph.cast(graph.reshape(given, -1, size), kind)
    if len(numbers["select"]) < size:
        pixels = graph.columns(pixels, numbers["select"].astype(np.int64))
    mean, scale, limit = numbers["line"].astype(dtype)
    scaled = graph.node("Div", graph.node("Sub", pixels, mean), scale)
    if limit < LARGEST:
        scaled = graph.node("Clip", scaled, -limit, limit)
    return _project(graph, scaled, numbers)


def _project(graph: Graph, features: str, numbers: Numbers) -> str:
    """Principal components, where there are any; float32."""
    if "project.mean" not in numbers:
        return graph.cast(features, FLOAT)
    centred = graph.node("Sub", features, numbers["project.mean"])
    return graph.cast(graph.node("MatMul", centred, numbers["project.components"]), FLOAT)


def _write_table(graph: Graph, source: TableFeatures, numbers: Numbers, config: Config) -> NetworkInputs:
    plan, cells = source.plan, cells_config(config.dataset)
    raw, codes = _read_columns(graph, plan, cells, config)
    known = _derive(graph, plan, raw)
    groups = grouped(plan.vocabularies)
    scaled, unscaled = [], []
    unscaled += [_one_hot(graph, own, codes[own.label]) for own in groups["one_hot"] if own.features]
    if known is not None:
        missing = graph.node("IsNaN", known)
        filled = graph.node("Where", missing, numbers["impute.fill"], known)
        scaled.append(filled)
        if plan.indicators:
            unscaled.append(graph.cast(graph.columns(missing, plan.indicators), DOUBLE))
        if plan.pieces:
            unscaled.append(_pieces(graph, graph.columns(filled, plan.pieces), numbers))
    scaled += _encode(graph, groups, codes, numbers)
    parts = [_scale(graph, graph.concat(scaled), plan, numbers)] if scaled else []
    embedded = [codes[own.name] for own in groups["embedding"]]
    if not len(numbers["select"]):
        return NetworkInputs(None, embedded)
    features = graph.concat([*parts, *unscaled])
    if len(numbers["select"]) < len(source.names):
        features = graph.columns(features, numbers["select"].astype(np.int64))
    return NetworkInputs(_project(graph, features, numbers), embedded)


def _read_columns(
    graph: Graph, plan: TablePlan, cells: CellsConfig, config: Config
) -> tuple[list[str], dict[str, str]]:
    """The numbers that are read, float64 (n, 1) each in the plan's order; and codes of categories by their label."""
    readers = {reader.name: reader for reader in plan.readers}
    raw: list[str] = []
    codes = {}
    for column in plan.columns:
        vocabularies = [own for own in plan.vocabularies if own.name == column.name]
        match readers.get(column.name):
            case None:
                codes[column.name] = write_category(graph, column, vocabularies[0], cells)
            case TextColumn():
                raise refuse_hash(config, column.name)
            case DateColumn() as own:
                calendar = Calendar(graph, graph.add_input(column.name, DOUBLE, [1], describe_column(column)))
                raw += calendar.numbers(own)
                codes |= {part.label: calendar.codes(part) for part in vocabularies}
            case _ if column.kind == "boolean":
                raw.append(write_boolean(graph, column, cells))
            case _:
                raw.append(write_number(graph, column, cells))
    return raw, codes


def _derive(graph: Graph, plan: TablePlan, raw: Sequence[str]) -> str | None:
    """All numbers, read and derived, float64 (n, p); NaN where missing or not finite. None for no number."""
    if not raw:
        return None
    numbers = finite_or_nan(graph, graph.concat(raw))
    columns: dict[str, str] = {}
    derived = {name: parse_formula(text) for name, text in plan.derived.items()}
    used = {name for formula in derived.values() for name in formula.names}
    for i, name in enumerate(plan.raw):
        if name in used:
            columns[name] = graph.columns(numbers, [i])
    for name, formula in derived.items():
        columns[name] = write_formula(graph, formula, columns)
    return graph.concat([numbers, *(columns[name] for name in derived)])


def _one_hot(graph: Graph, own: Vocabulary, codes: str) -> str:
    """0 and 1, float64 (n, categories)."""
    return graph.cast(graph.node("Equal", codes, np.arange(len(own.features))), DOUBLE)


def _encode(
    graph: Graph, groups: Mapping[str, list[Vocabulary]], codes: Mapping[str, str], numbers: Numbers
) -> list[str]:
    """Ordinal values and target means, float64 (n, 1) or (n, t) of each column."""
    found, start = [], 0
    for own in groups["ordinal"]:
        found.append(graph.node("Gather", numbers["encode.ordinal"][start : start + own.size], codes[own.name]))
        start += own.size
    means, start = numbers["encode.target"][FOLDS], 0
    for own in groups["target"]:
        rows = graph.node("Gather", means[start : start + own.size], codes[own.name])
        found.append(graph.reshape(rows, -1, means.shape[1]))
        start += own.size
    return found


def _pieces(graph: Graph, filled: str, numbers: Numbers) -> str:
    """The piecewise linear encoding of filled columns, each as often as it has pieces: (n, pieces)."""
    places = graph.node("Div", graph.node("Sub", filled, numbers["pieces.low"]), numbers["pieces.width"])
    return graph.node("Clip", places, 0.0, 1.0)


def _scale(graph: Graph, x: str, plan: TablePlan, numbers: Numbers) -> str:
    """Power and quantile transforms of their columns, then (x − centre) / spread within the limits: (n, s)."""
    exponents, quantiles = (numbers[f"scale.{name}"] for name in ("power.exponents", "quantile.quantiles"))
    limit = numbers["scale.limit"]
    if plan.power:
        grown = yeo_johnson(graph, graph.columns(x, plan.power), exponents)
        x = _replace_columns(graph, x, len(limit), plan.power, grown)
    if plan.quantile:
        ranked = graph.columns(x, plan.quantile)
        if plan.quantile[-1] >= len(plan.raw):  # equal numbers share their ranks: a derived one must be equal again
            ranked = to_nearest(graph, ranked, quantiles)
        scores = write_normal_scores(graph, ranked, quantiles, numbers.get("scale.quantile.shares"))
        x = _replace_columns(graph, x, len(limit), plan.quantile, scores)
    scaled = graph.node("Div", graph.node("Sub", x, numbers["scale.centre"]), numbers["scale.spread"])
    return graph.node("Max", graph.node("Min", scaled, limit), -limit)


def _replace_columns(graph: Graph, x: str, n_columns: int, at: Sequence[int], columns: str) -> str:
    """X (n, n_columns) with other columns (n, k) at these places."""
    order = np.arange(n_columns)
    order[list(at)] = n_columns + np.arange(len(at))
    return graph.columns(graph.concat([x, columns]), order)


def write_normal_scores(graph: Graph, x: str, quantiles: Floats, shares: Floats | None) -> str:
    """As `mlcli.features.scaling.normal_score`: x (n, k), quantiles (k, m), shares (k, 2, m)."""
    low, high = quantiles[:, 0], quantiles[:, -1]
    if shares is None:
        even = np.linspace(0.0, 1.0, quantiles.shape[1])
        shares = np.broadcast_to(even, (len(quantiles), 2, len(even)))
        first, last = np.zeros(len(quantiles)), np.ones(len(quantiles))
        below = graph.node("Less", graph.node("Sub", x, MARGIN), low)
        above = graph.node("Greater", graph.node("Add", x, MARGIN), high)
    else:
        first, last = (shares[:, :, end].mean(axis=1) for end in (0, -1))
        below, above = graph.node("LessOrEqual", x, low), graph.node("GreaterOrEqual", x, high)
    share = rank_share(graph, x, quantiles, shares)
    share = graph.node("Where", below, first, graph.node("Where", above, last, share))
    edge = MARGIN - np.spacing(1)
    return normal_deviate(graph, graph.node("Clip", share, edge, 1 - edge))
