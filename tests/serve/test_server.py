"""The process: signals, models loaded anew, connections that stall or break."""

import json
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from mlcli.serve import server
from mlcli.serve.models import load_model, reload_changed
from tests.serve.servers import JSON, fetch, listening

ROW = {"age": 30, "plan": "plus", "member": True, "since": "2024-03-05"}


class Told:
    """A Reporter that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, name):
        return lambda text, *_: self.lines.append(text)


@pytest.fixture
def port(asked, monkeypatch):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr("mlcli.serve.guard.BODY_SECONDS", 0.2)
    with listening(asked) as port:
        yield port


def exchange(port, *parts, pause=0.0):
    """What comes back on one connection after these bytes, until the server closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        received = b""
        while portion := connection.recv(1 << 16):
            received += portion
        return received


def head(body, *lines):
    return "\r\n".join(["POST /predict HTTP/1.1", "Host: localhost", *lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([b"GET / HTTP/1.1\r\nHost: local"], 408),
        ([b""], 408),
        ([head(b'{"age"', "Content-Type: application/json", "Content-Length: 90")], 408),
        ([b"\x16\x03\x01\x02\x00\x01"], 400),
        ([b"GET / HTTP/9.9\r\n\r\n"], 400),
        ([head(b"", "Content-Length: -5")], 400),
        ([head(b"{}", "Content-Length: 2", "Transfer-Encoding: chunked")], 400),
        ([head(b"zz\r\n", "Transfer-Encoding: chunked")], 400),
        ([head(b"", "Content-Type: application/json", f"Content-Length: {10**12}")], 413),
    ],
)
def test_connections_that_come_to_nothing_are_cut(port, parts, status):
    received = exchange(port, *parts)
    assert received.startswith(f"HTTP/1.1 {status} ".encode()), received[:200]
    first, _ = json.JSONDecoder().raw_decode(received.decode().partition("\r\n\r\n")[2])
    assert first["error"]["status"] == status


def test_slow_heads_and_bodies_that_come_in_time(port):
    body = json.dumps(ROW).encode()
    whole = head(body, "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
    received = exchange(port, whole[:9], whole[9:150], whole[150:], pause=0.02)
    assert received.startswith(b"HTTP/1.1 200 ")


def test_clients_that_leave_disturb_nobody(asked, port):
    body = json.dumps(ROW).encode()
    whole = head(body, "Content-Type: application/json", f"Content-Length: {len(body)}")
    for length in (1, 20, len(whole) - 5, len(whole)):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(whole[:length])
    assert fetch(port, "POST", "/predict", ROW).status == 200
    assert asked.bugs == []


def test_requests_in_one_packet_are_all_answered(port):
    body = json.dumps(ROW).encode()
    one = head(body, "Content-Type: application/json", f"Content-Length: {len(body)}")
    last = one.replace(b"Host: localhost", b"Host: localhost\r\nConnection: close")
    assert exchange(port, one * 4 + last).count(b"HTTP/1.1 200 ") == 5


def test_a_model_is_loaded_anew_once_it_is_another(kinds_folder, tmp_path):
    """One that is damaged leaves the one of before, and is told once."""
    shutil.copytree(kinds_folder / "runs/kinds/001/model", tmp_path / "model")
    model = load_model("m", str(tmp_path / "model"))
    told, failed = Told(), set()
    assert reload_changed({"m": model}, failed, told) == {}
    content = (tmp_path / "model/bundle.json").read_bytes()
    (tmp_path / "model/bundle.json").write_bytes(content + b" ")
    for _ in range(2):
        assert reload_changed({"m": model}, failed, told) == {}
    assert len(told.lines) == 1
    assert "the model of before is served" in told.lines[0]
    time.sleep(0.02)
    (tmp_path / "model/bundle.json").write_bytes(content)
    (changed,) = reload_changed({"m": model}, failed, told).values()
    assert (changed.name, changed.spec) == ("m", str(tmp_path / "model"))
    assert changed.stamp != model.stamp


@pytest.mark.skipif(not server.RELOAD_SIGNALS, reason="there is no such signal here")
def test_a_process_from_its_start_to_its_end(kinds_folder, tmp_path, monkeypatch, spawn):
    """Requests go on while a new run takes the place of the old; those in progress are answered before it ends."""
    shutil.copytree(kinds_folder, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    process = spawn("serve", "kinds", "--port", "0", "--json", env={**os.environ, "MLCLI_SERVE_TOKEN": "t" * 16})
    announced = b""
    while b"\n}" not in announced:
        announced += process.stdout.read1()
    document = json.loads(announced)
    assert (document["models"], document["has_token"]) == ({"kinds": "kinds/001"}, True)
    port = int(document["url"].rstrip("/").rpartition(":")[2])
    headers = {**JSON, "Authorization": f"Bearer {'t' * 16}"}
    assert fetch(port, "POST", "/predict", ROW).status == 401
    found, stop = [], threading.Event()

    def ask():
        found.append(fetch(port, "POST", "/predict", ROW, headers))
        while not stop.wait(0.01):
            found.append(fetch(port, "POST", "/predict", ROW, headers))

    client = threading.Thread(target=ask)
    client.start()
    try:
        shutil.copytree("runs/kinds/001", "runs/kinds/002")
        manifest = Path("runs/kinds/002/manifest.json")
        manifest.write_text(manifest.read_text().replace('"created": "2', '"created": "3'))
        process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 20
        while fetch(port, "GET", "/models", headers=headers).json["models"][0]["version"] != "2":
            assert time.monotonic() < until
    finally:
        stop.set()
        client.join()
    assert {one.status for one in found} == {200}
    assert len({one.content.replace(b'"version":"2"', b'"version":"1"') for one in found}) == 1
    late = []
    path = "/predict?explain=4"
    slow = threading.Thread(target=lambda: late.append(fetch(port, "POST", path, [ROW] * 60, headers)))
    slow.start()
    while b"requests_in_progress 2" not in fetch(port, "GET", "/metrics", headers=headers).content and not late:
        pass
    process.send_signal(signal.SIGTERM)
    slow.join()
    assert late[0].status == 200
    assert process.wait(20) == 0
    assert b"Traceback" not in process.stderr.read()
    with pytest.raises(OSError):
        fetch(port, "GET", "/health")
