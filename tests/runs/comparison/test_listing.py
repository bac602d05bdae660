import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from mlcli.errors import UsageError
from mlcli.io.text import printable, show_seconds
from mlcli.runs.listing import list_entries
from mlcli.terminal.runs import render_runs, show_age

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


def listed(name=None, limit=0):
    return [entry.to_json() for entry in list_entries(name, limit).entries]


def lines(width=100, name=None, limit=0):
    return [re.sub("\x1b\\[[0-9;]*m", "", line) for line in render_runs(list_entries(name, limit), width, NOW)]


def test_the_newest_first_with_all_there_is_to_know(make_run, measure):
    make_run()
    second = make_run(sets={"optimizer.lr": 0.1, "training.epochs": 5}, data_fingerprint="e" * 64, n_parameters=99)
    measure(second, accuracy=(0.9, 0.8, 0.95), log_loss=(0.3, None, None))
    new, old = listed()
    assert (new["run"], old["run"]) == ("iris/002", "iris/001")
    assert new["status"] == "finished"
    assert (new["epochs"], new["epochs_asked"], new["best_epoch"], new["parameters"]) == (3, 5, 2, 99)
    assert (new["seconds"], new["dataset"], new["valid"]) == (0.25, "iris", {"loss": 1.0, "accuracy": 0.875})
    assert {key: new["test"][key] for key in ("metric", "value", "low", "high", "n_rows", "looks")} == {
        "metric": "accuracy", "value": 0.9, "low": 0.8, "high": 0.95, "n_rows": 30, "looks": 2,
    }  # fmt: skip
    changed = {key["key"]: key["values"] for key in new["changes"]["keys"]}
    assert changed == {"optimizer.lr": [0.001, 0.1], "training.epochs": [3, 5]}
    assert (new["changes"]["since"], new["changes"]["other_data"]) == ("iris/001", True)
    assert old["changes"] is None
    assert old["test"] is None


def test_names_and_limits(make_run):
    for name in ("b", "a", "b"):
        make_run(sets={"name": name})
    assert [run["run"] for run in listed()] == ["b/002", "a/001", "b/001"]
    assert [run["run"] for run in listed("b")] == ["b/002", "b/001"]
    assert [run["run"] for run in listed("b", 1)] == ["b/002"]
    assert list_entries("b", 1).total == 2
    assert [run["run"] for run in listed("runs/a")] == ["a/001"]
    with pytest.raises(UsageError, match="no run 'c'"):
        listed("c")


def test_changes_are_since_the_run_before_of_the_same_name(make_run):
    first = make_run(sets={"seed": 1})
    make_run(sets={"name": "other"})
    make_run(sets={"seed": 3})
    make_run(sets={"seed": 4})
    (first.folder.parent / "003").rename(first.folder.parent / "007")
    latest = listed("iris")[0]
    assert (latest["run"], latest["changes"]["since"]) == ("iris/007", "iris/002")


STATUSES = {
    "of the manifest": ({"status": "early"}, "early"),
    "says running, and nobody is": ({"status": "running"}, "killed"),
}


@pytest.mark.parametrize("case", STATUSES)
def test_status(make_run, case):
    changes, expected = STATUSES[case]
    make_run(**changes)
    assert listed()[0]["status"] == expected


def test_a_run_at_work_is_running_and_to_look_does_not_disturb_it(make_run):
    run = make_run(status="running", model=False)
    with run.lock():
        [found] = listed()
        assert found["status"] == "running"
        assert found["valid"] == {"loss": pytest.approx(2 / 3), "accuracy": 0.75}
    assert listed()[0]["status"] == "killed"


DAMAGE = {
    "manifest": lambda run: run.manifest.write_text("{"),
    "no manifest": lambda run: run.manifest.unlink(),
    "config": lambda run: run.config.write_text("dataset: {name: iris, oops: 1}\n"),
    "no config": lambda run: run.config.unlink(),
    "model": lambda run: (run.model / "bundle.json").write_text('{"facts": {"best_epoch": 9, "valid": {}}}'),
    "metrics": lambda run: run.metrics.write_text("nonsense\n"),
    "evaluation": lambda run: run.evaluation.mkdir() or (run.evaluation / "metrics.json").write_text("[]"),
    "a link": lambda run: run.manifest.rename(run.folder / "m") and run.manifest.symlink_to("m"),
    "a pipe for a lock": lambda run: run.update_manifest(status="running") and os.mkfifo(run.folder / "lock"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_runs_are_shown_as_such(make_run, kind):
    run = make_run()
    make_run()
    DAMAGE[kind](run)
    whole, damaged = sorted(listed(), key=lambda found: found["run"], reverse=True)
    assert (whole["run"], whole["status"]) == ("iris/002", "finished")
    assert damaged["status"] == ("killed" if kind == "a pipe for a lock" else "damaged")
    assert len(damaged["problems"]) == (damaged["status"] == "damaged")
    assert all(str(run.folder) in problem for problem in damaged["problems"])
    assert any("damaged" in line for line in lines()) == (damaged["status"] == "damaged")


def test_a_history_cut_short_counts_whole_epochs(make_run):
    run = make_run()
    with run.metrics.open("a") as file:
        file.write('{"epoch": 4, "st')
    assert listed()[0]["epochs"] == 3
    run.metrics.write_text('{"epoch": 1')
    assert listed()[0]["epochs"] is None


@pytest.mark.parametrize("width", [60, 80, 200])
def test_what_is_shown_fits_the_terminal(make_run, measure, width):
    run = make_run(sets={"name": "n" * 60}, stand_in_for="mnist", status="interrupted")
    measure(run, balanced_accuracy=(0.9, 0.8, 0.95))
    make_run(
        sets={"name": "n" * 60, "model.hidden": [2**i for i in range(20)], "optimizer": {"name": "sgd", "lr": 0.5}}
    )
    shown = lines(width)
    assert max(map(len, shown)) <= width
    assert ("0.8000 – 0.9500" in "".join(shown)) == (width > 60)
    assert any("iris in place of mnist" in line for line in shown)
    assert any(line.split()[0].endswith("/001") for line in shown)


def test_lines(make_run, measure):
    make_run()
    measure(make_run(sets={"optimizer.lr": 0.1, "training.epochs": 9}), accuracy=(0.9, 0.8, 0.95))
    assert lines(80) == [
        "run       training      time   valid            test    interval",
        "iris/002  finished 3/9  0.2 s  accuracy 0.8750  0.9000  0.8000 – 0.9500",
        "  28 min ago · iris · 1,234 parameters · since 001: optimizer.lr 0.001 → 0.1,",
        "  training.epochs 3 → 9",
        "iris/001  finished 3    0.2 s  accuracy 0.8750",
        "  29 min ago · iris · 1,234 parameters",
    ]


@pytest.mark.parametrize(("threshold", "hint"), [(None, ""), (0.5, ""), (0.125, " · test at threshold 0.1250")])
def test_a_threshold_that_moved_the_test_scores_is_said(make_run, measure, threshold, hint):
    measure(make_run(), threshold=threshold, accuracy=(0.4, 0.3, 0.5))
    assert lines(100)[-1] == f"  29 min ago · iris · 1,234 parameters{hint}"
    assert listed()[0]["test"]["threshold"] == threshold


def test_names_of_strangers_do_not_reach_the_terminal(make_run):
    make_run(dataset="\x1b[2Jx", created="\x1b]0;owned\x07")
    shown = "".join(render_runs(list_entries(None, 0), 100, NOW))
    plain = re.sub("\x1b\\[[0-9;]*m", "", shown)
    assert printable(plain) == plain
    assert "\\x1b[2Jx" in plain


@pytest.mark.parametrize(
    ("created", "shown"),
    [
        ("2026-01-01T12:29:30+00:00", "just now"),
        ("2026-01-01T13:29:30+00:00", "just now"),
        ("2026-01-01T12:01:00+00:00", "29 min ago"),
        ("2026-01-01T10:29:00+00:00", "2 h ago"),
        ("2025-12-29T10:29:00+00:00", "3 d ago"),
        ("2025-11-29T12:00:00+00:00", "2025-11-29"),
        ("2026-01-01T12:00:00", "2026-01-01T12:00:00"),
        ("soon", "soon"),
    ],
)
def test_ages(created, shown):
    assert show_age(created, NOW) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.26, "0.3 s"), (9.94, "9.9 s"), (45.2, "45 s"), (210, "3.5 min"), (7560, "2.1 h")]
)
def test_seconds(seconds, shown):
    assert show_seconds(seconds) == shown


def test_the_command(make_run, mlcli):
    assert "No runs yet" in mlcli("runs").err
    for _ in range(3):
        make_run()
    shown = mlcli("runs", "--limit", "2")
    assert (shown.code, shown.out.count("iris/00")) == (0, 2)
    assert "The last 2 of 3 runs" in shown.err
    assert [run["run"] for run in mlcli("runs", "iris", "--json").json["runs"]] == ["iris/003", "iris/002", "iris/001"]
    assert mlcli("runs", "nobody").code == 2


def test_listing_imports_nothing_heavy(make_run):
    make_run()
    code = (
        "import sys\nfrom mlcli.cli.app import main\ntry: main(['runs'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("run ")
    assert not {"torch", "numpy", "polars", "sklearn", "matplotlib"} & set(done.stdout.splitlines()[-1].split())
