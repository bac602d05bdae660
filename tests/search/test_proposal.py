"""A finding names columns and classes of the data; nothing they are called becomes a key of the proposal."""

from mlcli.config.loading.load import parse_config
from mlcli.config.sections.config import Config
from mlcli.diagnosis.recommendations import Finding
from mlcli.search.next_config import write_proposal
from mlcli.search.trial import Trial

START = parse_config("dataset: {name: iris}", "iris.yaml", "iris")


def test_names_in_evidence_stay_in_comments():
    trial = Trial(1, "start", {}, "complete", score=0.5)
    finding = Finding("leak", "leakage", "column 'a\nseed: 9\x85seed: 8\u2028'", (), {})
    config = parse_config(write_proposal(START, trial, [trial], [finding], "loss"), "best.yaml", "iris")
    assert isinstance(config, Config)
    assert config == START
