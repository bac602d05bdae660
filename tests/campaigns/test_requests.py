"""Hostile requests to `mlcli serve`: no crash, a right status or none, and equal answers afterwards."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from mlcli.serve.models import load_model
from tests.benchmarks.serving import make_requests, memory, run_load
from tests.conftest import ROOT
from tests.serve.servers import Asked, fetch, listening

BUNDLES = ROOT / "tests/golden/bundles"
RIGHT = {200, 400, 401, 404, 405, 408, 413, 415, 421, 422, 429, 431, 503}
ODD = [
    None,
    True,
    -1,
    0,
    2**70,
    1.5e308,
    "",
    "x" * 3000,
    "\ud800",
    "\0",
    [],
    {},
    [[[]]],
    {"a": {"b": 1}},
    "NaN",
    "=1+1",
]
LINES = [
    b"Transfer-Encoding: chunked", b"Content-Length: 0", b"Content-Length: 99999999999999999999", b"Content-Length: x",
    b"Content-Encoding: gzip", b"Content-Type: text/csv", b"Content-Type: \xff", b"Expect: 100-continue",
    b"Connection: Upgrade\r\nUpgrade: websocket", b"Host: evil.example", b"X: " + b"y" * 70_000, b": nothing",
    b"Accept: text/csv", b" folded",
]  # fmt: skip
TARGETS = [
    "/", "/predict", "/v2/models/line/infer", "/models/../line/predict", "/models/%2e%2e/form", "/models/line/form",
    "//", "/predict?explain=9999999999", "/predict?interval=nan", "/%00", "/predict?" + "a=1&" * 500, "*", "\\",
]  # fmt: skip


@pytest.fixture(scope="module")
def line():
    return load_model("line", str(BUNDLES / "line"))


@pytest.fixture
def served(line, monkeypatch):
    """The port of a server that does not wait long, its application, and a usual row."""
    monkeypatch.setattr("mlcli.serve.server.HEAD_SECONDS", 0.1)
    monkeypatch.setattr("mlcli.serve.guard.BODY_SECONDS", 0.1)
    row = {column.name: 1.5 for column in line.manifest.rows.columns}
    with Asked({"line": line}, hosts=("127.0.0.1",)) as asked, listening(asked) as port:
        usual = fetch(port, "POST", "/predict", row)
        assert usual.status == 200
        yield port, asked, row
        assert fetch(port, "POST", "/predict", row).content == usual.content
        assert asked.bugs == []


def exchange(port, content, chance):
    """The first status of what comes back; None for nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        cut = chance.randrange(1, len(content) + 1)
        try:
            connection.sendall(content[:cut])
            connection.sendall(content[cut:])
            received = b""
            while portion := connection.recv(1 << 16):
                received += portion
        except OSError:  # it has answered before all was sent
            return None
    received = received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert not received or received.startswith(b"HTTP/1.1 "), received[:80]
    assert b"Traceback" not in received
    assert str(ROOT).encode() not in received
    return int(received[9:12]) if received else None


def malformed(chance, row):
    """A request with a few things that are wrong."""
    cells = dict(row)
    for name in chance.sample([*cells, "other"], chance.randrange(2)):
        cells[name] = chance.choice(ODD)
    body = json.dumps(chance.choice([cells, [cells], [cells, row], {"inputs": [cells]}, cells.get("x")])).encode()
    target = chance.choice(TARGETS) if chance.random() < 0.3 else "/predict"
    lines = [b"POST " + target.encode() + b" HTTP/1.1", b"Host: 127.0.0.1", b"Content-Type: application/json"]
    lines += [b"Content-Length: %d" % len(body), b"Connection: close"]
    for _ in range(chance.choice([0, 0, 1, 2])):
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(LINES))
    content = bytearray(b"\r\n".join([*lines, b"", b""]) + body)
    for _ in range(chance.choice([0, 0, 1, 3])):
        at = chance.randrange(max(1, len(content) - 1))
        match chance.randrange(4):
            case 0:
                content[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del content[at : at + chance.randrange(1, 30)]
            case 2:
                content[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 30)))
            case 3:
                content = content[: max(1, at)]
    return bytes(content) or b"\r"


def test_malformed_requests(served, campaign):
    port, _, row = served
    for _ in range(campaign.size(60, 1000)):
        content = malformed(campaign.random, row)
        status = exchange(port, content, campaign.random)
        assert status is None or status in RIGHT, content
        campaign.record(str(status))


def test_slow_clients_and_cut_connections_disturb_nobody(served, campaign):
    """Clients that send a byte at a time, leave with a reset, or never read: others are answered meanwhile."""
    port, _, row = served
    body = json.dumps(row).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    whole, stop = head % len(body) + body, threading.Event()

    def drip():
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                    for byte in whole:
                        connection.sendall(bytes([byte]))
                        if stop.wait(0.05):
                            return
            except OSError:
                campaign.record("slow client cut")

    threads = [threading.Thread(target=drip) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(campaign.size(20, 300)):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(whole[: campaign.random.randrange(1, len(whole) + 1)])
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert fetch(port, "POST", "/predict", row).status == 200
            campaign.record("answered")
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_memory_is_flat_for_two_minutes(line, campaign, tmp_path):
    if not campaign.large:
        pytest.skip("takes two minutes; --campaign")
    command = [sys.executable, "-m", "mlcli", "serve", str(BUNDLES / "line"), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as server:
        try:
            announced = b""
            while b"\n}" not in announced:
                announced += server.stdout.read1()
            port = int(json.loads(announced)["url"].rstrip("/").rpartition(":")[2])
            requests, sizes = make_requests(str(BUNDLES / "line")), []
            until = time.monotonic() + 120
            while time.monotonic() < until:
                load, _ = run_load(port, requests, 16, 10, 0)
                assert load.failed == 0
                sizes.append(memory(server.pid))
            campaign.record(f"{sizes[1] / 2**20:.1f} to {sizes[-1] / 2**20:.1f} MiB")
            assert sizes[-1] < sizes[1] * 1.02
        finally:
            server.terminate()
    assert server.returncode == 0
