"""The trainings that the search is tested on, too."""

import pytest

from mlcli.diagnosis.experiment import Experiment
from mlcli.reporter import Silent
from mlcli.training.inputs import gather_inputs
from tests.search.conftest import (
    data_folder,
    evidence_cache,
    folders,
    make_config,
    make_search_context,
    trained_evidence,
)

__all__ = ["data_folder", "evidence_cache", "folders", "make_config", "make_search_context", "trained_evidence"]


@pytest.fixture
def make_experiment(make_config):
    """The experiment of a configuration; arguments are --set overrides."""

    def make(*sets):
        config = make_config(*sets)
        inputs = gather_inputs(config, Silent())
        return Experiment(config, inputs.task, inputs.features.layout, *inputs.training_arrays())

    return make
