"""The rows of a request's body, as `predict` reads them from a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from mlcli.data.readers.compression import SIGNATURES
from mlcli.data.readers.images import FORMATS, read_image
from mlcli.data.tables.types import Images
from mlcli.errors import DataError
from mlcli.io.text import shown
from mlcli.runs.bundle_manifest import PredictionInput, read_prediction_input
from mlcli.serve.errors import BAD_REQUEST, TOO_LARGE, UNPROCESSABLE, UNSUPPORTED, RequestError
from mlcli.serve.models import ServedModel
from mlcli.serve.plain import Cells

MEDIA: Mapping[str, Literal["csv", "jsonl", "json"]] = {
    "application/json": "json",
    "text/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
}
IMAGES = tuple(f"image/{name.lower()}" for name in FORMATS)
# The name of an image in a row, as in exported models.
IMAGE = "image"
_BLANKS = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Body:
    """Rows as text in a format of `predict`.

    label  : how messages name it
    cells  : of one row that needs no reading; else None
    images : in place of text, for models that take these
    """

    label: str
    format: Literal["csv", "jsonl"]
    content: bytes
    cells: Cells | None = None
    images: Images | None = None


def parse_body(model: ServedModel, media: str, content: bytes, most_rows: int) -> Body:
    """The body of a request in this media type. Raises RequestError."""
    format = MEDIA.get(media)
    if format is None and not (model.image_shape and media in IMAGES):
        known = (*MEDIA, *(IMAGES if model.image_shape else ()))
        raise RequestError(
            UNSUPPORTED, "Content-Type", shown(media), " or ".join(known), "send the rows in one of them, not packed"
        )
    if format is not None and content.startswith(SIGNATURES):
        raise RequestError(UNSUPPORTED, "body", "packed data", "text", "send it unpacked")
    if format is None:
        return Body("body", "csv", b"", images=_read_picture(model, content))
    if format != "json":
        if model.image_shape:
            raise RequestError(UNSUPPORTED, "Content-Type", media, "JSON or an image", "send pixels or a file")
        if content.count(b"\n") > most_rows + 100:  # before anything is read; headers and footers may be lines
            raise too_many_rows(content.count(b"\n"), most_rows)
        return Body("body", format, content)
    return body_of_objects(model, read_objects(content), most_rows)


def body_of_objects(model: ServedModel, objects: list[tuple[str, Any]], most_rows: int) -> Body:
    """The body of rows, each as text and value."""
    if len(objects) > most_rows:
        raise too_many_rows(len(objects), most_rows)
    if not objects:
        raise RequestError(BAD_REQUEST, "body", "no rows", "one row at least", 'send [{"column": value}]')
    for number, (text, value) in enumerate(objects, start=1):
        if not isinstance(value, dict):
            raise RequestError(
                BAD_REQUEST, f"rows:{number}", shown(text), "an object of named values", 'send [{"column": value}]'
            )
    if model.image_shape:
        return Body("rows", "jsonl", b"", images=_read_pixels(model, [value for _, value in objects]))
    cells = model.plain.cells(*objects[0]) if len(objects) == 1 else None
    return Body("rows", "jsonl", "\n".join(text for text, _ in objects).encode(), cells)


def read_rows(model: ServedModel, body: Body, most_rows: int) -> PredictionInput:
    """The rows of one request. Raises DataError as `predict` does, and RequestError for too many of them."""
    if body.images is not None:
        return PredictionInput(body.images, pl.DataFrame())
    given = read_prediction_input(model.manifest, body.label, body.format, body.content)
    if len(given.data) > most_rows:
        raise too_many_rows(len(given.data), most_rows)
    return given


def read_objects(content: bytes) -> list[tuple[str, Any]]:
    """The values of a JSON array, or the one value there is, each with its text on one line. Raises RequestError."""
    try:
        return list(_objects(content.decode("utf-8-sig")))
    except (ValueError, RecursionError) as error:
        what = "bytes that are not UTF-8" if isinstance(error, UnicodeDecodeError) else f"no JSON: {error}"
        raise RequestError(
            BAD_REQUEST, "body", what, "a JSON object or an array of objects", "correct the JSON"
        ) from error


class _Repeating(dict[str, Any]):
    """An object with a key twice, which the readers refuse."""


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeating(found)


_DECODER = json.JSONDecoder(object_pairs_hook=_make_object)


def _objects(text: str) -> Iterator[tuple[str, Any]]:
    decode, at = _DECODER.raw_decode, _skip(text, 0)
    is_array = text.startswith("[", at)
    if is_array:
        at = _skip(text, at + 1)
    more = not (is_array and text.startswith("]", at))
    while more:
        value, end = decode(text, at)
        # Line ends within a value are blanks: those of texts are written as \n.
        yield text[at:end].replace("\n", " ").replace("\r", " "), value
        at = _skip(text, end)
        more = is_array and text.startswith(",", at)
        at = _skip(text, at + 1) if more else at
    if is_array and not text.startswith("]", at):
        raise json.JSONDecodeError("expected ',' or ']'", text, at)
    if (rest := _skip(text, at + is_array)) < len(text):
        raise json.JSONDecodeError("something behind the rows", text, rest)


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _read_picture(model: ServedModel, content: bytes) -> Images:
    height, width, *channels = model.image_shape
    pixels = read_image(content, "body", (height, width), "rgb" if channels == [3] else "gray")
    return Images(pixels.reshape(1, *model.image_shape), None, ())


def _read_pixels(model: ServedModel, rows: list[dict[str, Any]]) -> Images:
    """Whole numbers from 0 to 255, nested as the model's images are."""
    shape = model.image_shape
    wanted = f"whole numbers from 0 to 255 of the shape {' × '.join(map(str, shape))}"
    for number, row in enumerate(rows, start=1):
        if set(row) != {IMAGE}:
            raise RequestError(
                UNPROCESSABLE, f"rows:{number}", f"the keys {shown(', '.join(row))}", f"the key {IMAGE!r} alone",
                f'send {{"{IMAGE}": [[0, 255, …], …]}}',
            )  # fmt: skip
    try:
        pixels = np.array([row[IMAGE] for row in rows])
    except (ValueError, OverflowError) as error:
        raise DataError(f"rows: {IMAGE!r} is a ragged list; expected {wanted}") from error
    if pixels.shape != (len(rows), *shape) or not np.issubdtype(pixels.dtype, np.integer):
        found = "×".join(map(str, pixels.shape[1:])) or "1"
        raise DataError(f"rows: {IMAGE!r} is {pixels.dtype} of shape {found}; expected {wanted}")
    if pixels.min() < 0 or pixels.max() > 255:
        raise DataError(f"rows: {IMAGE!r} has numbers from {pixels.min()} to {pixels.max()}; expected {wanted}")
    return Images(pixels.astype(np.uint8), None, ())


def too_many_rows(found: int, most: int) -> RequestError:
    """The error of more rows than one request may have."""
    return RequestError(TOO_LARGE, "body", f"{found:,} rows", f"at most {most:,}", "send them in several requests")
