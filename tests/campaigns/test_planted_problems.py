"""The diagnosis finds problems that are planted in real trainings, and none in clean trainings.

Other findings are counted: the closing table is the confusion matrix, a line for each problem.
"""

import pytest

from tests.campaigns.diagnosis.planted import CLEAN, PLANTED, Field
from tests.campaigns.diagnosis.trainings import find_problems

# Of five seeds; a problem may not show in so few rows.
LEAST = 3
SEEDS = 5


@pytest.fixture
def find(tmp_path, monkeypatch):
    """Trains a plant with a seed, and returns the findings, the most severe first: find(plant, 3)."""
    for name, folder in (("MLCLI_DATA_DIR", "data"), ("MLCLI_RUNS_DIR", "runs")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.delenv("MLCLI_PREPARED_DIR", raising=False)

    return lambda plant, seed: find_problems(plant.config(Field(tmp_path), seed))


def chosen(plants):
    """All of them; those that are not quick in large campaigns alone."""
    return [pytest.param(plant, id=name) for name, plant in plants.items()]


@pytest.mark.parametrize("plant", chosen(PLANTED))
def test_a_planted_problem_is_found(campaign, find, plant):
    if not plant.quick and not campaign.large:
        pytest.skip("part of the large campaign")
    named = 0
    for seed in range(campaign.size(1, SEEDS)):
        names = [finding.name for finding in find(plant, campaign.seed + seed)]
        is_named = plant.problem in names[:2]
        campaign.record("named" if is_named else f"found {' and '.join(names[:2]) or 'nothing'} instead")
        named += is_named
    assert named >= campaign.size(1, LEAST), campaign.counts


@pytest.mark.parametrize("plant", chosen(CLEAN))
def test_a_clean_training_has_no_problem(campaign, find, plant):
    if not plant.quick and not campaign.large:
        pytest.skip("part of the large campaign")
    silent = 0
    for seed in range(campaign.size(1, SEEDS)):
        alarms = [finding.name for finding in find(plant, campaign.seed + seed) if finding.level != "note"]
        campaign.record(f"false {alarms[0]}" if alarms else "silent")
        silent += not alarms
    assert silent >= campaign.size(1, LEAST), campaign.counts
