"""The results of a search: its files, the best or next configuration, its difference to the start, key importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

from mlcli.config.loading.dump import (
    changes_of,
    commented_keys,
    differing_keys,
    plain_section,
    show_setting,
    write_document,
)
from mlcli.config.sections.config import Config
from mlcli.config.sections.training import Space
from mlcli.diagnosis.recommendations import Finding
from mlcli.io.atomic import write_file, write_json
from mlcli.io.text import counted
from mlcli.metrics.catalog import beats, higher_is_better
from mlcli.metrics.paired import ScoreDifference
from mlcli.runs.folder import Run
from mlcli.search.differences import find_difference
from mlcli.search.ensemble import TrainedMembers, save_ensemble
from mlcli.search.search import Search
from mlcli.search.space import config_with, distributions, params_of
from mlcli.search.storage import quiet
from mlcli.search.trial import Trial, best_so_far, best_trial, describe_progress, start_trial

# Complete trials from which the importance of keys is estimated.
MIN_TRIALS = 10


@dataclass(frozen=True)
class SavedEnsemble:
    """An ensemble's run, its selection metric on its networks' validation rows, and their number, which may be 1."""

    run: Run
    score: float
    members: int

    def to_json(self) -> dict[str, Any]:
        """The ensemble in a JSON document."""
        return {"run": str(self.run), "folder": str(self.run.folder), "members": self.members, "score": self.score}


@dataclass(frozen=True)
class Results:
    """The results of a search.

    proposal    : file of the best configuration; None without a complete trial
    ensemble    : None where no network was trained
    difference  : of the best network to the start's; None where the start is the best
    n_rows      : rows that the difference was measured on
    best_so_far : the best score up to each trial; None before the first complete one
    importance  : share of the variance of the scores that each key explains, the largest first
    outlook     : whether more trials are worth their time; empty for too few trials
    """

    proposal: Path | None
    ensemble: SavedEnsemble | None
    difference: ScoreDifference | None
    n_rows: int
    best_so_far: list[float | None]
    importance: dict[str, float]
    outlook: str

    def to_json(self) -> dict[str, Any]:
        """The results in a JSON document."""
        difference = self.difference
        return {
            "proposal": self.proposal,
            "ensemble": self.ensemble,
            "difference": None if difference is None else {**asdict(difference), "verdict": difference.verdict},
            "importance": self.importance,
            "best_so_far": self.best_so_far,
            "outlook": self.outlook,
        }


def write_results(folder: Path, search: Search, ensemble: TrainedMembers) -> Results:
    """Write trials.json, best.yaml and the ensemble's run."""
    context, trials = search.context, search.trials
    best, importance = best_so_far(trials, context.metric), rank_keys(trials, search.study.space, context.metric)
    proposal, winner = None, best_trial(trials, context.metric)
    if winner is not None:
        proposal = folder / "best.yaml"
        text = write_proposal(context.start, winner, trials, search.findings, context.metric)
        write_file(proposal, text.encode())
    results = Results(
        proposal=proposal,
        ensemble=SavedEnsemble(*save_ensemble(context, ensemble), len(ensemble)) if ensemble else None,
        difference=None
        if winner is None
        else find_difference(context, search.model_cache, trials, winner, context.start.evaluation.confidence),
        n_rows=context.n_compared,
        best_so_far=best,
        importance=importance,
        outlook=describe_progress(best, context.metric),
    )
    document = {"metric": context.metric, "findings": search.findings, "importance": importance, "trials": trials}
    write_json(folder / "trials.json", document)
    return results


def write_proposal(
    start: Config, best: Trial, trials: Sequence[Trial], findings: Sequence[Finding], metric: str
) -> str:
    """YAML of the best trial's complete configuration; comments above it say what changed and why."""
    config = config_with(start, best.values)
    scores = [trial.score if trial else None for trial in (start_trial(trials), best)]
    before, after = ("none" if score is None else f"{score:.6g}" for score in scores)
    lines = [f"Validation {metric}: {before} before, {after} with this configuration."]
    if config == start:
        lines = [f"Unchanged: none of {counted(len(trials), 'trial')} has a better validation {metric} than {after}."]
    changes = differing_keys([start, config])
    if changes:
        lines += ["Changed:", *(f"  {one.key}: {' -> '.join(map(show_setting, one.values))}" for one in changes)]
    if best.origin == "start" and changes:
        lines.append("Reason: the time was too short for all epochs.")
    elif best.origin == "remedy":
        lines.append("Reason: it follows the recommendations for the problems found.")
    elif best.origin in ("recipe", "search"):
        lines.append(f"Reason: trial {best.number} is the best of {len(trials)} on the validation rows.")
    lines += [f"Found: {finding.course_term}: {finding.evidence}." for finding in findings]
    return write_document(lines, commented_keys(plain_section(config), {}))


def describe_next(start: Config, config: Config, headline: str, causes: Mapping[str, Finding]) -> str:
    """YAML of what the configuration says beyond its defaults, which loads back to it.

    Comments at its head give the reasons, and one behind each changed key its former value.
    """
    reasons = dict.fromkeys(f"{finding.course_term}: {finding.evidence}" for finding in causes.values())
    head = [headline, *(f"Changed for {reason}." for reason in reasons)]
    comments = {one.key: f"was {show_setting(one.values[0])}" for one in differing_keys([start, config])}
    return write_document(head, commented_keys({"name": config.name, **changes_of(config)}, comments))


def rank_keys(trials: Sequence[Trial], space: Space, metric: str) -> dict[str, float]:
    """The share of the scores' variance that each key explains, the largest first (fANOVA; Hutter et al., 2014).

    Of complete trials with a value for every key; empty with fewer than MIN_TRIALS, and where all scores are equal.
    Scores worse than the median count as the median, since differences among poor ones say little about the best.
    """
    known = distributions(space)
    complete = [
        (trial.score, params)
        for trial in trials
        if trial.state == "complete" and trial.score is not None
        if (params := params_of(space, trial.values)).keys() == space.keys()
    ]
    if len(complete) < MIN_TRIALS or len({score for score, _ in complete}) == 1:
        return {}
    middle = sorted(score for score, _ in complete)[len(complete) // 2]
    with quiet():
        study = optuna.create_study(direction="maximize" if higher_is_better(metric) else "minimize")
        for score, params in complete:
            value = middle if beats(middle, score, metric) else score
            study.add_trial(optuna.create_trial(params=params, distributions=known, value=value))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: round(float(share), 4) for key, share in found.items()}
