"""Searches that share a PostgreSQL server: processes that die, connections that break, what is said about them."""

import subprocess
import threading
import time
from collections import Counter
from itertools import count

import pytest
import yaml

from mlcli.config.loading.dump import dump_config
from mlcli.errors import ResourceError, UsageError
from mlcli.io.text import show_number
from mlcli.search import postgres
from mlcli.search.budget import Budget
from mlcli.search.database import open_database
from mlcli.search.search import Search, SearchCallback
from mlcli.search.space import search_space
from mlcli.search.storage import ModelCache
from mlcli.search.study import Study
from mlcli.search.trial import Trial
from tests.conftest import ROOT
from tests.pages import blocks_of
from tests.postgres import PASSWORD, Cable

QUICK = ("training.epochs=2", "improve.pruning=none")
RATES = "improve.space={optimizer.lr: {log: [1.0e-3, 0.3]}}"
GRID = (
    "improve.sampler=grid",
    "improve.space={model.hidden: {choices: [[2], [3]]}, training.batch_size: {choices: [16, 32]}}",
)
FOLDERS = count()


@pytest.fixture(scope="module")
def database(postgres_server):
    postgres_server.execute("CREATE DATABASE searches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORD", PASSWORD)
        patch.delenv("MLCLI_OFFLINE", raising=False)
        open_database(storage(postgres_server.port).partition("=")[2])
    return "searches"


@pytest.fixture
def folder(tmp_path, monkeypatch, database):
    """A folder whose name no other test's search has; the password is in the environment."""
    monkeypatch.delenv("MLCLI_OFFLINE", raising=False)
    monkeypatch.setenv("WORD", PASSWORD)
    return tmp_path / "small" / f"improve-{next(FOLDERS)}"


def storage(port, database="searches", user="tester"):
    return f"improve.storage=postgresql://{user}:${{WORD}}@127.0.0.1:{port}/{database}"


class Killed(BaseException):
    """A process that is gone, as far as others can see."""


class DieOnce(SearchCallback):
    def __init__(self, trial):
        self.trial, self.current = trial, 0

    def on_trial_start(self, number, budget):
        self.current = number

    def on_epoch_end(self, context, state, record):
        if self.current >= self.trial:
            raise Killed


class MortalStudy(Study):
    """Remembers the trial that its process runs."""

    def signs_of_life(self, asked):
        self.asked = asked
        return super().signs_of_life(asked)


def search_in_threads(config, context, folder, trials, deaths, bury):
    """As many processes as `deaths`, each of which dies in that trial or later; the ones that end are returned."""
    ended, errors = [], []

    def run(callbacks):
        study = MortalStudy(folder, config, context.metric)
        search = Search(context, study, Budget(trials), callbacks, ModelCache(folder / str(id(study))))
        try:
            search.run(lambda: False)
            ended.append(search)
        except Killed:
            bury(study.asked)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=([DieOnce(death)] if death else [],)) for death in deaths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    return ended


@pytest.fixture
def make_silent(postgres_server):
    """As if the process of a trial had given no sign of life for an hour."""
    aged = "UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '1 hour' WHERE trial_id = {}"
    return lambda asked: postgres_server.execute(aged.format(asked.id), "searches")


@pytest.mark.filterwarnings("ignore")  # threads share the filters
@pytest.mark.parametrize(("sets", "trials"), [((RATES,), 6), (GRID, 100)], ids=["random", "grid"])
def test_each_trial_is_done_once_whoever_dies(
    make_config, make_search_context, folder, postgres_server, make_silent, monkeypatch, sets, trials
):
    """The start, what is recommended, and each combination of a grid are done by one process; none runs for ever."""
    monkeypatch.setattr("mlcli.search.search.POLL_SECONDS", 0.1)
    monkeypatch.setattr("mlcli.search.search.recipes", lambda config: ({"model.activation": "relu"},))
    config = make_config(*QUICK, "model.hidden=[5]", *sets, storage(postgres_server.port))
    context = make_search_context(config, search_space(config))
    ended = search_in_threads(config, context, folder, trials, [1, 0, 0], make_silent)
    assert len(ended) == 2
    for search in ended:
        origins = Counter(trial.origin for trial in search.trials)
        assert (origins["start"], origins["recipe"]) == (1, 1)
        assert origins["remedy"] <= 1
        assert origins["search"] == 4 if trials == 100 else origins.total() == trials
        assert len({str(trial.values) for trial in search.trials}) == len(search.trials)
        assert [trial.number for trial in search.trials] == list(range(1, len(search.trials) + 1))
    one, other = ({str((trial.values, trial.score)) for trial in search.trials} for search in ended)
    assert one == other
    counted = "SELECT count(*) FROM trials JOIN studies USING (study_id) WHERE state = 'RUNNING' AND study_name = '{}'"
    assert postgres_server.execute(counted.format(f"small/{folder.name}"), "searches") == [(0,)]


@pytest.fixture
def cable(postgres_server):
    cable = Cable(postgres_server.port)
    yield cable
    cable.close()


@pytest.mark.parametrize("outage", ["ended by the server", "cut", "silent", "server killed"])
def test_a_broken_connection_loses_and_doubles_nothing(
    make_config, folder, postgres_server, cable, monkeypatch, outage
):
    monkeypatch.setenv("MLCLI_STALL_SECONDS", "20")
    monkeypatch.setattr(postgres, "ANSWER", 0.3)
    study, other = (
        Study(folder, make_config(*QUICK, RATES, storage(port)), "loss") for port in (cable.port, postgres_server.port)
    )
    asked = study.ask(0, limit=9)
    done = []

    def store():
        study.store(Trial(1, "search", asked.values, "complete", 0.5), asked)
        done.append(study.ask(1, limit=9))

    process = threading.Thread(target=store)
    match outage:
        case "ended by the server":
            postgres_server.disconnect_all("searches")
            process.start()
        case "cut":
            cable.cut()
            process.start()
        case "silent":
            with cable.stalled():
                process.start()
                time.sleep(0.5)
        case _:
            postgres_server.stop()
            process.start()
            time.sleep(0.2)
            postgres_server.start()
    process.join(60)
    assert [trial.score for trial in other.trials()] == [0.5]
    assert [trial.values for trial in other.trials()] == [asked.values]
    assert done[0].values != asked.values
    assert other.n_running >= 1


def test_a_database_that_stays_away_is_said(make_config, folder, cable, monkeypatch):
    monkeypatch.setenv("MLCLI_STALL_SECONDS", "0.5")
    study = Study(folder, make_config(*QUICK, RATES, storage(cable.port)), "loss")
    cable.close()
    with pytest.raises(ResourceError, match=r"has not answered for 0\.5 seconds \(OperationalError: .*same command"):
        study.trials()


@pytest.mark.parametrize(
    ("name", "user", "word", "message"),
    [
        ("searches", "tester", "other/word", 'password authentication failed for user "tester"'),
        ("absent", "tester", PASSWORD, 'database "absent" does not exist'),
    ],
)
def test_what_the_server_refuses_is_said_without_the_password(
    make_config, folder, postgres_server, monkeypatch, name, user, word, message
):
    monkeypatch.setenv("WORD", word)
    monkeypatch.setattr("mlcli.search.database.PAUSE", 0.0)
    with pytest.raises(UsageError, match=message) as caught:
        Study(folder, make_config(storage(postgres_server.port, name, user)), "loss")
    assert word not in str(caught.value)


def test_the_status_is_shown_from_anywhere_without_data_or_password(
    make_config, postgres_server, folder, make_silent, monkeypatch, mlcli, tmp_path
):
    """Running trials with their machines; a process that is gone is named so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLCLI_OFFLINE", "0")
    config = f"name: {folder.name}\ndataset: {{name: csv, path: absent.csv, target: y}}\nimprove: {{space: {{}}}}\n"
    (tmp_path / "there.yaml").write_text(config)
    study = Study(
        tmp_path / folder.name / "improve-0", make_config(*QUICK, RATES, storage(postgres_server.port)), "loss"
    )
    start, _, lost = study.begin("start", {}, 9), study.ask(1, 9), study.ask(1, 9)
    study.store(Trial(1, "start", {}, "complete", 0.125), start)
    make_silent(lost)
    arguments = ("improve", "there.yaml", "--status", "-S", storage(postgres_server.port))
    shown = mlcli(*arguments)
    assert shown.code == 0
    assert f"{folder.name}/improve-0: 1 trial: 1 complete, 0 pruned, 0 failed; 2 running" in shown.err
    assert f"Best: trial 1, loss {show_number(0.125)}  unchanged" in shown.err
    assert "1.0 h ago (gone)" in shown.err
    (search,) = mlcli(*arguments, "--json").json["searches"]
    assert search["trials"] == {"complete": 1, "pruned": 0, "failed": 0}
    assert sorted(trial["is_lost"] for trial in search["running"]) == [False, True]
    assert PASSWORD not in shown.err + str(search)


@pytest.mark.usefixtures("without_probes")
def test_the_password_is_in_no_file(make_config, postgres_server, folder, monkeypatch, mlcli, tmp_path):
    """The whole command, with an ensemble, whose run has the configuration, and a proposal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLCLI_OFFLINE", "0")
    monkeypatch.setattr("mlcli.search.search.recipes", lambda config: ())
    config = make_config(*QUICK, RATES, "optimizer.lr=1e-4", storage(postgres_server.port), f"name={folder.name}")
    (tmp_path / "here.yaml").write_text(dump_config(config))
    result = mlcli("improve", "here.yaml", "--trials", "2", "--ensemble", "2", "--apply", "--json")
    assert result.code == 0
    assert result.json["trials"]["complete"] == 2
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"best.yaml", "trials.json", "here-next.yaml", "config.yaml"} <= {path.name for path in written}
    for secret in (PASSWORD.encode(), b"not%2Fto"):
        assert not [path for path in written if secret in path.read_bytes()]
        assert secret not in (result.out + result.err).encode()


def shown_file(name):
    """A file that the page on searches shows."""
    (block,) = (one for one in blocks_of(ROOT / "docs/searches.md") if one.options.get("title") == name)
    return block.text


def test_the_files_for_clusters_are_well_formed():
    batch = shown_file("search.sbatch")
    assert subprocess.run(["bash", "-n"], input=batch, text=True, capture_output=True).stderr == ""
    assert batch.startswith("#!/bin/bash\n#SBATCH ")
    job = yaml.safe_load(shown_file("search-job.yaml"))
    assert (job["kind"], job["spec"]["completionMode"]) == ("Job", "Indexed")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert subprocess.run(["sh", "-n", "-c", container["command"][-1]], capture_output=True).returncode == 0
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
