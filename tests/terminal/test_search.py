"""The progress of a search and its view, within any terminal."""

import json

import pytest

from mlcli.search.budget import Budget
from mlcli.search.trial import Trial
from mlcli.terminal.search import (
    CurrentTrial,
    SearchStatus,
    TrialTimer,
    best_points,
    describe_counts,
    describe_time,
    draw_search_chart,
    rank_all,
    shorten_values,
)
from tests.search.conftest import WITHOUT_PROBES

TRIALS = (
    Trial(1, "start", {}, "complete", 0.5, best_epoch=7, epochs=9, seconds=1.25),
    Trial(2, "search", {"optimizer.lr": 0.1}, "pruned", 0.9, best_epoch=1, epochs=2, seconds=0.5),
    Trial(3, "search", {"model.hidden": [8], "loss.name": "mse"}, "complete", 0.25, best_epoch=3, epochs=3, seconds=61),
    Trial(4, "search", {"optimizer.lr": 9}, "failed", seconds=1, reason="diverged"),
    Trial(5, "search", {"optimizer.lr": 0.2}, "pruned", 0.8, best_epoch=1, epochs=2, seconds=0.5),
    Trial(6, "search", {"optimizer.lr": 0.3}, "complete", 0.4, best_epoch=1, epochs=2, seconds=0.5),
)
HERE = CurrentTrial("trial 7", {"optimizer.lr": 0.4}, 2, 9, 1, 0.7, 3.0)
STANDING = SearchStatus(TRIALS, "loss", Budget(10), 2, HERE, 75.0, 50.0)


def test_trials_stand_from_the_best_to_what_failed():
    assert [trial.number for trial in rank_all(STANDING)] == [3, 6, 1, 5, 2, 4]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("loss", [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25), (5, 0.25), (6, 0.25)]),
        ("accuracy", [(1, 0.5), (2, 0.5), (3, 0.5), (4, 0.5), (5, 0.5), (6, 0.5)]),
    ],
)
def test_the_best_so_far_is_that_of_complete_trials(metric, expected):
    assert best_points(TRIALS, metric) == expected
    assert best_points(TRIALS[1:2], metric) == []


def test_facts():
    assert describe_counts(STANDING) == "6 of 10 trials: 3 complete, 2 pruned, 1 failed   2 running"
    assert describe_time(STANDING) == "1.2 min so far, about 50 s left   trial 7: epoch 3/9"
    assert describe_time(SearchStatus((), "loss", Budget(10))) == "0.0 s so far"
    assert shorten_values({"model.hidden": [8], "loss.name": "mse"}) == {"hidden": [8], "loss.name": "mse"}


def test_the_table_of_a_wide_terminal():
    lines = draw_search_chart(STANDING, 80, 28).plain.splitlines()
    assert lines[-11:] == [
        "trial    loss  best epoch     time  state     changed",
        '    3  0.2500      3 of 3  1.0 min  complete  hidden=[8]  loss.name="mse"',
        "    6  0.4000      1 of 2    0.5 s  complete  lr=0.3",
        "    1  0.5000      7 of 9    1.2 s  complete  unchanged",
        "    5  0.8000      1 of 2    0.5 s  pruned    lr=0.2",
        "    2  0.9000      1 of 2    0.5 s  pruned    lr=0.1",
        "    4       –      – of –    1.0 s  failed    lr=9",
        "       0.7000      1 of 9    3.0 s  running   lr=0.4",
        *lines[-3:],
    ]
    assert lines[0] == "validation loss  ━ trials  ━ best so far"


@pytest.mark.parametrize("status", [STANDING, SearchStatus((), "loss", Budget(10, 5.0))], ids=["under way", "begun"])
@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 50), (7, 3)])
def test_a_picture_fits_its_terminal(status, size):
    width, height = size
    lines = draw_search_chart(status, width, height).plain.split("\n")
    assert len(lines) <= max(height, 6)
    assert max(map(len, lines)) <= max(width, 12)


ENDLESS = ("--trials", "100000", "-S", "training.epochs=30", "-S", "improve.space={optimizer.lr: [0.001, 0.1]}")


def test_q_stops_all_processes_of_a_search_that_is_watched_and_loses_no_trial(workspace, on_terminal):
    one = on_terminal("improve", "configs/iris.yaml", "--jobs", "2", *ENDLESS, program=WITHOUT_PROBES)
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
