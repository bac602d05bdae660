"""A search watched and stopped on a pseudo-terminal."""

import json
import sys

import pytest

from mlcli.search.search import Budget
from mlcli.terminal.search import TrialTimer
from tests.terminal.shell import Typist

ENDLESS = ("--trials", "100000", "-S", "training.epochs=30", "-S", "improve.space={optimizer.lr: [0.001, 0.1]}")


def test_q_stops_all_processes_of_a_search_that_is_watched_and_loses_no_trial(workspace):
    command = [sys.executable, "-m", "mlcli", "improve", "configs/iris.yaml", "--jobs", "2", *ENDLESS]
    one = Typist(command, TERM="xterm-256color")
    try:
        shown = one.read_until(b" left   trial ")
        assert b"best epoch" in shown
        one.type(b"q")
        code, shown = one.end()
        shown = shown.decode()
        assert code == 130
        assert shown.count("\x1b[?1049l") == 1
        assert one.modes() == one.before
        assert "Trials: " in shown.split("\x1b[?1049l")[1]
        assert "continues the search" in shown
    finally:
        one.close()
    (folder,) = (workspace / "runs/iris").glob("improve-*")
    kept = json.loads((folder / "trials.json").read_text())["trials"]
    assert int(shown.split("Best of ")[1].split()[0]) == len(kept) > 0


@pytest.mark.parametrize(
    ("passed", "ended", "timeout", "expected"),
    [(10, 2, None, None), (10, 4, None, 30), (10, 4, 25, 15), (10, 2, 25, 15), (10, 10, None, 0), (30, 4, 25, 0)],
)
def test_what_is_left_follows_from_the_pace_and_the_timeout(monkeypatch, passed, ended, timeout, expected):
    now = [100.0]
    monkeypatch.setattr("mlcli.terminal.search.time.monotonic", lambda: now[0])
    timer = TrialTimer(2)
    now[0] += passed
    assert timer.left(ended, Budget(10, timeout)) == expected
