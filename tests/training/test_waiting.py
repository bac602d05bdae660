"""How threads wait for each other, by the load of the machine."""

import os
import subprocess
import sys
from threading import Event

import pytest

from mlcli.io import load
from mlcli.io.load import Pressure, cpu_pressure
from mlcli.io.platform import usable_cores
from mlcli.training import waiting

# CPU seconds of a process that computes for 0.05 ms and sleeps for 10 ms, thirty times, on two threads.
MEASURE = """
import os, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
import torch
from mlcli.training import waiting
waiting.LOOK_SECONDS = 9
waiting.cpu_pressure = lambda: waiting_pressure
from mlcli.io.load import Pressure
work = torch.ones(2**16)
for busy in (False, True):
    waiting_pressure = Pressure(float(busy), 0.0)
    with waiting.waiting_by_load(2):
        for _ in range(5):
            work.add_(1)
            time.sleep(0.02)
        before = time.process_time()
        for _ in range(30):
            work.add_(1)
            time.sleep(0.01)
        print(time.process_time() - before)
"""


@pytest.mark.skipif(sys.platform != "linux" or usable_cores() < 2, reason="for GNU's OpenMP on two processors of Linux")
def test_threads_of_a_busy_machine_sleep_as_they_wait():
    command = [sys.executable, "-c", MEASURE]
    variables = {name: value for name, value in os.environ.items() if name not in load.WAITING}
    found = subprocess.run(
        command, env=variables | {"OMP_NUM_THREADS": "2"}, capture_output=True, text=True, check=True
    )
    in_loops, asleep = map(float, found.stdout.split())
    assert asleep < in_loops / 2


@pytest.mark.parametrize(
    ("recent", "shares", "expected"),
    [
        (0.0, [0.1] * 10, ""),
        (0.9, [0.1] * 9, "+-"),  # busy as it begins, quiet after eight looks
        (0.0, [0.1, 0.5, 0.1, 0.5], "+-"),  # which leaves as the training ends
        (0.0, [0.5, *[0.1] * 8, 0.5], "+-+-"),
    ],
)
def test_sleepers_are_there_while_the_machine_is_busy(monkeypatch, recent, shares, expected):
    totals = [sum(shares[:count]) for count in range(len(shares) + 1)]
    clock = iter(range(len(totals)))
    looks = iter([Pressure(recent, total) for total in totals])
    ended, log, ends = Event(), [], iter([*[False] * len(shares), True])

    class Sleepers(Event):
        def set(self):
            super().set()
            log.append("-")

    monkeypatch.setattr(waiting, "cpu_pressure", lambda: next(looks))
    monkeypatch.setattr(waiting.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(waiting, "_add_sleepers", lambda threads: (log.append("+"), Sleepers())[1])
    monkeypatch.setattr(ended, "wait", lambda seconds: next(ends))
    waiting._watch(2, ended)
    assert "".join(log) == expected


@pytest.mark.parametrize(
    ("threads", "cores", "sleepers"), [(2, 2, 1), (4, 8, 2), (2, 16, 15), (12, 16, 1), (16, 16, 1)]
)
def test_there_are_more_threads_than_processors(monkeypatch, threads, cores, sleepers):
    started = []
    monkeypatch.setattr(waiting, "usable_cores", lambda: cores)
    monkeypatch.setattr(waiting, "_keep_team", lambda release: started.append(release.wait(5)))
    waiting._add_sleepers(threads).set()
    while len(started) < sleepers:
        pass
    assert started == [True] * sleepers
    assert threads + (sleepers - 1) * (threads - 1) <= cores < threads + sleepers * (threads - 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "some avg10=97.23 avg60=78.83 avg300=36.34 total=14045092232\nfull avg10=0.00 total=0\n",
            (0.9723, 14045.092232),
        ),
        ("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", (0.0, 0.0)),
        ("", None),
        ("some avg60=1.00\n", None),
    ],
)
def test_pressure(monkeypatch, tmp_path, text, expected):
    monkeypatch.setattr(load, "PRESSURE", tmp_path / "cpu")
    assert cpu_pressure() is None
    (tmp_path / "cpu").write_text(text)
    assert cpu_pressure() == (expected and Pressure(*expected))
