"""Which of the searched keys mattered."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from mlcli.config.training import Space
from mlcli.improve.space import distributions, params_of
from mlcli.improve.storage import quiet
from mlcli.improve.trial import Trial
from mlcli.metrics.catalog import beats, higher_is_better

# The importance of keys in fewer trials is chance.
MIN_TRIALS = 10


def rank_keys(trials: Sequence[Trial], space: Space, metric: str) -> dict[str, float]:
    """The share of the scores' variance that each key explains, the largest first (fANOVA; Hutter et al., 2014).

    Of complete trials with a value for every key; empty with fewer than MIN_TRIALS, and where all score the same.
    Scores below the median of all count as the median: what is far from good tells little about what is best.
    """
    known = distributions(space)
    whole = [
        (trial.score, params)
        for trial in trials
        if trial.state == "complete" and trial.score is not None
        if (params := params_of(space, trial.values)).keys() == space.keys()
    ]
    if len(whole) < MIN_TRIALS or len({score for score, _ in whole}) == 1:
        return {}
    middle = sorted(score for score, _ in whole)[len(whole) // 2]
    with quiet():
        study = optuna.create_study(direction="maximize" if higher_is_better(metric) else "minimize")
        for score, params in whole:
            value = middle if beats(middle, score, metric) else score
            study.add_trial(optuna.create_trial(params=params, distributions=known, value=value))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: round(float(share), 4) for key, share in found.items()}
