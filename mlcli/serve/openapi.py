"""The OpenAPI document: the addresses of this server, with the columns of its models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from mlcli.data.tables.types import Kind
from mlcli.models.task import Classification, FittedTask
from mlcli.serve.models import ServedModel
from mlcli.serve.rows import IMAGE, IMAGES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
KINDS: Mapping[Kind, Schema] = {
    "number": {"type": ["number", "string", "null"]},
    "category": {"type": ["string", "number", "null"]},
    "boolean": {"type": ["boolean", "string", "number", "null"]},
    "date": {"type": ["string", "null"], "description": "ISO 8601, or as the training rows had it"},
}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["status", "kind", "message"],
            "properties": {
                "status": {"type": "integer"},
                **dict.fromkeys(("kind", "message"), TEXT),
                **{key: {"type": ["string", "null"]} for key in ("place", "received", "expected", "remedy")},
            },
        }
    },
}
STATUSES = {
    "400": "No JSON, or a wrong option",
    "401": "No token, or another one",
    "404": "No such address or model",
    "408": "The body came too slowly",
    "413": "Too many bytes or rows",
    "415": "Another media type, or packed",
    "422": "Rows that do not fit the model",
    "429": "Too many requests in progress",
    "503": "Not answered in time",
}
OPTIONS = [
    {"name": "interval", "in": "query", "schema": NUMBER, "description": "Level of intervals or sets, such as 0.9"},
    {"name": "explain", "in": "query", "schema": {"type": "integer"}, "description": "Contributions told, at most"},
]


def describe_api(models: Iterable[ServedModel]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    listed = list(models)
    paths: dict[str, Any] = {}
    for model in listed:
        paths[f"/models/{model.name}/predict"] = {"post": _describe_predict(model)}
    if len(listed) == 1:
        paths["/predict"] = {"post": _describe_predict(listed[0])}
    for path, summary in {
        "/health": "Whether the server lives",
        "/metrics": "Figures for Prometheus",
        "/models": "Names and versions of the models",
        "/v2": "Open Inference Protocol: the server",
        "/v2/health/live": "Open Inference Protocol: whether the server lives",
        "/v2/health/ready": "Open Inference Protocol: whether all models are loaded",
        "/v2/models/{model}": "Open Inference Protocol: inputs and outputs of a model",
        "/v2/models/{model}/ready": "Open Inference Protocol: whether a model is loaded",
    }.items():
        paths[path] = {"get": {"summary": summary, "responses": {"200": {"description": summary}}, **_named(path)}}
    infer = "/v2/models/{model}/infer"
    paths[infer] = {
        "post": {
            "summary": "Open Inference Protocol: predictions",
            "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": ["inputs"]}}}},
            "responses": {"200": {"description": "Tensors of predictions"}},
            **_named(infer),
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlcli serve", "version": version("mlcli")},
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _named(path: str) -> dict[str, Any]:
    if "{model}" not in path:
        return {}
    return {"parameters": [{"name": "model", "in": "path", "required": True, "schema": TEXT}]}


def _describe_predict(model: ServedModel) -> dict[str, Any]:
    row = _describe_row(model)
    content: dict[str, Any] = {
        "application/json": {"schema": {"oneOf": [row, {"type": "array", "items": row, "minItems": 1}]}}
    }
    if model.image_shape:
        content |= {media: {"schema": {"type": "string", "format": "binary"}} for media in IMAGES}
    else:
        content |= {media: {"schema": TEXT} for media in ("text/csv", "application/x-ndjson")}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    answer = {
        "type": "object",
        "required": ["model", "version", "predictions", "warnings"],
        "properties": {
            "model": TEXT,
            "version": TEXT,
            "predictions": {"type": "array", "items": _describe_prediction(model.bundle.task)},
            "warnings": {"type": "array", "items": TEXT},
            "explanation": {"type": "object"},
        },
    }
    return {
        "summary": f"Predictions of {model.name}",
        "parameters": OPTIONS,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "Predictions, row by row", "content": {"application/json": {"schema": answer}}},
            **{status: {"description": meaning, "content": error} for status, meaning in STATUSES.items()},
        },
    }


def _describe_row(model: ServedModel) -> Schema:
    if model.image_shape:
        return {"type": "object", "required": [IMAGE], "properties": {IMAGE: {"type": "array"}}}
    columns = {own.name: KINDS[own.kind] for own in model.manifest.rows.columns}
    return {"type": "object", "required": [*columns], "properties": columns}


def _describe_prediction(task: FittedTask) -> Schema:
    if isinstance(task, Classification):
        shares = {f"probability_{name}": NUMBER for name in task.classes} if task.has_probabilities else {}
        columns = {"prediction": {"enum": list(task.classes)}, **shares}
    elif len(task.targets) > 1:
        columns = {f"prediction_{name}": NUMBER for name in task.targets}
    else:
        columns = {"prediction": NUMBER}
    return {"type": "object", "required": [*columns], "properties": columns}
