"""What every request passes: whose it is, how many there are, how long it may take; and what every answer has."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlcli.serve.errors import (
    BAD_REQUEST,
    BUG,
    MISDIRECTED,
    TIMED_OUT,
    TOO_LARGE,
    TOO_MANY,
    UNAUTHORIZED,
    UNAVAILABLE,
    RequestError,
    error_document,
    status_of,
)
from mlcli.serve.limits import Limits
from mlcli.serve.metrics import ServerMetrics

# What is served without a token: the page, which holds nothing of a model, and whether the server lives.
OPEN = frozenset({"/", "/page.css", "/page.js", "/health", "/v2/health/live", "/v2/health/ready"})
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
# Seconds within which a body must have come.
BODY_SECONDS = 10.0


def error_response(error: Exception, path: str) -> JSONResponse:
    """The answer to what failed; the Open Inference Protocol has a text alone."""
    document = error_document(error)
    if path.startswith("/v2"):
        document = {"error": document["error"]["message"]}
    headers = error.headers if isinstance(error, RequestError) else None
    return JSONResponse(document, status_of(error), headers)


class Guard:
    """The outermost application.

    hosts  : names by which the server may be called; empty for any. On the loopback others are those of a page
             elsewhere whose name was pointed here (DNS rebinding)
    token  : that requests must bear; None for none
    on_bug : told of errors that are not the client's
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        metrics: ServerMetrics,
        hosts: frozenset[str],
        token: str | None,
        on_bug: Callable[[Exception], None],
    ) -> None:
        self._app, self._limits, self._metrics, self._hosts = app, limits, metrics, hosts
        self._token = None if token is None else f"Bearer {token}".encode()
        self._on_bug = on_bug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun, metrics, status = time.perf_counter(), self._metrics, BUG

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_RAW_HEADERS]
            await send(message)

        metrics.in_progress += 1
        try:
            await self._answer(scope, receive, answer)
        except ClientDisconnect:
            status = 499  # as servers log it; nobody reads an answer
        finally:
            metrics.in_progress -= 1
            metrics.seconds.add(time.perf_counter() - begun)
            metrics.requests[(("route", scope.get("mlcli.route", "other")), ("status", str(status)))] += 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
            async with asyncio.timeout(self._limits.seconds):
                await self._app(scope, receive, send)
        except ClientDisconnect:
            raise
        except TimeoutError:
            late = RequestError(
                UNAVAILABLE, "request", f"no answer after {self._limits.seconds:g} s", "less work", "send fewer rows"
            )
            await error_response(late, scope["path"])(scope, receive, send)
        except Exception as error:
            if status_of(error) == BUG:
                self._on_bug(error)
            await error_response(error, scope["path"])(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._hosts and (host := _without_port(headers.get("host", ""))) not in self._hosts:
            raise RequestError(
                MISDIRECTED, "Host", repr(host[:100]), f"one of {', '.join(sorted(self._hosts))}",
                "call the server by one of them, or start it with --allow-host NAME",
            )  # fmt: skip
        if self._token is not None and scope["path"] not in OPEN:
            given = headers.get("authorization", "").encode("latin-1", "replace")
            if not hmac.compare_digest(given, self._token):
                raise RequestError(
                    UNAUTHORIZED, "Authorization", "no token, or another one", "Bearer and the server's token",
                    "send the header", {"WWW-Authenticate": "Bearer"},
                )  # fmt: skip
        if self._metrics.in_progress > self._limits.requests:
            raise RequestError(
                TOO_MANY, "request", f"{self._metrics.in_progress - 1:,} others in progress",
                f"at most {self._limits.requests:,}", "try again in a second", {"Retry-After": "1"},
            )  # fmt: skip


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body. Raises RequestError for one that is too large, packed or too slow."""
    headers: Mapping[str, str] = request.headers
    close = {"Connection": "close"}
    too_large = RequestError(
        TOO_LARGE, "body", "more bytes", f"at most {limits.body:,}", "send the rows in several requests", close
    )
    if int(headers.get("content-length", "0") or 0) > limits.body:  # digits alone: the parser refuses others
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limits.body:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise RequestError(
            TIMED_OUT, "body", f"{size:,} bytes in {BODY_SECONDS:g} s", "all of it", "send it at once", close
        ) from None
    if not size:
        raise RequestError(BAD_REQUEST, "body", "nothing", "rows", "send one row at least")
    return b"".join(parts)
