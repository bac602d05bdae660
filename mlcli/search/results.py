"""What a search leaves in its folder, and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

from mlcli.config.sections.training import Space
from mlcli.io.atomic import write_file, write_json
from mlcli.metrics.catalog import beats, higher_is_better
from mlcli.metrics.paired import Difference
from mlcli.runs.folder import Run
from mlcli.search.ensemble import TrainedEnsemble, save_ensemble_bundle
from mlcli.search.next_config import write_proposal
from mlcli.search.ranking import Progress, best_trial, compare_on_folds, compare_outputs
from mlcli.search.search import Search, Searched
from mlcli.search.space import config_with, distributions, params_of
from mlcli.search.storage import quiet
from mlcli.search.trial import Trial

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


@dataclass(frozen=True)
class SavedEnsemble:
    """An ensemble's run, how many networks it has, and the compared number on the validation rows."""

    run: Run
    members: int
    score: float

    def to_json(self) -> dict[str, Any]:
        """The ensemble in a JSON document."""
        return {"run": str(self.run), "folder": str(self.run.folder), "members": self.members, "score": self.score}


@dataclass(frozen=True)
class Results:
    """What came of a search.

    proposal   : file of the best configuration; None without a complete trial
    ensemble   : the best trials' networks as a run; None where none was asked for
    difference : of the ensemble, or else the best network, to the start's; None for one of these
    n_rows     : rows that the difference was measured on: an ensemble's are the validation rows
    importance : share of the scores' spread that each key explains, the largest first; empty for few trials
    """

    proposal: Path | None
    ensemble: SavedEnsemble | None
    difference: Difference | None
    n_rows: int
    progress: Progress
    importance: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The results in a JSON document."""
        difference = self.difference
        return {
            "proposal": str(self.proposal) if self.proposal else None,
            "ensemble": self.ensemble.to_json() if self.ensemble else None,
            "difference": None if difference is None else {**asdict(difference), "verdict": difference.verdict},
            "importance": self.importance,
            "best_so_far": list(self.progress.best),
            "outlook": self.progress.verdict(),
        }


def write_results(folder: Path, search: Search, searched: Searched, team: TrainedEnsemble | None) -> Results:
    """Write trials.json, best.yaml and the ensemble's run."""
    bench, trials = search.bench, searched.trials
    progress, importance = Progress.of(trials, bench.metric), rank_keys(trials, search.study.space, bench.metric)
    results = Results(
        proposal=write_best(folder, search, searched),
        ensemble=save_ensemble(search, team),
        difference=find_difference(search, team),
        n_rows=bench.n_compared if team is None else len(bench.arrays[1]),
        progress=progress,
        importance=importance,
    )
    findings = [finding.to_json() for finding in searched.findings]
    told = [trial.to_json() for trial in trials]
    write_json(
        folder / "trials.json",
        {"metric": bench.metric, "findings": findings, "importance": importance, "trials": told},
    )
    return results


def write_best(folder: Path, search: Search, searched: Searched) -> Path | None:
    """Leave best.yaml; its path, or None where no trial was complete."""
    best = best_trial(searched.trials, search.bench.metric)
    if best is None:
        return None
    text = write_proposal(search.bench.start, best, searched.trials, searched.findings, search.bench.metric)
    write_file(folder / "best.yaml", text.encode())
    return folder / "best.yaml"


def save_ensemble(search: Search, team: TrainedEnsemble | None) -> SavedEnsemble | None:
    """The team as a run."""
    if team is None:
        return None
    return SavedEnsemble(save_ensemble_bundle(search.bench, team), len(team.members), team.scores[search.bench.metric])


def find_difference(search: Search, team: TrainedEnsemble | None) -> Difference | None:
    """What is now beside what was, on the same rows: an ensemble was trained for the validation rows alone."""
    bench, best = search.bench, best_trial(search.trials, search.bench.metric)
    if bench.folds is not None and team is None and best is not None and best.origin != "start":
        was, now = search.shelf.get_answers({}), search.shelf.get_answers(best.values)
        return None if was is None or now is None else compare_on_folds(bench, bench.folds, now, was)
    start = search.shelf.get({})
    if start is None or best is None:
        return None
    config = config_with(bench.start, best.values)
    if team is not None:
        return compare_outputs(bench, config, team.valid, start.valid)
    network = None if best.origin == "start" else search.shelf.get(best.values)
    return None if network is None else compare_outputs(bench, config, network.valid, start.valid)
