"""An ensemble of the best trials' networks as one model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mlcli.config.loading.dump import dump_config
from mlcli.config.sections.config import Config
from mlcli.evaluation.out_of_fold import score_outputs
from mlcli.evaluation.threshold import tune_decoding
from mlcli.metrics.scorer import measure_outputs
from mlcli.models.ensembles import Ensemble, combine_outputs
from mlcli.models.networks import Network, make_network
from mlcli.models.task import output_of
from mlcli.runs.bundle import Bundle
from mlcli.runs.folder import Run, create_run
from mlcli.runs.history import MetricsLog
from mlcli.runs.recorder import bundle_facts, manifest_of
from mlcli.search.objective import SearchContext, network_of, same_inputs, train_trial
from mlcli.search.space import config_with
from mlcli.search.storage import CachedNetwork, ModelCache
from mlcli.search.trial import Trial, distinct_trials
from mlcli.training.callbacks import Callback
from mlcli.training.context import SCORING_BATCH
from mlcli.training.inputs import Inputs, make_context
from mlcli.training.losses import Loss, build_loss

# Standard errors of the rows' loss differences from which a trial is significantly worse than the best.
SIGNIFICANT = 2.0


@dataclass(frozen=True)
class EnsembleMember:
    """A network of an ensemble: a trial's configuration with its own seed.

    values : that its network is cached under; the trial's own where the seed is the trial's
    """

    config: Config
    seed: int
    values: dict[str, Any]


@dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """Trained members, that of the best trial first.

    scores : loss and metrics on the validation rows
    valid  : combined raw outputs there, float32 (n, n_outputs)
    """

    members: tuple[tuple[EnsembleMember, CachedNetwork], ...]
    scores: dict[str, float]
    valid: Tensor


def plan_members(
    context: SearchContext, trials: Sequence[Trial], model_cache: ModelCache, count: int
) -> list[EnsembleMember]:
    """The best trial and those not significantly worse, in turn, each member with another seed.

    With the same seed, initial weights, row order and dropout would be the same, and the errors correlated.
    """
    members = []
    trials_in_turn = itertools.cycle(_not_worse_than_best(context, trials, model_cache))
    for k, (trial, config) in zip(range(count), trials_in_turn, strict=False):
        values = {**trial.values, "seed": config.seed + k} if k else trial.values
        members.append(EnsembleMember(config, config.seed + k, values))
    return members


def _not_worse_than_best(
    context: SearchContext, trials: Sequence[Trial], model_cache: ModelCache
) -> list[tuple[Trial, Config]]:
    """The best trials of different architectures with the same inputs as the best, unless significantly worse."""
    distinct = distinct_trials(trials, context.metric)
    ranked = [(trial, config_with(context.start, trial.values)) for trial in distinct]
    if not ranked:
        return []
    best, config = ranked[0]
    inputs, (_, valid) = context.inputs_for(config)
    loss, top = build_loss(config.loss, inputs.task, valid.y.device), model_cache.get(best.values)
    chosen = [ranked[0]]
    for trial, other in ranked[1:]:
        network = model_cache.get(trial.values) if same_inputs(other, config) else None
        if top and network and not _is_worse(loss, network.valid, top.valid, valid.y):
            chosen.append((trial, other))
    return chosen


def _is_worse(loss: Loss, outputs: Tensor, best: Tensor, y: Tensor) -> bool:
    """Whether the rows' losses are significantly higher than the best network's."""
    row_loss = torch.func.vmap(lambda one, truth: loss(one.unsqueeze(0), truth.unsqueeze(0)))
    more = (row_loss(outputs, y) - row_loss(best, y)).double()
    return bool(more.mean() > SIGNIFICANT * more.std() / math.sqrt(len(more)))


def train_members(
    context: SearchContext,
    members: Sequence[EnsembleMember],
    model_cache: ModelCache,
    callbacks: Sequence[Callback],
    stopped: Callable[[], bool],
) -> None:
    """Train the members that are not cached, in turn, until `stopped` returns True."""
    for member in members:
        if stopped():
            return
        if model_cache.get(member.values) is None:
            config = member.config.model_copy(update={"seed": member.seed})
            trial_run = train_trial(context, config, (), callbacks, stopped)
            if trial_run.trained.stopped != "interrupted" and trial_run.trained.state.best_epoch:
                model_cache.put(member.values, network_of(trial_run))


def form_ensemble(
    context: SearchContext, members: Sequence[EnsembleMember], model_cache: ModelCache
) -> TrainedEnsemble | None:
    """The ensemble of all members that are cached; None without any."""
    found = [(member, model_cache.get(member.values)) for member in members]
    trained = tuple((member, network) for member, network in found if network is not None)
    if not trained:
        return None
    config = trained[0][0].config
    inputs, (_, valid) = context.inputs_for(config)
    outputs = combine_outputs(torch.stack([network.valid for _, network in trained]), output_of(inputs.task))
    scores = score_outputs(config, inputs.task, outputs, valid.y)
    if context.metric not in scores:
        scores |= measure_outputs(inputs.task, outputs, valid.y, (context.metric,))
    return TrainedEnsemble(trained, scores, outputs)


def save_ensemble_bundle(context: SearchContext, ensemble: TrainedEnsemble) -> Run:
    """A run whose model is the ensemble; its history is that of the best member."""
    member, first = ensemble.members[0]
    config = member.config
    inputs, (train, valid) = context.inputs_for(config)
    networks = [build_network(member.config, network, inputs) for member, network in ensemble.members]
    model = Ensemble(networks, output_of(inputs.task)).eval()
    task = tune_decoding(inputs.task, config.evaluation, lambda: ensemble.valid, valid.y)
    with torch.inference_mode():
        outputs = torch.cat([model(part) for part in torch.split(train.x, SCORING_BATCH)])
    train_scores = score_outputs(config, task, outputs, train.y)
    valid_scores = score_outputs(config, task, ensemble.valid, valid.y)
    facts = bundle_facts(inputs, first.best_epoch, train_scores, valid_scores)
    manifest = replace(
        manifest_of(make_context(config, inputs, (train, valid)), inputs),
        status="finished",
        members=len(networks),
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
    )
    run = create_run(config.name, dump_config(config), manifest)
    with run.lock():
        MetricsLog(run.metrics).rewrite(first.history)
        members = tuple(member.config.model for member, _ in ensemble.members)
        Bundle(config, inputs.features, task, model, facts, members).save(run.model)
    return run


def build_network(config: Config, cached: CachedNetwork, inputs: Inputs) -> Network:
    """A cached network with its weights, on the CPU."""
    network = make_network(config.model, inputs.features.layout, inputs.task)
    network.load_state_dict(cached.state)
    return network.eval()
