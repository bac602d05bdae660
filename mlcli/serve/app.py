"""The routes of the server."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NoReturn, TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route, Router
from starlette.types import Receive, Scope, Send

from mlcli.io.text import shown, suggestion
from mlcli.reporter import Reporter
from mlcli.serve.answers import Answer, Options, answer, to_csv
from mlcli.serve.batching import Batcher
from mlcli.serve.errors import BAD_REQUEST, NOT_ALLOWED, NOT_FOUND, RequestError
from mlcli.serve.form import describe_form
from mlcli.serve.guard import read_body
from mlcli.serve.inference import describe_model, inference_document, parse_inference
from mlcli.serve.limits import Limits
from mlcli.serve.metrics import ServerMetrics
from mlcli.serve.models import ServedModel
from mlcli.serve.openapi import describe_api
from mlcli.serve.rows import Body, parse_body

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]

# Bytes of a body that is parsed at once; larger ones are parsed in a thread, while others are answered.
AT_ONCE = 1 << 16
# Rows of a request whose contributions are told.
MOST_EXPLAINED = 100
PAGE = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}


class Api:
    """What each route does.

    models  : by name, replaced as a whole when one is loaded anew: a request keeps the model that it began with
    small   : one thread, for requests of one row that are predicted together; large : another, for all others
    """

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        limits: Limits,
        metrics: ServerMetrics,
        small: Executor,
        large: Executor,
        reporter: Reporter,
    ) -> None:
        self.models, self._limits, self._metrics = dict(models), limits, metrics
        self._large, self._reporter = large, reporter
        self._batcher = Batcher(small, metrics.batch.add)

    def router(self) -> Router:
        """All routes; the most frequent first."""
        one = "/v2/models/{model}"
        versions = (one, one + "/versions/{version}")
        routes: list[tuple[str, str, Handler]] = [
            ("POST", "/predict", self.predict),
            *(("POST", f"{path}/infer", self.infer) for path in versions),
            ("POST", "/models/{model}/predict", self.predict),
            ("GET", "/health", self.health),
            ("GET", "/metrics", self.show_metrics),
            ("GET", "/openapi.json", self.show_api),
            ("GET", "/models", self.list_models),
            ("GET", "/models/{model}/form", self.show_form),
            *(("GET", path, self.live) for path in ("/v2/health/live", "/v2/health/ready")),
            *(("GET", path, self.server) for path in ("/v2", "/v2/")),
            *(("GET", path, self.model) for path in versions),
            *(("GET", f"{path}/ready", self.model_ready) for path in versions),
            *(("GET", path, _page(*content)) for path, content in PAGE.items()),
        ]
        listed = [_CountedRoute(path, handler, methods=[method]) for method, path, handler in routes]
        return Router(listed, redirect_slashes=False, default=_not_found)

    async def predict(self, request: Request) -> Response:
        """Rows as `mlcli predict` reads them."""
        model, options = self._model(request), _options(request)
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if encoding := request.headers.get("content-encoding"):
            media = f"{media} packed by {encoding}"
        content = await read_body(request, self._limits)
        body = await self._parse(content, lambda: parse_body(model, media, content, self._limits.rows))
        found = await self._predict(model, body, options)
        wanted = request.headers.get("accept", "")
        if "text/csv" in wanted or (media == "text/csv" and "json" not in wanted):
            return Response(to_csv(found.rows), media_type="text/csv")
        document: dict[str, Any] = {
            "model": model.name,
            "version": model.version,
            "predictions": found.rows,
            "warnings": found.warnings,
        }
        if found.explanation is not None:
            document["explanation"] = found.explanation
        return _json(document)

    async def infer(self, request: Request) -> Response:
        """The same by the Open Inference Protocol."""
        model = self._model(request)
        content = await read_body(request, self._limits)
        asked = await self._parse(content, lambda: parse_inference(model, _load(content), self._limits.rows))
        found = await self._predict(model, asked.body, Options())
        return _json(inference_document(model, asked, found.rows))

    async def _parse(self, content: bytes, work: Callable[[], T]) -> T:
        return work() if len(content) <= AT_ONCE else await self._in_thread(work)

    async def _predict(self, model: ServedModel, body: Body, options: Options) -> Answer:
        if body.cells is not None and options.is_plain:
            found = await self._batcher.submit(model, body.cells)
        else:
            most = self._limits.rows if options.explain is None else min(MOST_EXPLAINED, self._limits.rows)
            found = await self._in_thread(partial(answer, model, body, options, most, self._reporter))
        self._metrics.rows[(("model", model.name),)] += len(found.rows)
        return found

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._large, work)

    def _model(self, request: Request) -> ServedModel:
        """The model that the address names, or the only one."""
        names, name = [*self.models], request.path_params.get("model")
        if name is None:
            if len(names) > 1:
                raise RequestError(
                    BAD_REQUEST, "/predict", "no name of a model", f"one of {', '.join(names)}",
                    "send to /models/NAME/predict",
                )  # fmt: skip
            name = names[0]
        if (model := self.models.get(name)) is None:
            raise RequestError(NOT_FOUND, "model", shown(name), "the name of a model", suggestion(name, names))
        wanted = request.path_params.get("version", model.version)
        if wanted != model.version:
            raise RequestError(NOT_FOUND, "version", shown(wanted), model.version, "leave the version out")
        return model

    async def health(self, request: Request) -> Response:
        """That the server lives."""
        return _json({"status": "ok"})

    async def live(self, request: Request) -> Response:
        """As the protocol has it; models are loaded before the server listens."""
        return _json({"live": True})

    async def server(self, request: Request) -> Response:
        """The server's metadata."""
        return _json({"name": "mlcli", "version": version("mlcli"), "extensions": []})

    async def model(self, request: Request) -> Response:
        """A model's metadata."""
        return _json(describe_model(self._model(request)))

    async def model_ready(self, request: Request) -> Response:
        """That a model is loaded."""
        return _json({"name": self._model(request).name, "ready": True})

    async def list_models(self, request: Request) -> Response:
        """Names and versions."""
        return _json({"models": [{"name": own.name, "version": own.version} for own in self.models.values()]})

    async def show_form(self, request: Request) -> Response:
        """The controls of the page."""
        return _json(describe_form(self._model(request)))

    async def show_metrics(self, request: Request) -> Response:
        """For Prometheus."""
        text = self._metrics.render({own.name: own.version for own in self.models.values()})
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def show_api(self, request: Request) -> Response:
        """The OpenAPI document."""
        return _json(describe_api(self.models.values()))


class _CountedRoute(Route):
    """A route whose path, as it is written here, is what requests are counted by."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match != Match.NONE:
            scope["mlcli.route"] = self.path
        return match, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] not in self.methods:
            allowed = ", ".join(sorted(self.methods))
            raise RequestError(NOT_ALLOWED, "method", scope["method"], allowed, "use one of these", {"Allow": allowed})
        await self.app(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> NoReturn:
    raise RequestError(
        NOT_FOUND, "path", shown(scope["path"]), "one of the addresses of /openapi.json", "correct the address"
    )


def _page(name: str, media: str) -> Handler:
    content = files("mlcli.serve").joinpath("page", name).read_bytes()

    async def show(request: Request) -> Response:
        return Response(content, media_type=media)

    return show


def _options(request: Request) -> Options:
    """Of the query. Raises RequestError for an unknown one."""
    query = request.query_params
    if unknown := [key for key in query if key not in ("interval", "explain")]:
        raise RequestError(BAD_REQUEST, "query", shown(unknown[0]), "interval or explain", "leave it out")
    if not query:
        return Options()
    interval, explain = (_number(query.get(key), key) for key in ("interval", "explain"))
    return Options(interval, None if explain is None else int(explain))


def _number(text: str | None, key: str) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (key == "explain" and (value != int(value) or value < 1)):
        expected = "a share such as 0.9" if key == "interval" else "a whole number from 1 on"
        raise RequestError(BAD_REQUEST, f"query {key}", shown(text), expected, "correct it")
    return value


def _load(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RequestError(BAD_REQUEST, "body", f"no JSON: {error}", "a JSON object", "correct the JSON") from error


def _json(document: object) -> Response:
    """Numbers that are not finite are null."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(document), ensure_ascii=False, separators=(",", ":"))
    return Response(text, media_type="application/json")


def _finite(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _finite(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
