"""Trials compared over folds, and by any metric."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, matthews_corrcoef

from mlcli.config.loading.load import override_config
from mlcli.errors import ConfigError
from mlcli.evaluation.cross_validation import Folds, measure_folds
from mlcli.reporter import Silent
from mlcli.search.budget import Budget
from mlcli.search.callbacks import SearchCallback
from mlcli.search.differences import find_difference
from mlcli.search.search import Search
from mlcli.search.space import search_space
from mlcli.search.storage import ModelCache
from mlcli.search.study import Study
from mlcli.training.inputs import gather_inputs

FOLDED = ("improve.folds=3", "training.epochs=6", "improve.space={optimizer.lr: {log: [3.0e-3, 0.1]}}")


@pytest.fixture
def open_search(make_search_context, tmp_path):
    """A search that can be inspected after its run."""

    def opened(config, trials, *callbacks):
        search_context = make_search_context(config, search_space(config))
        study = Study(tmp_path / "search", config, search_context.metric)
        return Search(search_context, study, Budget(trials), callbacks, ModelCache(tmp_path / "search/kept"))

    return opened


def run(search, interrupted=lambda: False):
    search.run(interrupted)
    return search


def test_a_trials_score_is_what_cross_validation_measures(make_config, open_search):
    config = make_config(*FOLDED)
    (trial,) = run(open_search(config, 1)).trials
    evaluated = override_config(config, {"evaluation.folds": 3, "evaluation.metrics": ["log_loss"]})
    (pooled,) = measure_folds(evaluated, gather_inputs(evaluated, Silent()).prepared, Silent()).pooled
    assert trial.score == pytest.approx(pooled.value, rel=1e-12)  # the rows are summed in another order
    assert trial.metrics["log_loss"] == pytest.approx(pooled.value, rel=1e-12)


def test_every_row_is_answered_for_and_the_difference_is_of_all_of_them(make_config, open_search):
    search = open_search(make_config(*FOLDED), 4)
    trials = run(search).trials
    best = min((trial for trial in trials if trial.state == "complete"), key=lambda trial: trial.score)
    folds, outputs = search.context.folds, search.model_cache.get_fold_outputs(best.values)
    assert len(folds.truth) == search.context.n_compared == 160
    expected = log_loss(folds.truth, expit(outputs[:, 0].astype(float)))
    assert best.score == pytest.approx(expected, rel=1e-5)
    difference = find_difference(search.context, search.model_cache, trials, best, 0.95)
    assert best.origin != "start"
    assert difference.value == pytest.approx(best.score - trials[0].score, rel=1e-4)


def test_each_trial_is_compared_on_the_same_rows(make_config, open_search):
    search = open_search(make_config(*FOLDED), 1)
    again = Folds.of(search.context.start, search.context.inputs.prepared, "improve.folds", 3)
    held_out = search.context.folds.held_out
    assert all(np.array_equal(one, other) for one, other in zip(held_out, again.held_out, strict=True))
    assert sorted(np.concatenate(held_out)) == list(range(160))


class StopInFold(SearchCallback):
    """Asks for an end in the second trial, after its own training."""

    def __init__(self):
        self.trial, self.epochs, self.asked = 0, 0, False

    def on_trial_start(self, number, budget):
        self.trial, self.epochs = number, 0

    def on_epoch_end(self, context, state, record):
        self.epochs += 1
        self.asked |= self.trial == 2 and self.epochs == 9


def test_a_trial_that_is_stopped_between_folds_leaves_no_trace(make_config, open_search):
    config, stop = make_config(*FOLDED), StopInFold()
    assert len(run(open_search(config, 3, stop), lambda: stop.asked).trials) == 1
    assert [trial.number for trial in run(open_search(config, 3)).trials] == [1, 2, 3]


def test_more_folds_than_rows_are_refused(make_config, make_search_context):
    with pytest.raises(ConfigError, match=r"improve\.folds: 100 folds need at least 100 rows of the largest class"):
        make_search_context(make_config("improve.folds=100", "dataset.rows=60"))


def test_trials_are_compared_by_any_metric_of_the_best_weights(make_config, open_search):
    search = open_search(make_config(*FOLDED, "improve.folds=null", "improve.metric=mcc"), 3)
    trials = run(search).trials
    valid, task = search.context.inputs.prepared.splits.valid, search.context.inputs.task
    answers = task.decode(search.model_cache.get({}).valid)
    assert trials[0].score == pytest.approx(matthews_corrcoef(task.truth(valid), answers.values))
    assert search.study.trials()[0].metrics["mcc"] == trials[0].score


def test_a_metric_of_another_task_is_refused(make_config, make_search_context):
    with pytest.raises(ConfigError, match=r"improve\.metric: .*rmse"):
        make_search_context(make_config("improve.metric=rmse"))
