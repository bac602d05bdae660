"""The Open Inference Protocol, version 2 (REST): a tensor a column in, tensors of predictions out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlcli.data.tables.types import Kind
from mlcli.io.text import shown, suggestion
from mlcli.models.task import Classification, FittedTask
from mlcli.serve.errors import BAD_REQUEST, RequestError
from mlcli.serve.models import ServedModel
from mlcli.serve.rows import IMAGE, Body, body_of_objects

PLATFORM = "mlcli_bundle"
DATATYPES: Mapping[Kind, str] = {"number": "FP64", "category": "BYTES", "boolean": "BOOL", "date": "BYTES"}
_WHOLE = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_KNOWN = {"BOOL", "BYTES", "FP16", "FP32", "FP64", *_WHOLE}


@dataclass(frozen=True)
class InferenceRequest:
    """What is asked for: rows, and the names of the tensors to return."""

    body: Body
    outputs: tuple[str, ...]
    id: str | None


def describe_model(model: ServedModel) -> dict[str, Any]:
    """The metadata of a model; -1 is any number of rows."""
    if model.image_shape:
        inputs = [{"name": IMAGE, "datatype": "UINT8", "shape": [-1, *model.image_shape]}]
    else:
        columns = model.manifest.rows.columns
        inputs = [{"name": own.name, "datatype": DATATYPES[own.kind], "shape": [-1, 1]} for own in columns]
    task = model.bundle.task
    outputs = [
        {"name": name, "datatype": datatype, "shape": [-1, width]} for name, (datatype, width) in _outputs(task).items()
    ]
    properties: dict[str, str] = {"task": task.kind}
    if isinstance(task, Classification):
        properties |= {"target": task.target, "classes": json.dumps(task.classes, ensure_ascii=False)}
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": inputs,
        "outputs": outputs,
        "properties": properties,
    }


def _outputs(task: FittedTask) -> dict[str, tuple[str, int]]:
    """Type and width of each output."""
    if isinstance(task, Classification):
        shares = {"probabilities": ("FP64", len(task.classes))} if task.has_probabilities else {}
        return {"prediction": ("BYTES", 1), **shares}
    several = len(task.targets) > 1
    return {f"prediction_{name}" if several else "prediction": ("FP64", 1) for name in task.targets}


def parse_inference(model: ServedModel, document: object, most_rows: int) -> InferenceRequest:
    """The request of a JSON document. Raises RequestError."""
    asked = _member(document, "inputs", list, "the tensors of the columns")
    tensors: dict[str, list[object]] = {}
    for place, tensor in enumerate(asked):
        name = _member(tensor, "name", str, "a column", f"inputs[{place}]")
        if name in tensors:
            raise RequestError(BAD_REQUEST, f"inputs[{place}]", shown(name), "another name", "send a column once")
        tensors[name] = _rows_of(tensor, f"inputs {name!r}", model.image_shape)
    lengths = {name: len(values) for name, values in tensors.items()}
    if len(set(lengths.values())) > 1:
        raise RequestError(BAD_REQUEST, "inputs", f"rows {shown(lengths)}", "equal numbers", "send whole columns")
    rows = [dict(zip(tensors, cells, strict=True)) for cells in zip(*tensors.values(), strict=True)]
    if not rows:
        raise RequestError(BAD_REQUEST, "inputs", "no rows", "one row at least", "send a tensor a column")
    objects = [(_encode(row), row) for row in rows]
    return InferenceRequest(body_of_objects(model, objects, most_rows), _chosen(model, document), _id(document))


def _encode(row: Mapping[str, object]) -> str:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise RequestError(
            BAD_REQUEST, "inputs", "NaN or Infinity", "JSON numbers", "send null, or a number"
        ) from error


def _rows_of(tensor: Mapping[str, Any], place: str, image_shape: tuple[int, ...]) -> list[object]:
    """A value for each row: one cell, or the nested pixels of an image."""
    shape = _member(tensor, "shape", list, "[rows, 1]", place)
    datatype = _member(tensor, "datatype", str, "a type of the protocol", place)
    data = _member(tensor, "data", list, "the values", place)
    if datatype not in _KNOWN:
        remedy = suggestion(datatype, sorted(_KNOWN))
        raise RequestError(BAD_REQUEST, place, f"datatype {shown(datatype)}", "a type of the protocol", remedy)
    if not shape or not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(BAD_REQUEST, place, f"shape {shown(shape)}", "whole numbers", "send [rows, 1]")
    wanted = list(image_shape) or [1]
    if shape[1:] != wanted and not (wanted == [1] and len(shape) == 1):
        raise RequestError(BAD_REQUEST, place, f"shape {shown(shape)}", f"[rows, {shown(wanted)[1:]}", "reshape it")
    flat = list(_flatten(data, place))
    if len(flat) != int(np.prod([float(size) for size in shape])):
        received = f"{len(flat):,} values for the shape {shown(shape)}"
        raise RequestError(BAD_REQUEST, place, received, "as many as the shape has", "correct shape or data")
    if not image_shape:
        return flat
    try:
        return list(np.array(flat).reshape(shape).tolist())
    except (ValueError, OverflowError) as error:
        raise RequestError(BAD_REQUEST, place, "values that are no pixels", "numbers", "correct them") from error


def _flatten(data: list[Any], place: str) -> list[object]:
    """All values of nested lists, in order."""
    while any(isinstance(one, list) for one in data):
        if not all(isinstance(one, list) for one in data):
            raise RequestError(BAD_REQUEST, place, "lists beside values", "one kind", "send data flat")
        data = [value for one in data for value in one]
    return data


def _member(value: object, key: str, kind: type[Any], meaning: str, place: str = "body") -> Any:  # noqa: ANN401
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        received = "no object" if not isinstance(value, dict) else f"{key} {shown(found)}" if key in value else "none"
        raise RequestError(BAD_REQUEST, f"{place}: {key}", received, meaning, f"send a JSON {_JSON[kind]}")
    return found


_JSON: Mapping[type[Any], str] = {list: "array", str: "text"}


def _id(document: object) -> str | None:
    return _member(document, "id", str, "a text") if isinstance(document, dict) and "id" in document else None


def _chosen(model: ServedModel, document: object) -> tuple[str, ...]:
    known = [*_outputs(model.bundle.task)]
    if not isinstance(document, dict) or not document.get("outputs"):
        return tuple(known)
    asked = _member(document, "outputs", list, "names of outputs")
    names = [_member(one, "name", str, "an output", f"outputs[{place}]") for place, one in enumerate(asked)]
    if unknown := [name for name in names if name not in known]:
        raise RequestError(BAD_REQUEST, "outputs", shown(unknown[0]), "an output", suggestion(unknown[0], known))
    return tuple(dict.fromkeys(names))


def inference_document(model: ServedModel, request: InferenceRequest, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The response, its tensors flat; numbers that are not finite are null."""
    outputs = _outputs(model.bundle.task)
    tensors = []
    for name in request.outputs:
        datatype, width = outputs[name]
        columns = _columns(model.bundle.task, name)
        data = [row[column] for row in rows for column in columns]
        tensors.append({"name": name, "datatype": datatype, "shape": [len(rows), width], "data": _finite(data)})
    found: dict[str, Any] = {"model_name": model.name, "model_version": model.version, "outputs": tensors}
    return found if request.id is None else found | {"id": request.id}


def _columns(task: FittedTask, output: str) -> list[str]:
    if output == "probabilities" and isinstance(task, Classification):
        return [f"probability_{name}" for name in task.classes]
    return [output]


def _finite(values: Sequence[Any]) -> list[Any]:
    return [None if isinstance(one, float) and not np.isfinite(one) else one for one in values]
