"""Requests of one row against `mlcli serve`: answers a second, and how long each takes.

python -m tests.benchmarks.serving RUN [--clients 8] [--seconds 10] [--rate 1500] [--soak]

The clients are one process beside the server, over connections that stay open; each asks again as soon as it is
answered, or, with --rate, all together so many times a second at even intervals, and a request that is sent late
counts from when it was due. --soak goes on for two minutes and prints the server's memory.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from mlcli.runs.bundle_manifest import read_bundle_manifest
from mlcli.runs.folder import find_bundle

PAUSE = 1.0


class Client(asyncio.Protocol):
    """A connection that sends one request at a time."""

    def __init__(self):
        self.transport, self.future, self.received = None, None, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.split(b"content-length: ")[1].split(b"\r\n")[0]):
            self.received = b""
            self.future.set_result(head.startswith(b"HTTP/1.1 200"))

    def ask(self, request):
        self.future = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.future


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


async def load(port, requests, clients, seconds, rate):
    """Milliseconds of each answer, float (n,), and how many failed."""
    loop, taken, failed = asyncio.get_running_loop(), [], 0
    connections = [(await loop.create_connection(Client, "127.0.0.1", port))[1] for _ in range(clients)]
    begun = loop.time()

    async def drive(place, client):
        nonlocal failed
        i = place
        while loop.time() - begun < seconds:
            due = begun + i / rate if rate else loop.time()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            failed += not await client.ask(requests[i % len(requests)])
            taken.append((loop.time() - due) * 1e3)
            i += clients

    await asyncio.gather(*(drive(place, client) for place, client in enumerate(connections)))
    for client in connections:
        client.transport.close()
    await asyncio.sleep(0)
    return np.array(taken), failed, loop.time() - begun


def memory(pid):
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid):
    """That a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def run_load(port, requests, clients, seconds, rate):
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(load(port, requests, clients, seconds, rate))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--soak", action="store_true")
    options = parser.parse_args()
    requests = make_requests(options.run)
    command = [sys.executable, "-m", "mlcli", "serve", options.run, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            announced = b""
            while b"\n}" not in announced:
                announced += server.stdout.read1()
            port = int(json.loads(announced)["url"].rstrip("/").rpartition(":")[2])
            run_load(port, requests, options.clients, PAUSE, options.rate)
            for _ in range(12 if options.soak else 1):
                before = cpu_seconds(server.pid)
                took, failed, seconds = run_load(port, requests, options.clients, options.seconds, options.rate)
                shares = ", ".join(f"p{q} {np.percentile(took, q):.1f} ms" for q in (50, 90, 99, 99.9))
                cpu = (cpu_seconds(server.pid) - before) / len(took) * 1e3
                print(f"{len(took) / seconds:,.0f} answers a second, {shares}, {failed} failed", end="; ")
                used = memory(server.pid) / 2**20
                print(f"{cpu:.2f} CPU-ms each; {used:.1f} MiB; load {os.getloadavg()[0]:.1f}", flush=True)
        finally:
            server.terminate()
    print(f"left with {server.returncode}; {time.strftime('%H:%M')}")


if __name__ == "__main__":
    main()
