"""The server's application asked in this process, and the whole server in a thread of it."""

import asyncio
import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from mlcli.io.network import listen
from mlcli.reporter import SILENT
from mlcli.serve.app import Api
from mlcli.serve.guard import Guard
from mlcli.serve.limits import Limits
from mlcli.serve.metrics import ServerMetrics
from mlcli.serve.server import configure

LIMITS = Limits(body=1 << 20, rows=10_000, seconds=30.0, requests=256)

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: dict
    content: bytes

    @property
    def json(self):
        return json.loads(self.content)


class Asked:
    """An application whose requests are made by `ask`, alone or at the same time; `bugs` are its failures."""

    def __init__(self, models, limits=None, hosts=(), token=None):
        self.limits, self.metrics, self.bugs = limits or LIMITS, ServerMetrics(), []
        self.pools = [ThreadPoolExecutor(1), ThreadPoolExecutor(1)]
        self.api = Api(models, self.limits, self.metrics, *self.pools, SILENT)
        self.app = Guard(self.api.router(), self.limits, self.metrics, frozenset(hosts), token, self.bugs.append)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pool in self.pools:
            pool.shutdown()

    def get(self, path, **headers):
        return self.ask(("GET", path, b"", headers))[0]

    def post(self, path, body, **headers):
        return self.ask(("POST", path, body, headers or JSON))[0]

    def ask(self, *requests):
        """The answers to requests (method, path, body, headers) that are all made at once."""

        async def all_of_them():
            return await asyncio.gather(*(self._one(*request) for request in requests))

        return asyncio.run(all_of_them())

    async def _one(self, method, target, body, headers):
        path, _, query = target.partition("?")
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"host": "localhost", "content-length": str(len(content)), **headers}
        told = {"body": b""}
        parts = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive():
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                told.update(message)
            else:
                told["body"] += message.get("body", b"")

        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": "",
            "query_string": query.encode(), "http_version": "1.1", "scheme": "http", "server": ("localhost", 80),
            "headers": [(name.replace("_", "-").lower().encode(), text.encode()) for name, text in named.items()],
        }  # fmt: skip
        await self.app(scope, receive, send)
        headers = {name.decode(): text.decode() for name, text in told["headers"]}
        return Told(told["status"], headers, told["body"])


@contextmanager
def listening(asked):
    """The port of a server of this application, which runs in a thread."""
    socket = listen("127.0.0.1", 0)
    server = uvicorn.Server(configure(asked.app, asked.limits))
    thread = threading.Thread(target=server.run, args=([socket],))
    thread.start()
    try:
        yield socket.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


def fetch(port, method, path, body=None, headers=JSON):
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body), headers)
        answer = connection.getresponse()
        return Told(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())
    finally:
        connection.close()
