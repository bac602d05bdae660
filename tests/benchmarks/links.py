"""What adding gradients over a network takes, beside docs/scale.md's model: python -m tests.benchmarks.links [SIZE].

Each process has a network namespace with one interface. What it sends comes here, is held by the delay and the rate of
its link, and is passed on: no module of the kernel is needed but tun. Linux, as root; four minutes.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import select
import statistics
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from tests.benchmarks.folders import ROOT

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU, RUNS = 9000, 5
WHOLE = 2**14  # as in mlcli.training.vector_sum, which imports torch
PARAMETERS = (10_000, 250_000, 1_000_000, 4_000_000)
BYTES = 4


@dataclass(frozen=True)
class Link:
    """Between a process and the switch: seconds there and back between two processes, and bits a second each way."""

    round_trip: float
    rate: float


LINKS = (Link(0.001, 200e6), Link(0.01, 200e6), Link(0.05, 200e6), Link(0.01, 50e6))


def predict(size: int, parameters: int, link: Link) -> float:
    """Seconds of one `VectorSum.add`: of whole vectors where they are small, else of parts."""
    length = BYTES * 8 * parameters / link.rate
    if parameters <= WHOLE:
        return (size - 1) * link.round_trip + size * length
    return size * link.round_trip + 2 * length


class Switch(threading.Thread):
    """Passes packets on between interfaces, each after the delay and not faster than the rate."""

    def __init__(self, descriptors: list[int], link: Link) -> None:
        super().__init__(daemon=True)
        self._descriptors, self._link, self.ended = descriptors, link, False

    def run(self) -> None:
        held: list[tuple[float, int, int, bytes]] = []
        free_at, count = dict.fromkeys(self._descriptors, 0.0), 0
        while not self.ended:
            wait = max(0.0, held[0][0] - time.monotonic()) if held else 0.1
            for source in select.select(self._descriptors, [], [], wait)[0]:
                packet, now = os.read(source, 1 << 16), time.monotonic()
                if packet[0] >> 4 == 4:
                    free_at[source] = max(now, free_at[source]) + len(packet) * 8 / self._link.rate
                    target = self._descriptors[packet[19] - 1]
                    count += 1
                    heapq.heappush(held, (free_at[source] + self._link.round_trip / 2, count, target, packet))
            while held and held[0][0] <= time.monotonic():
                os.write(held[0][2], heapq.heappop(held)[3])


def open_interface(rank: int) -> int:
    """The descriptor of an interface 10.9.0.(rank + 1) in a namespace of its own."""
    name, space = f"mlc{rank}", f"mlcli{rank}"
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    for command in (
        f"ip netns add {space}",
        f"ip link set {name} netns {space}",
        f"ip -n {space} link set lo up",
        f"ip -n {space} addr add 10.9.0.{rank + 1}/24 dev {name}",
        f"ip -n {space} link set {name} mtu {MTU} up",
    ):
        subprocess.run(command.split(), check=True)
    return descriptor


def measure(size: int, link: Link) -> list[float]:
    """Median seconds of an addition, for each number of parameters."""
    descriptors = [open_interface(rank) for rank in range(size)]
    switch = Switch(descriptors, link)
    switch.start()
    shared = {"WORLD_SIZE": str(size), "MASTER_ADDR": "10.9.0.1", "MASTER_PORT": "29500", "OMP_NUM_THREADS": "1"}
    try:
        processes = [
            subprocess.Popen(
                ["ip", "netns", "exec", f"mlcli{rank}", sys.executable, "-m", "tests.benchmarks.links", "member"],
                env=os.environ | shared | {"RANK": str(rank), "GLOO_SOCKET_IFNAME": f"mlc{rank}"},
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
            for rank in range(size)
        ]  # fmt: skip
        told = [process.communicate()[0] for process in processes]
        return [float(word) for word in told[0].split()]
    finally:
        switch.ended = True
        switch.join()
        for rank, descriptor in enumerate(descriptors):
            os.close(descriptor)
            subprocess.run(["ip", "netns", "del", f"mlcli{rank}"], check=True)


def take_part() -> None:
    """One of the processes; process 0 prints."""
    import torch

    from mlcli.training.processes import Processes
    from mlcli.training.vector_sum import VectorSum

    processes = Processes.of_environment(120)
    if processes.rank:
        processes.receive()
        processes.answer()
    else:
        processes.publish({})
    for parameters in PARAMETERS:
        vectors, seconds = VectorSum(processes, parameters, torch.empty(0)), []
        for _ in range(RUNS + 1):
            started = time.perf_counter()
            vectors.add()
            seconds.append(time.perf_counter() - started)
        if processes.rank == 0:
            print(statistics.median(seconds[1:]), flush=True)  # the first one opens TCP's window
    os._exit(0)


def main(sizes: list[int]) -> None:
    """Print measured beside predicted seconds."""
    print("| processes | round trip | rate | parameters | measured | predicted |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for size in sizes:
        for link in LINKS:
            for parameters, seconds in zip(PARAMETERS, measure(size, link), strict=True):
                expected = predict(size, parameters, link)
                print(
                    f"| {size} | {link.round_trip * 1e3:g} ms | {link.rate / 1e6:g} Mbit/s | {parameters:,} | "
                    f"{seconds * 1e3:.0f} ms | {expected * 1e3:.0f} ms |", flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    take_part() if sys.argv[1:] == ["member"] else main([int(word) for word in sys.argv[1:]] or [2, 4])
