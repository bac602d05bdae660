"""Trainings tracked by a real MLflow server on loopback, which MLCLI_TEST_MLFLOW names: the program `mlflow`."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest


@pytest.fixture(scope="module")
def program(request):
    if not request.config.getoption("--campaign"):
        pytest.skip("starts a server only with --campaign")
    pytest.importorskip("mlflow")
    if not os.environ.get("MLCLI_TEST_MLFLOW"):
        pytest.skip("MLCLI_TEST_MLFLOW names no program `mlflow` that has the server (pip install mlflow)")
    return os.environ["MLCLI_TEST_MLFLOW"]


@contextmanager
def served(program, folder, port):
    """The address of a server that answers."""
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [program, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *store]
    process = subprocess.Popen(command, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, **quiet)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def ask(address, path, **values):
    body = json.dumps(values).encode()
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_server_has_the_run_its_epochs_and_its_end(program, workspace, mlcli, monkeypatch, tmp_path_factory):
    port = free_port()
    train = ("train", "configs/iris.yaml", "-S", "training.track=mlflow", "-S", "training.epochs=3")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
    refused = mlcli(*train)
    assert refused.code == 7
    assert f"mlflow at http://127.0.0.1:{port} cannot be used" in refused.err
    assert "secret" not in refused.err
    with served(program, tmp_path_factory.mktemp("server"), port) as address:
        assert mlcli(*train, "--json").json["run"] == "iris/002"  # and nothing of MLflow's in the document
        (experiment,) = [
            one for one in ask(address, "experiments/search", max_results=10)["experiments"] if one["name"] == "iris"
        ]
        search = {"experiment_ids": [experiment["experiment_id"]]}
        (run,) = ask(address, "runs/search", **search)["runs"]
        assert (run["info"]["run_name"], run["info"]["status"]) == ("iris/002", "FINISHED")
        assert {one["key"]: one["value"] for one in run["data"]["params"]}["model.hidden"] == "[16]"
        told = json.dumps(run)
        assert not re.search(rf"secret|{os.uname().nodename}|{re.escape(str(workspace))}", told)
        assert mlcli("train", "--resume", "-q", "-S", "training.epochs=5").code == 0
        (resumed,) = ask(address, "runs/search", **search)["runs"]
        listed = mlcli("runs", "--json").json["runs"][0]
        last = {one["key"]: one for one in resumed["data"]["metrics"]}
        assert {one["step"] for one in last.values()} == {5}
        assert last["accuracy/valid"]["value"] <= 1
        assert listed["epochs"] == 5


def test_a_server_that_goes_away_is_warned_of_once(program, workspace, mlcli, monkeypatch, tmp_path_factory):
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("mlcli.runs.tracking.FLUSH_SECONDS", 0.0)
    folder = tmp_path_factory.mktemp("server")
    from mlcli.runs import tracking

    stops = {}
    epoch_end = tracking.MlflowTracker.on_epoch_end

    def stopping(self, context, state, record):
        if record.epoch == 2:
            stops["server"].terminate()
            stops["server"].wait()
        epoch_end(self, context, state, record)

    monkeypatch.setattr(tracking.MlflowTracker, "on_epoch_end", stopping)
    popen = subprocess.Popen

    def kept(*arguments, **options):
        stops["server"] = popen(*arguments, **options)
        return stops["server"]

    monkeypatch.setattr(subprocess, "Popen", kept)
    with served(program, folder, port):
        told = mlcli("train", "configs/iris.yaml", "-S", "training.track=mlflow", "-S", "training.epochs=5")
    assert told.code == 0
    assert told.err.count("this training is tracked no further") == 1
