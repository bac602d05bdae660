"""A bundle as a model of ONNX, with all that happens to a row inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import onnx

from mlcli.data.selection import cells_config
from mlcli.data.tables.types import Dataset, Images
from mlcli.export.columns import feeds_of, missing_text
from mlcli.export.features import write_features
from mlcli.export.graph import Graph
from mlcli.export.networks import write_networks
from mlcli.export.predictions import output_names, write_predictions
from mlcli.features.table import TableFeatures
from mlcli.models.task import Classification, output_of
from mlcli.runs.bundle import Bundle

TEXT = "A row in, its prediction out: columns are read, filled, scaled and encoded inside. Made by mlcli."


class Port(NamedTuple):
    """An input or an output: its name, type, shape after the rows, and meaning."""

    name: str
    type: str
    shape: tuple[int, ...]
    meaning: str


def build_onnx(bundle: Bundle, fingerprint: str) -> onnx.ModelProto:
    """The model, not yet verified. Raises ConfigError for what ONNX has no operators for.

    fingerprint : of the run's configuration
    """
    inputs = [column.name for column in bundle.features.schema.columns] or ["image"]
    names = output_names(bundle.task, inputs)
    graph = Graph({*inputs, *names})
    features = write_features(graph, bundle.features, bundle.config)
    networks = bundle.members or (bundle.config.model,)
    outputs = write_networks(
        graph, features, networks, bundle.features.layout, bundle.model.weights, output_of(bundle.task)
    )
    write_predictions(graph, outputs, bundle.task, names)
    model = graph.to_model(version("mlcli"), TEXT, _metadata(bundle, fingerprint))
    onnx.checker.check_model(model)
    return model


def ports_of(values: list[onnx.ValueInfoProto]) -> tuple[Port, ...]:
    """Inputs or outputs as a caller needs to know them."""
    found = []
    for value in values:
        own = value.type.tensor_type
        kind = onnx.TensorProto.DataType.Name(own.elem_type).lower()
        found.append(Port(value.name, kind, tuple(one.dim_value for one in own.shape.dim[1:]), value.doc_string))
    return tuple(found)


def feeds(bundle: Bundle, data: Dataset) -> dict[str, np.ndarray]:
    """Rows as the model's inputs."""
    if isinstance(data, Images):
        return {"image": data.pixels}
    source = bundle.features.source
    vocabularies = source.plan.vocabularies if isinstance(source, TableFeatures) else ()
    missing = {own.name: missing_text(own) for own in vocabularies if not own.part}
    return feeds_of(data, bundle.features.schema.columns, cells_config(bundle.config.dataset), missing)


def _metadata(bundle: Bundle, fingerprint: str) -> Mapping[str, str]:
    """What the bundle knows of itself, as texts; of several values, JSON."""
    facts, task = bundle.facts, bundle.task
    if isinstance(task, Classification):
        own = {"target": task.target, "classes": json.dumps(task.classes, ensure_ascii=False)}
        own |= {"threshold": repr(task.threshold)} if task.has_probabilities and len(task.classes) == 2 else {}
    else:
        own = {"target": json.dumps(task.targets, ensure_ascii=False)}
    told = {name: facts.get(name) for name in ("created", "data_fingerprint", "stand_in_for")}
    return {
        "task": task.kind,
        **own,
        "config_fingerprint": fingerprint,
        "scores": json.dumps({split: facts.get(split, {}) for split in ("train", "valid")}),
        "mlcli_version": str(facts.get("versions", {}).get("mlcli", version("mlcli"))),
        **{name: str(value) for name, value in told.items() if value},
    }
