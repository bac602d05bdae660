"""The processors that other programs leave to this one."""

import time

import pytest

from mlcli.io import load, platform


@pytest.mark.parametrize(
    ("cores", "seconds", "all_busy", "own", "free"),
    [
        (2, 1.0, 0.0, 0.0, 2),
        (2, 1.0, 1.0, 1.0, 2),  # by this process itself
        (2, 1.0, 1.9, 0.9, 1),
        (2, 2.0, 2.6, 2.0, 2),  # others use 0.3 of a processor
        (2, 1.0, 2.0, 0.3, 1),
        (16, 1.0, 5.0, 1.0, 12),
        (4, 1.0, 4.0, 0.0, 1),
        (4, 0.1, 0.4, 0.0, 4),  # too early to say
        (4, 1.0, -0.6, 0.0, 4),
    ],
)
def test_others_keep_processors_busy(monkeypatch, cores, seconds, all_busy, own, free):
    looks = iter([[(5.0, 70.0)], [(5.0 + seconds, 70.0 + all_busy - own)]])
    monkeypatch.setattr(load, "_look", lambda: next(looks))
    monkeypatch.setattr(load, "usable_cores", lambda: cores)
    monkeypatch.setattr(load, "_begun", [])
    monkeypatch.delenv(load.THREADS, raising=False)
    load.begin_watching()
    assert load.free_cores() == free


def test_a_number_of_threads_that_the_user_sets_stays(monkeypatch):
    monkeypatch.setattr(load, "usable_cores", lambda: 8)
    monkeypatch.setattr(load, "_begun", [(0.0, -1e9)])
    monkeypatch.setenv(load.THREADS, "8")
    assert load.free_cores() == 8


def test_processors_are_busy_at_least_for_this_process():
    before = platform.busy_seconds()
    if before is None:
        pytest.skip("this system does not tell")
    own = time.process_time()
    while time.process_time() - own < 0.2:
        pass
    assert platform.busy_seconds() - before >= 0.15  # counted in hundredths
