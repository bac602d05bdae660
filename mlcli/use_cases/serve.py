"""Serve: trained models over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from mlcli.errors import UsageError
from mlcli.io.network import listen
from mlcli.reporter import Reporter
from mlcli.serve.limits import Limits, is_loopback

TOKEN = "MLCLI_SERVE_TOKEN"  # noqa: S105
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class ServeRequest:
    """What to serve and where.

    models : each RUN or NAME=RUN; the latest run where there are none
    hosts  : further names by which the server may be called
    without_token : whether any machine may ask without one
    """

    models: tuple[str, ...]
    host: str
    port: int
    hosts: tuple[str, ...]
    without_token: bool
    limits: Limits


@dataclass(frozen=True)
class Serving:
    """A server that listens. models : what each was loaded from, by name."""

    url: str
    models: dict[str, str]
    has_token: bool

    def to_json(self) -> dict[str, Any]:
        """The document of `serve --json`."""
        return vars(self)


def serve(
    request: ServeRequest,
    reporter: Reporter,
    on_ready: Callable[[Serving], None],
    log_bug: Callable[[Exception], Exception],
) -> None:
    """Serve until a signal comes.

    on_ready : called once the server listens
    log_bug  : writes a traceback where the user finds it; returns what to tell
    Raises UsageError without the packages, and for an address that all may reach without a token.
    """
    _require_packages()
    from mlcli.serve.models import load_models, parse_models
    from mlcli.serve.server import run_server

    token = _read_token()
    if not is_loopback(request.host) and token is None and not request.without_token:
        raise UsageError(
            f"--host {request.host}: other machines could ask this server anything without a token; set {TOKEN} to one "
            f"of {SHORTEST_TOKEN} characters or more, or say --without-token"
        )
    models = load_models(parse_models(request.models))
    for model in models.values():
        if stand_in_for := model.bundle.facts.get("stand_in_for"):
            reporter.warn(f"{model.name}: this model was trained on a stand-in for {stand_in_for}")
    listening = listen(request.host, request.port)
    shown = f"[{request.host}]" if ":" in request.host else request.host
    local = {"localhost", "127.0.0.1", "[::1]", shown.lower()} if is_loopback(request.host) else set()
    hosts = frozenset(local | {name.lower() for name in request.hosts})
    url = f"http://{shown}:{listening.getsockname()[1]}/"
    serving = Serving(url, {name: own.source for name, own in models.items()}, token is not None)
    run_server(models, listening, request.limits, hosts, token, reporter, lambda: on_ready(serving), log_bug)


def _read_token() -> str | None:
    token = os.environ.get(TOKEN)
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise UsageError(
            f"{TOKEN}: {len(token)} characters; a token has {SHORTEST_TOKEN} or more of ASCII; unset it for none"
        )
    return token


def _require_packages() -> None:
    absent = [name for name in ("starlette", "uvicorn", "httptools") if find_spec(name) is None]
    if absent:
        raise UsageError(
            f"mlcli serve needs {' and '.join(absent)}, not installed here; run: pip install 'mlcli[serve]'"
        )
