"""An ensemble of the best trials' networks as one model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from mlcli.config.loading.dump import dump_config
from mlcli.config.sections.config import Config
from mlcli.evaluation.fit_ensemble import ensemble_bundle
from mlcli.evaluation.out_of_fold import MemberRows, member_config
from mlcli.metrics.catalog import beats, higher_is_better
from mlcli.models.inference import FittedNetwork, combine_outputs
from mlcli.models.task import output_of
from mlcli.runs.folder import Run, create_run
from mlcli.runs.history import MetricsLog
from mlcli.runs.recorder import manifest_of
from mlcli.search.budget import ENOUGH, NEARLY
from mlcli.search.differences import find_difference
from mlcli.search.objective import SearchContext, network_of, same_inputs, train_trial
from mlcli.search.space import config_with
from mlcli.search.storage import CachedNetwork, ModelCache
from mlcli.search.trial import Trial, best_trial, distinct_trials, start_trial
from mlcli.training.callbacks import Callback
from mlcli.training.inputs import Inputs, make_context
from mlcli.training.losses import build_loss

# As improve.ensemble allows.
MOST_MEMBERS = 100


@dataclass(frozen=True)
class EnsembleMember:
    """A network of an ensemble: a trial's configuration with a seed, and validation rows, of its own.

    number  : from 0
    values  : that its network is cached under
    seconds : that its trial trained a network
    """

    config: Config
    number: int
    values: dict[str, Any]
    seconds: float

    def config_for(self, seconds: float, least: float = ENOUGH) -> Config | None:
        """The configuration with as many epochs as fit the time; None where they are less than this share of all."""
        share = min(1.0, seconds / max(self.seconds, 1e-3))
        if share == 1.0 or share < least:
            return self.config if share == 1.0 else None
        training = self.config.training
        fewer = training.model_copy(update={"epochs": max(1, int(share * training.epochs))})
        return self.config.model_copy(update={"training": fewer})


def plan_members(
    context: SearchContext, trials: Sequence[Trial], model_cache: ModelCache, count: int
) -> list[EnsembleMember]:
    """The best trial, then those that lower the loss of the mean most, with replacement (Caruana et al., 2004).

    They are selected on the validation rows, among the best trials with the same inputs as the first. The first member
    is its trial's own network; of the others, those that are cached keep their numbers. An ensemble begins with all
    networks of the start's configuration, unless the best trial is better by more than chance. Where no complete trial
    is better than a start that the time cut, that one alone.
    """
    first = _first_trial(context, trials, model_cache, count)
    found = _candidates(context, trials, model_cache, first) if first else []
    n_first = context.start.training.ensemble if first and first.origin == "start" else 1
    scores = [found[0][0].score] if found else []
    cut = [trial for trial in trials if trial.origin == "start" and trial.state == "pruned"]
    for trial in sorted(cut, key=lambda one: one.score or math.inf, reverse=higher_is_better(context.metric))[:1]:
        if not scores or beats(trial.score or math.nan, scores[0] or math.nan, context.metric):
            return [_member(context, trial, config_with(context.start, trial.values), 0)]
    left, members = (
        [found[chosen] for chosen in _select(context, found, n_first, count)] if found else [],
        list[EnsembleMember](),
    )
    for number in range(len(left)):
        planned = [_member(context, trial, config, number) for trial, config, _ in left]
        cached = (at for at, one in enumerate(planned) if number and model_cache.holds(one.values))
        at = next(cached, 0)
        members.append(planned[at])
        del left[at]
    return members


def _member(context: SearchContext, trial: Trial, config: Config, number: int) -> EnsembleMember:
    """The first has the rows and the seed of its trial, and so its network."""
    config, values = member_config(config, number), dict(trial.values)
    if number:
        values |= {"seed": config.seed, "network": number}
    return EnsembleMember(config, number, values, trial.seconds / context.n_trainings)


Candidate = tuple[Trial, Config, CachedNetwork | None]


def _first_trial(context: SearchContext, trials: Sequence[Trial], model_cache: ModelCache, count: int) -> Trial | None:
    """The best complete trial, or in an ensemble the start where the difference of the two may be chance.

    Chance grows with the trials that the best is chosen from: each may take as much less of it (Bonferroni).
    """
    best, start = best_trial(trials, context.metric), start_trial(trials)
    if best is None or start is None or count == 1:
        return best
    n_others = sum(trial.state == "complete" and trial.origin != "start" for trial in trials)
    confidence = 1 - (1 - context.start.evaluation.confidence) / max(1, n_others)
    difference = find_difference(context, model_cache, trials, best, confidence)
    return best if difference is None or difference.verdict in ("better", "undefined") else start


def _candidates(
    context: SearchContext, trials: Sequence[Trial], model_cache: ModelCache, first: Trial
) -> list[Candidate]:
    """The first trial, and the best of different architectures with its inputs whose networks are cached.

    None that is worse than the start, beside whose one network it would look better than beside the start's others.
    """
    start = start_trial(trials)
    least = math.nan if start is None or start.score is None else start.score
    better = [one for one in trials if one.score is not None and not beats(least, one.score, context.metric)]
    best = [first, *(trial for trial in distinct_trials(better, context.metric) if trial != first)]
    ranked = [(trial, config_with(context.start, trial.values)) for trial in best]
    cached = [(trial, config, model_cache.get(trial.values)) for trial, config in ranked]
    return [one for one in cached if one is cached[0] or (one[2] and same_inputs(one[1], cached[0][1]))]


def _select(context: SearchContext, found: Sequence[Candidate], n_first: int, count: int) -> list[int]:
    """Positions of the candidates, the first at least n_first times."""
    config = found[0][1]
    inputs, (_, valid) = context.inputs_for(config)
    loss, output = build_loss(config.loss, inputs.task, valid.y.device), output_of(inputs.task)
    networks, y = [network.valid for _, _, network in found if network], valid.y
    if len(networks) < len(found):  # the best network is no longer cached
        return [0] * count
    chosen = [0] * min(n_first, count)
    while len(chosen) < count:
        together = [np.stack([networks[k] for k in (*chosen, one)]) for one in range(len(found))]
        means = (torch.from_numpy(combine_outputs(outputs, output)) for outputs in together)
        losses = [loss(mean, y, valid.weights).item() for mean in means]
        # Of equally good ones, one that is in already.
        chosen.append(min(range(len(found)), key=lambda one: (losses[one], one not in chosen, one)))
    return chosen


def train_members(
    context: SearchContext,
    members: Sequence[EnsembleMember],
    rows: MemberRows,
    model_cache: ModelCache,
    callbacks: Sequence[Callback],
    interrupted: Callable[[], bool],
    seconds_left: Callable[[], float],
) -> None:
    """Train the members that are not cached, in turn, until `interrupted` returns True or the time is over.

    All have nearly all epochs where so many fit the time, else the last has fewer; it may also end with the time.
    """

    def stopped() -> bool:
        return interrupted() or seconds_left() <= 0

    missing = [member for member in members if model_cache.get(member.values) is None]
    for done, member in enumerate(missing):
        left = seconds_left()
        config = member.config_for(left / (len(missing) - done), NEARLY) or member.config_for(left)
        if stopped() or config is None:
            return
        trial_run = train_trial(context, config, (), callbacks, stopped, rows.of_member(member.number))
        state, late = trial_run.trained.state, trial_run.trained.stopped == "interrupted"
        if late and (interrupted() or state.epoch < ENOUGH * config.training.epochs):
            return
        if state.best_epoch:
            model_cache.put(member.values, network_of(trial_run))


def member_rows(context: SearchContext, config: Config) -> MemberRows:
    """The rows of each network of an ensemble, as training.ensemble has them: of at most so many as it can be."""
    inputs, arrays = context.inputs_for(config)
    return MemberRows.of(ensemble_config(context.start, MOST_MEMBERS), inputs, arrays)


def ensemble_config(config: Config, count: int) -> Config:
    """The configuration that trains so many networks."""
    return config.model_copy(update={"training": config.training.model_copy(update={"ensemble": count})})


TrainedMembers = tuple[tuple[EnsembleMember, CachedNetwork], ...]


def trained_members(members: Sequence[EnsembleMember], model_cache: ModelCache) -> TrainedMembers:
    """The first members with their networks, up to one that is not cached."""
    found = ((member, model_cache.get(member.values)) for member in members)
    return tuple((member, network) for member, network in itertools.takewhile(lambda one: one[1], found) if network)


def save_ensemble(context: SearchContext, trained: TrainedMembers) -> tuple[Run, float]:
    """The mean of the networks as a run like one of training.ensemble, with the history of the first; and its score.

    The score is the selection metric on the members' validation rows, each predicted by those it was held out from.
    """
    member, first = trained[0]
    inputs, arrays = context.inputs_for(member.config)
    config = ensemble_config(member.config, len(trained))
    networks = [build_network(own.config, network, inputs) for own, network in trained]
    rows, models = MemberRows.of(config, inputs, arrays), [own.config.model for own, _ in trained]
    bundle = ensemble_bundle(config, inputs, rows, networks, models, first.best_epoch, (context.metric,))
    manifest = replace(
        manifest_of(make_context(config, inputs, arrays), inputs),
        status="finished",
        members=len(networks),
        n_parameters=bundle.model.n_parameters,
    )
    run = create_run(config.name, dump_config(config), manifest)
    with run.lock():
        MetricsLog(run.metrics).rewrite(first.history)
        bundle.save(run.model)
    return run, bundle.facts["valid"].get(context.metric, math.nan)


def build_network(config: Config, cached: CachedNetwork, inputs: Inputs) -> FittedNetwork:
    """A cached network with its weights."""
    return FittedNetwork(config.model, inputs.features.layout, output_of(inputs.task), cached.state)
