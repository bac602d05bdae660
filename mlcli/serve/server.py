"""The HTTP server: connections that do not come to the point are cut, signals stop it and have models loaded again."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlcli.io.platform import RELOAD_SIGNALS
from mlcli.io.signals import Interruption
from mlcli.io.threads import thread_count, use_threads
from mlcli.reporter import Reporter
from mlcli.serve.app import Api
from mlcli.serve.errors import TIMED_OUT, UNAVAILABLE, RequestError, error_document
from mlcli.serve.guard import HEADERS, Guard
from mlcli.serve.limits import Limits
from mlcli.serve.metrics import ServerMetrics
from mlcli.serve.models import ServedModel, Stamp, reload_changed

# Seconds within which the head of a request must have come, and for which a client may not read its answer.
HEAD_SECONDS, STALLED_SECONDS = 10.0, 30.0
# Seconds for which connections without a request stay open, requests in progress may go on at the end.
KEEP_ALIVE, DRAIN = 60, 30
# Connections for each request that may be in progress.
CONNECTIONS = 4
# Seconds between looks at the models' files.
LOOK = 2.0
# Seconds for which a thread has Python for itself: the loop answers others meanwhile.
SWITCH = 0.0005


class Connection(HttpToolsProtocol):
    """One connection, which is cut where its client sends no whole head, or reads no answer."""

    most = 1024

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self._head: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(UNAVAILABLE, "more connections", f"at most {self.most:,}", "try again in a second")
        else:
            self._head = self.loop.call_later(HEAD_SECONDS, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._head)
        _cancel(self._stalled)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._head = self.loop.call_later(HEAD_SECONDS, self._cut)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        _cancel(self._head)
        self._head = None
        super().on_headers_complete()

    def pause_writing(self) -> None:
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        _cancel(self._stalled)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        _cancel(self._head)
        self._refuse(400, "what is no HTTP", "an HTTP/1.1 request", "correct it")

    def _cut(self) -> None:
        self._refuse(TIMED_OUT, f"no whole head in {HEAD_SECONDS:g} s", "one", "send it at once")

    def _refuse(self, status: int, received: str, expected: str, remedy: str) -> None:
        if self.transport.is_closing():
            return
        document = error_document(RequestError(status, "connection", received, expected, remedy))
        body = json.dumps(document).encode()
        named = {"content-type": "application/json", "content-length": len(body), "connection": "close", **HEADERS}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self.transport.write(f"HTTP/1.1 {status} \r\n{head}\r\n".encode() + body)
        self.transport.close()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class Server(uvicorn.Server):
    """Stops at a signal once the requests in progress are answered; a second signal ends it at once.

    on_ready : called once it listens
    """

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._interrupted, self._on_ready = Interruption(), on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with self._interrupted:
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        return self._interrupted() or await super().on_tick(counter)


def configure(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """The server's settings: no logs, and connections that are cut where their clients stall."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    connection = type("LimitedConnection", (Connection,), {"most": CONNECTIONS * limits.requests})
    return uvicorn.Config(
        app, http=connection, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=DRAIN,
    )  # fmt: skip


def run_server(
    models: dict[str, ServedModel],
    listening: socket.socket,
    limits: Limits,
    hosts: frozenset[str],
    token: str | None,
    reporter: Reporter,
    on_ready: Callable[[], None],
    log_bug: Callable[[Exception], Exception],
) -> None:
    """Serve until a signal comes.

    log_bug : writes a traceback where the user finds it; returns what to tell
    """
    metrics = ServerMetrics()
    with _answering_promptly(), ThreadPoolExecutor(1, "small") as small, ThreadPoolExecutor(1, "large") as large:
        api = Api(models, limits, metrics, small, large, reporter)
        seen: set[str] = set()

        def on_bug(error: Exception) -> None:
            kind = f"{type(error).__name__} {error}"[:100]
            if kind not in seen and len(seen) < 10:
                seen.add(kind)
                reporter.warn(str(log_bug(error)))

        app = Guard(api.router(), limits, metrics, hosts, token, on_bug)
        config = configure(app, limits)
        server = Server(config, on_ready)

        async def serve() -> None:
            watching = asyncio.create_task(_watch(api, metrics, reporter))
            await server.serve([listening])
            watching.cancel()

        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(serve())


@contextmanager
def _answering_promptly() -> Iterator[None]:
    """Threads take turns often, their number is looked up once, and garbage is sought in what requests leave alone."""
    switch = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    use_threads(thread_count())
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(switch)


async def _watch(api: Api, metrics: ServerMetrics, reporter: Reporter) -> None:
    """Load models anew when their files change, or a signal asks for a look now."""
    loop, asked, failed = asyncio.get_running_loop(), asyncio.Event(), set[Stamp]()

    def look_now(number: int, frame: FrameType | None) -> None:
        failed.clear()
        loop.call_soon_threadsafe(asked.set)

    for number in RELOAD_SIGNALS:
        signal.signal(number, look_now)
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), LOOK)
        asked.clear()
        changed = await asyncio.to_thread(reload_changed, api.models, failed, reporter)
        if changed:
            api.models = {**api.models, **changed}
        for model in changed.values():
            metrics.reloads[(("model", model.name),)] += 1
            reporter.say(f"{model.name}: loaded anew, {model.source}")
