"""Several processes at one search, and real deaths among them."""

import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

from mlcli.config.loading.dump import dump_config
from mlcli.errors import ConfigError, UsageError
from mlcli.search.storage import JOURNAL
from mlcli.search.study import RECORD, Study
from mlcli.search.trial import Trial
from mlcli.search.workers import WorkerTask, watch_pipe
from tests.search.conftest import WITHOUT_PROBES

SLOW = (
    "training.epochs=150",
    "improve.pruning=none",
    "improve.space={optimizer.lr: {log: [1.0e-3, 0.3]}, model.hidden: {choices: [[8], [16]]}}",
)


@pytest.fixture
def improve(tmp_path, monkeypatch, start):
    """Starts `mlcli improve small.yaml …` as a process of its own."""
    monkeypatch.chdir(tmp_path)

    def improve(config, *options):
        (tmp_path / "small.yaml").write_text(dump_config(config))
        return start("improve", "small.yaml", *options, program=WITHOUT_PROBES)

    return improve


@pytest.fixture
def campaign_only(request):
    """Several processes take seconds to start."""
    if not request.config.getoption("--campaign"):
        pytest.skip("needs --campaign")


def journal(tmp_path, begun):
    """The search's folder, once so many trials are in its journal."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for found in tmp_path.glob(f"runs/small/improve-*/{JOURNAL}"):
            if found.read_bytes().count(b'"op_code":4') >= begun:
                return found.parent
        time.sleep(0.02)
    raise AssertionError("no trial was begun")


def states(folder, config):
    """The trials as Optuna stores them."""
    study = Study(folder, config, "loss", worker=1)._study
    return [trial.state.name for trial in study.get_trials(deepcopy=False)]


def check_no_trial_is_lost(make_config, improve, tmp_path, *options):
    config = make_config(*SLOW)
    first = improve(config, "--trials", 4, "--jobs", 2)
    folder = journal(tmp_path, 2)
    first.send(signal.SIGKILL)
    first.wait()
    assert "RUNNING" in states(folder, config)
    code, _, err = improve(config, "--trials", 4, *options).end()
    assert code == 0, err
    ended = Study(folder, config, "loss", worker=1).trials()
    assert [trial.number for trial in ended] == list(range(1, len(ended) + 1))
    assert 4 <= len(ended) <= 5
    assert [trial.origin for trial in ended].count("start") == 1
    assert len({str(trial.values) for trial in ended}) == len(ended)
    assert {"RUNNING", "WAITING"}.isdisjoint(states(folder, config))
    return err


def test_no_trial_is_lost_when_two_processes_are_killed(make_config, improve, tmp_path):
    check_no_trial_is_lost(make_config, improve, tmp_path)


def test_two_processes_go_on_and_train_an_ensemble(make_config, improve, tmp_path, campaign_only):
    err = check_no_trial_is_lost(make_config, improve, tmp_path, "--jobs", 2, "--ensemble", 3)
    assert "ensemble of 3 networks" in err


def test_a_signal_ends_all_processes(make_config, improve, tmp_path, campaign_only):
    process = improve(make_config(*SLOW, "training.epochs=100000"), "--jobs", 2)
    folder = journal(tmp_path, 1)
    process.send(signal.SIGTERM)
    assert process.wait() == 143
    assert "RUNNING" not in states(folder, make_config(*SLOW, "training.epochs=100000"))


def test_machines_share_a_database(make_config, improve, tmp_path, monkeypatch, campaign_only):
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHERE", str(tmp_path))
    config = make_config(*SLOW[1:], "training.epochs=20", "improve.storage=sqlite:///${WHERE}/search.db")
    both = []
    for machine in ("a", "b"):  # folders of their own
        monkeypatch.setenv("MLCLI_RUNS_DIR", str(tmp_path / machine))
        both.append(improve(config, "--trials", 8))
    for process in both:
        code, _, err = process.end()
        assert code == 0, err
        assert "0 failed" in err  # the first to end does not wait for the other's last trial
    with sqlite3.connect(tmp_path / "search.db") as database:
        found = dict(database.execute("select state, count(*) from trials group by state"))
    assert found.keys() == {"COMPLETE"}
    assert 8 <= found["COMPLETE"] <= 9


def test_what_one_machine_tried_the_other_sees(make_config, tmp_path, monkeypatch):
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    config = make_config(*SLOW, f"improve.storage=sqlite:///{tmp_path}/search.db")
    one, other = (Study(tmp_path / machine / "small" / "improve-0", config, "loss") for machine in "ab")
    asked = one.ask(0, limit=9)
    assert (other.trials(), other.n_running) == ([], 1)
    tried = Trial(1, "search", asked.values, "complete", 0.5)
    one.store(tried, asked)
    assert (other.trials(), other.n_running) == ([tried], 0)
    assert other.ask(1, limit=9).values != asked.values


def make_silent(tmp_path):
    """As if no process had given a sign of life for an hour."""
    with sqlite3.connect(tmp_path / "search.db") as database:
        database.execute("update trial_heartbeats set heartbeat = datetime('now', '-1 hour')")


def test_a_trial_of_a_machine_that_died_is_given_up(make_config, tmp_path, monkeypatch):
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    config = make_config(*SLOW, f"improve.storage=sqlite:///{tmp_path}/search.db")
    study = Study(tmp_path / "small" / "improve-0", config, "loss")
    begun, asked = study.begin("start", {}, limit=2), study.ask(0, limit=2)
    assert study.begin("start", {}, limit=9) is None
    assert study.ask(0, limit=2) is None
    assert (study.trials(), study.n_running, study.planned) == ([], 2, {"start"})
    # One is killed between its record and its end.
    record = Trial(1, "search", asked.values, "complete", 0.5)
    study._storage.set_trial_user_attr(asked.id, RECORD, asdict(record))
    make_silent(tmp_path)
    assert (study.trials(), study.n_running, study.planned) == ([record], 0, frozenset())
    study.store(Trial(1, "start", {}, "complete", 0.25), begun)  # it was alive, and is too late
    again = study.begin("start", {}, limit=2)
    study.store(start := Trial(2, "start", {}, "complete", 0.125), again)
    assert study.trials() == [record, start]


def test_a_trial_without_a_sign_of_life_gets_one(make_config, tmp_path, monkeypatch):
    """Its process may have been killed before it gave the first."""
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    config = make_config(*SLOW, f"improve.storage=sqlite:///{tmp_path}/search.db")
    study = Study(tmp_path / "small" / "improve-0", config, "loss")
    study.ask(0, limit=2)
    with sqlite3.connect(tmp_path / "search.db") as database:
        database.execute("delete from trial_heartbeats")
    study.trials()
    assert study.n_running == 1
    make_silent(tmp_path)
    study.trials()
    assert study.n_running == 0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "improve.storage"),
        ("oracle://me@host/db", "the driver .*racle.* for oracle://… is not installed"),
        ("sqlite:///absent/search.db", "improve.storage: sqlite://"),
        ("sqlite:////elsewhere.db", "'/elsewhere.db' is outside the working directory"),
        ("sqlite:///../elsewhere.db", "'../elsewhere.db' is outside the working directory"),
        ("postgresql://me:${ABSENT}@host/db", "ABSENT is not set"),
    ],
)
def test_an_unusable_database_is_reported_without_its_password(make_config, tmp_path, monkeypatch, url, message):
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLCLI_OFFLINE", raising=False)
    with pytest.raises(UsageError, match=message) as caught:
        Study(tmp_path / "small" / "improve-0", make_config(*SLOW, f"improve.storage={url}"), "loss")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:se/cr:et@secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:${WORD}secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=secret&sslmode=require", "?user=me&password=***&sslmode"),
    ],
)
def test_a_password_in_a_configuration_is_refused_and_not_shown(make_config, url, shown):
    with pytest.raises(ConfigError, match="write \\$\\{NAME\\}") as caught:
        make_config(f"improve.storage={url}")
    assert shown in str(caught.value)
    assert not any(part in str(caught.value) for part in ("secret", "se/cr", "cr:et"))


@pytest.mark.parametrize("url", ["postgresql://me:${WORD}@host/db", "postgresql://h/db?password=${WORD}", "${URL}"])
def test_a_password_of_the_environment_is_a_name_in_the_configuration(make_config, url):
    assert make_config(f"improve.storage={url}").improve.storage == url


def test_a_missing_driver_is_named_with_what_installs_it(make_config, tmp_path, monkeypatch):
    pytest.importorskip("sqlalchemy")
    monkeypatch.delenv("MLCLI_OFFLINE", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "mlcli.search.postgres", raising=False)
    config = make_config(*SLOW, "improve.storage=postgresql+psycopg://me@host/db")
    with pytest.raises(UsageError, match=r"driver psycopg .* pip install 'mlcli\[postgres\]'"):
        Study(tmp_path / "small" / "improve-0", config, "loss")


def test_no_server_is_asked_while_offline(make_config, tmp_path, monkeypatch):
    pytest.importorskip("sqlalchemy")
    monkeypatch.setenv("MLCLI_OFFLINE", "1")
    config = make_config(*SLOW, "improve.storage=postgresql://me@host/db")
    with pytest.raises(UsageError, match="MLCLI_OFFLINE"):
        Study(tmp_path / "small" / "improve-0", config, "loss")


@pytest.mark.parametrize("text", ["1", "{", '{"worker": 1}', '{"worker": 1, "phase": "x", "deadline": null}'])
def test_a_share_is_for_mlclis_own_processes(text):
    with pytest.raises(UsageError, match="use --jobs"):
        WorkerTask.read(text)


def test_a_task_is_read_as_it_was_written():
    task = WorkerTask(1, "search")
    assert WorkerTask.read(task.write()) == task


def test_a_task_is_abandoned_when_its_leader_is_gone():
    """Killed, too: the system closes the pipe."""
    leader = subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE)
    abandoned = watch_pipe(leader.stdout.fileno())
    assert not abandoned.wait(0.05)
    leader.kill()
    assert abandoned.wait(10)
    leader.communicate()
