"""An ensemble of the best trials' networks as one model."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mlcli.config.loading.dump import dump_config
from mlcli.config.sections.config import Config
from mlcli.evaluation.fit_ensemble import ensemble_bundle
from mlcli.evaluation.out_of_fold import MemberRows, member_config, score_outputs
from mlcli.metrics.scorer import measure_outputs
from mlcli.models.ensembles import Ensemble, combine_outputs
from mlcli.models.networks import Network, make_network
from mlcli.models.task import output_of
from mlcli.runs.folder import Run, create_run
from mlcli.runs.history import MetricsLog
from mlcli.runs.recorder import manifest_of
from mlcli.search.objective import SearchContext, network_of, same_inputs, train_trial
from mlcli.search.space import config_with
from mlcli.search.storage import CachedNetwork, ModelCache
from mlcli.search.trial import Trial, distinct_trials
from mlcli.training.callbacks import Callback
from mlcli.training.context import SCORING_BATCH
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


@dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """Trained members, of which the first has the best trial's configuration.

    scores : loss and metrics on the members' validation rows, each predicted by those that it was held out from
    """

    members: tuple[tuple[EnsembleMember, CachedNetwork], ...]
    rows: MemberRows
    outputs: Tensor
    scores: dict[str, float]


def plan_members(
    context: SearchContext, trials: Sequence[Trial], model_cache: ModelCache, count: int
) -> list[EnsembleMember]:
    """The best trial, then those that lower the loss of the mean most, with replacement (Caruana et al., 2004).

    They are selected on the validation rows, among the best trials with the same inputs as the best.
    """
    found = _candidates(context, trials, model_cache)
    members = list[EnsembleMember]()
    for number, chosen in enumerate(_select(context, found, count) if found else ()):
        trial, config, _ = found[chosen]
        config, values = member_config(config, number), dict(trial.values)
        seconds = trial.seconds / (1 + (len(context.folds.held_out) if context.folds else 0))
        members.append(EnsembleMember(config, number, {**values, "seed": config.seed, "network": number}, seconds))
    return members


Candidate = tuple[Trial, Config, CachedNetwork | None]


def _candidates(context: SearchContext, trials: Sequence[Trial], model_cache: ModelCache) -> list[Candidate]:
    """The best trial, and others of different architectures with its inputs whose networks are cached."""
    ranked = [(trial, config_with(context.start, trial.values)) for trial in distinct_trials(trials, context.metric)]
    cached = [(trial, config, model_cache.get(trial.values)) for trial, config in ranked]
    return [one for one in cached if one is cached[0] or (one[2] and same_inputs(one[1], cached[0][1]))]


def _select(context: SearchContext, found: Sequence[Candidate], count: int) -> list[int]:
    config = found[0][1]
    inputs, (_, valid) = context.inputs_for(config)
    loss, output = build_loss(config.loss, inputs.task, valid.y.device), output_of(inputs.task)
    networks, y = [network.valid for _, _, network in found if network], valid.y
    if len(networks) < len(found):  # the best network is no longer cached
        return [0] * count
    chosen = [0]
    while len(chosen) < count:
        together = [torch.stack([networks[k] for k in (*chosen, one)]) for one in range(len(found))]
        losses = [loss(combine_outputs(outputs, output), y).item() for outputs in together]
        # Of equally good ones, one that is in already.
        chosen.append(min(range(len(found)), key=lambda one: (losses[one], one not in chosen, one)))
    return chosen


def train_members(
    context: SearchContext,
    members: Sequence[EnsembleMember],
    rows: MemberRows,
    model_cache: ModelCache,
    callbacks: Sequence[Callback],
    stopped: Callable[[], bool],
) -> None:
    """Train the members that are not cached, in turn, until `stopped` returns True."""
    for member in members:
        if stopped():
            return
        if model_cache.get(member.values) is None:
            trial_run = train_trial(context, member.config, (), callbacks, stopped, rows.of_member(member.number))
            if trial_run.trained.stopped != "interrupted" and trial_run.trained.state.best_epoch:
                model_cache.put(member.values, network_of(trial_run))


def member_rows(context: SearchContext, config: Config) -> MemberRows:
    """The rows of each network of an ensemble, as training.ensemble has them: of at most so many as it can be."""
    inputs, arrays = context.inputs_for(config)
    return MemberRows.of(ensemble_config(context.start, MOST_MEMBERS), inputs, arrays)


def ensemble_config(config: Config, count: int) -> Config:
    """The configuration that trains so many networks."""
    return config.model_copy(update={"training": config.training.model_copy(update={"ensemble": count})})


def form_ensemble(
    context: SearchContext, members: Sequence[EnsembleMember], every: MemberRows, model_cache: ModelCache
) -> TrainedEnsemble | None:
    """The ensemble of the first members that are cached, up to one that is not; None without any.

    every : the rows of as many networks as an ensemble can be of
    """
    found = ((member, model_cache.get(member.values)) for member in members)
    trained = [(member, network) for member, network in itertools.takewhile(lambda one: one[1], found) if network]
    if not trained:
        return None
    config, inputs = trained[0][0].config, context.inputs_for(trained[0][0].config)[0]
    held_out = None if every.held_out is None else every.held_out[: len(trained)]
    rows = replace(every, held_out=held_out)
    outputs = rows.outputs_out_of_fold([build_network(member.config, network, inputs) for member, network in trained])
    y = rows.out_of_fold().y
    scores = score_outputs(config, inputs.task, outputs, y)
    if context.metric not in scores:
        scores |= measure_outputs(inputs.task, outputs, y, (context.metric,))
    return TrainedEnsemble(tuple(trained), rows, outputs, scores)


def save_ensemble_bundle(context: SearchContext, ensemble: TrainedEnsemble) -> Run:
    """A run as one of training.ensemble: its model is the ensemble, its history that of the first member."""
    member, first = ensemble.members[0]
    inputs, arrays = context.inputs_for(member.config)
    config = ensemble_config(member.config, len(ensemble.members))
    networks = [build_network(member.config, network, inputs) for member, network in ensemble.members]
    model = Ensemble(networks, output_of(inputs.task)).eval()
    with torch.inference_mode():
        of_all = torch.cat([model(part) for part in torch.split(ensemble.rows.whole.x, SCORING_BATCH)])
    members, outputs = [one.config.model for one, _ in ensemble.members], (ensemble.outputs, of_all)
    bundle = ensemble_bundle(config, inputs, ensemble.rows, model, members, outputs, first.best_epoch)
    manifest = replace(
        manifest_of(make_context(config, inputs, arrays), inputs),
        status="finished",
        members=len(networks),
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
    )
    run = create_run(config.name, dump_config(config), manifest)
    with run.lock():
        MetricsLog(run.metrics).rewrite(first.history)
        bundle.save(run.model)
    return run


def build_network(config: Config, cached: CachedNetwork, inputs: Inputs) -> Network:
    """A cached network with its weights, on the CPU."""
    network = make_network(config.model, inputs.features.layout, inputs.task)
    network.load_state_dict(cached.state)
    return network.eval()
