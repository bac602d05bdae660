"""Tiny datasets and configurations, prepared in a temporary folder."""

import pytest

from mlcli.config.loading.load import parse_config
from mlcli.diagnosis.checks import Checks
from mlcli.diagnosis.evidence import training_evidence
from mlcli.reporter import Silent
from mlcli.search.objective import build_search_context, train_trial
from mlcli.training.inputs import gather_inputs


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def folders(tmp_path, data_folder, monkeypatch):
    """Runs are each test's own; prepared data is shared."""
    monkeypatch.setenv("MLCLI_DATA_DIR", str(data_folder))
    monkeypatch.delenv("MLCLI_PREPARED_DIR", raising=False)
    monkeypatch.setenv("MLCLI_RUNS_DIR", str(tmp_path / "runs"))
    return tmp_path


BASE = """
name: small
device: cpu
dataset: {name: xor, rows: 160, noise: 0.0, split: {test: 0, valid: 0.25}}
model: {hidden: [8], activation: tanh}
optimizer: {name: adam, lr: 0.03}
training: {epochs: 30, batch_size: 16}
"""


@pytest.fixture
def make_config():
    """A configuration that trains well in a fraction of a second; arguments are --set overrides."""
    return lambda *sets: parse_config(BASE, "test", "small", sets)


@pytest.fixture
def make_search_context():
    """The search_context of a configuration, with the keys that are searched."""
    return lambda config, searched=(): build_search_context(
        config, gather_inputs(config, Silent()), dict.fromkeys(searched)
    )


@pytest.fixture(scope="session")
def evidence_cache():
    return {}


@pytest.fixture
def trained_evidence(make_search_context, evidence_cache):
    """What a diagnosis sees of a configuration that was really trained; once for each."""

    def train(config):
        if config.fingerprint() not in evidence_cache:
            trial_run = train_trial(make_search_context(config), config, [], [], lambda: False)
            evidence_cache[config.fingerprint()] = training_evidence(
                trial_run.context, trial_run.task, trial_run.trained
            )
        return evidence_cache[config.fingerprint()]

    return train


# The same in a forked process, before its command.
WITHOUT_PROBES = """
from mlcli.diagnosis.checks import Checks
from mlcli.use_cases import improve
improve.run_checks = lambda experiment: Checks((), None)
improve.run_probes = lambda experiment, rates, evidence, *others: evidence
"""


@pytest.fixture
def without_probes(monkeypatch):
    """Spares a test of the search the seconds of experiments around it."""
    monkeypatch.setattr("mlcli.use_cases.improve.run_checks", lambda experiment: Checks((), None))
    monkeypatch.setattr("mlcli.use_cases.improve.run_probes", lambda experiment, rates, evidence, *others: evidence)
