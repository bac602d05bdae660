"""Requests of one row against `mlcli serve`: answers a second, and how long each takes.

python -m tests.benchmarks.serving RUN [--clients 8] [--seconds 10] [--rate 1500] [--soak]

The clients are one process beside the server, over connections that stay open; each asks again as soon as it is
answered. With --rate, so many requests a second are sent at even intervals, whatever the server does, each over the
first connection that is free; one that is sent late counts from when it was due. --soak goes on for 12 times as long.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np

from mlcli.runs.bundle_manifest import read_bundle_manifest
from mlcli.runs.folder import find_bundle

PAUSE = 1.0
SERVE = [sys.executable, "-m", "mlcli", "serve"]


class Client(asyncio.Protocol):
    """A connection that sends one request at a time; `on_answer` takes it and whether it was answered."""

    def __init__(self, on_answer):
        self.transport, self.due, self.received, self.on_answer = None, 0.0, b"", on_answer

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.split(b"content-length: ")[1].split(b"\r\n")[0]):
            self.received = b""
            self.on_answer(self, head.startswith(b"HTTP/1.1 200"))

    def ask(self, request, due):
        self.due = due
        self.transport.write(request)


def make_requests(run, n=256):
    """Rows with numbers and categories that the model knows, as requests."""
    manifest, rng, requests = read_bundle_manifest(find_bundle(run)), np.random.default_rng(0), []
    plan = manifest.content.features["plan"]
    kept = {own["name"]: [text for text in own["kept"] if text != "(missing)"] for own in plan.get("vocabularies", ())}
    numbers = [own.name for own in manifest.rows.columns if own.kind == "number"]
    ends = dict(zip(numbers, plan.get("spans") or [(0.0, 1.0)] * len(numbers), strict=False))
    for _ in range(n):
        row = {}
        for column in manifest.rows.columns:
            if column.kind == "category":
                row[column.name] = str(rng.choice(kept[column.name]))
            else:
                low, high = ends[column.name]
                row[column.name] = round(float(rng.uniform(low, high)), 3)
        body = json.dumps(row).encode()
        lines = ("POST /predict HTTP/1.1", "Host: localhost", "Content-Type: application/json")
        requests.append("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
    return requests


class Load:
    """Requests over several connections, and what became of them.

    rate : requests a second, at even intervals, whatever the server does; 0 asks on each connection again once it is
           answered
    taken, late : milliseconds from when each request was due until its answer, and until it was sent
    """

    def __init__(self, requests, rate):
        self.requests, self.rate, self.loop = requests, rate, asyncio.get_running_loop()
        self.taken, self.late, self.failed, self.sent = [], [], 0, 0
        self.idle, self.is_over = deque(), False

    async def run(self, port, clients, seconds):
        """Seconds that it took."""
        made = [self.loop.create_connection(lambda: Client(self.on_answer), "127.0.0.1", port) for _ in range(clients)]
        connections = [connection for _, connection in await asyncio.gather(*made)]
        self.begun = self.loop.time()
        self.idle.extend(connections)
        self.send()
        await asyncio.sleep(seconds)
        self.is_over, took = True, self.loop.time() - self.begun
        for connection in connections:
            connection.transport.close()
        await asyncio.sleep(0)
        return took

    def send(self):
        """Send what is due, as far as a connection is free, and come back when the next request is due."""
        while self.idle and not self.is_over:
            now = self.loop.time()
            due = self.begun + self.sent / self.rate if self.rate else now
            if due > now:
                self.loop.call_at(due, self.send)
                return
            self.late.append((now - due) * 1e3)
            self.idle.popleft().ask(self.requests[self.sent % len(self.requests)], due)
            self.sent += 1

    def on_answer(self, client, is_right):
        """Count an answer, and use its connection again."""
        self.taken.append((self.loop.time() - client.due) * 1e3)
        self.failed += not is_right
        self.idle.append(client)
        if len(self.idle) == 1:  # else a call is waiting for the next request to be due
            self.send()


def memory(pid):
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid):
    """That a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def run_load(port, requests, clients, seconds, rate):
    """What became of a load, and the seconds that it took."""
    import uvloop

    async def run():
        load = Load(requests, rate)
        return load, await load.run(port, clients, seconds)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def describe(load, seconds, cpu, own, pid):
    """One line. cpu, own : seconds of processor time of the server, and of this process."""
    each = ", ".join(f"p{q} {np.percentile(load.taken, q):.1f}" for q in (50, 90, 99, 99.9, 100))
    late = f"sent up to {np.percentile(load.late, 99):.1f} ms late (p99); " if load.rate else ""
    used = ", ".join(f"{1e3 * one / len(load.taken):.2f}" for one in (cpu, own))
    return (
        f"{len(load.taken) / seconds:,.0f} answers a second, {each} ms, {load.failed} failed; {late}CPU-ms each: "
        f"{used} for the load; {memory(pid) / 2**20:.1f} MiB; load {os.getloadavg()[0]:.1f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--soak", action="store_true")
    options = parser.parse_args()
    requests = make_requests(options.run)
    gc.freeze()  # what is imported is not looked through while requests are sent
    with subprocess.Popen([*SERVE, options.run, "--port", "0", "--json"], stdout=subprocess.PIPE) as server:
        try:
            announced = b""
            while b"\n}" not in announced:
                announced += server.stdout.read1()
            port = int(json.loads(announced)["url"].rstrip("/").rpartition(":")[2])
            run_load(port, requests, options.clients, PAUSE, options.rate)
            for _ in range(12 if options.soak else 1):
                before, own = cpu_seconds(server.pid), time.process_time()
                load, seconds = run_load(port, requests, options.clients, options.seconds, options.rate)
                cpu, own = cpu_seconds(server.pid) - before, time.process_time() - own
                print(describe(load, seconds, cpu, own, server.pid), flush=True)
        finally:
            server.terminate()
    print(f"left with {server.returncode}; {time.strftime('%H:%M')}")


if __name__ == "__main__":
    main()
