"""The best trials' networks as one model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mlcli.config.loading.dump import dump_config
from mlcli.config.sections.config import Config, watched_metrics
from mlcli.evaluation.threshold import tune_threshold
from mlcli.metrics.epoch import build_scorer
from mlcli.models.networks import Ensemble, Mlp, combine_outputs
from mlcli.models.task import FittedTask, output_of
from mlcli.runs.bundle import Bundle
from mlcli.runs.folder import Run, create_run
from mlcli.runs.history import MetricsLog
from mlcli.runs.provenance import bundle_facts, manifest_of
from mlcli.search.model_cache import CachedNetwork, ModelCache
from mlcli.search.ranking import different_trials
from mlcli.search.selection_metric import measure_outputs
from mlcli.search.space import config_with
from mlcli.search.trial import SearchContext, Trial, network_of, same_inputs, train_trial
from mlcli.training.callbacks import Callback
from mlcli.training.context import SCORING_BATCH, TensorDataset
from mlcli.training.inputs import Inputs, make_context
from mlcli.training.losses import Loss, build_loss

# A trial is as good as the best unless its rows' losses are higher by more than two standard errors.
DOUBT = 2.0


@dataclass(frozen=True)
class EnsembleMember:
    """A network that an ensemble wants: a trial's configuration with a seed of its own."""

    trial: Trial
    config: Config
    seed: int

    @property
    def shelf_key(self) -> dict[str, Any]:
        """What its network is kept under: the trial's own where the seed is."""
        return self.trial.values if self.seed == self.config.seed else {**self.trial.values, "seed": self.seed}


@dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """Networks that answer together, that of the best trial first.

    scores : loss and metrics on the validation rows
    valid  : the raw outputs there, float32 (n, n_outputs)
    """

    members: tuple[tuple[EnsembleMember, CachedNetwork], ...]
    scores: dict[str, float]
    valid: Tensor


def plan_members(bench: SearchContext, trials: Sequence[Trial], shelf: ModelCache, count: int) -> list[EnsembleMember]:
    """The best trial and those that cannot be told from it, in turn, each time with another seed.

    The same seed would give networks that err alike: first weights, row order and dropout would be the same.
    """
    chosen = _as_good_as_the_best(bench, trials, shelf)
    turns = itertools.cycle(chosen)
    return [
        EnsembleMember(trial, config, config.seed + k) for k, (trial, config) in zip(range(count), turns, strict=False)
    ]


def _as_good_as_the_best(
    bench: SearchContext, trials: Sequence[Trial], shelf: ModelCache
) -> list[tuple[Trial, Config]]:
    """Of the best trials of different architectures, those that take the same features as the very best."""
    different = different_trials(trials, bench.metric)
    ranked = [(trial, config_with(bench.start, trial.values)) for trial in different]
    if not ranked:
        return []
    best, config = ranked[0]
    inputs, (_, valid) = bench.inputs_for(config)
    loss, top = build_loss(config.loss, inputs.task, valid.y.device), shelf.get(best.values)
    chosen = [ranked[0]]
    for trial, other in ranked[1:]:
        network = shelf.get(trial.values) if same_inputs(other, config) else None
        if top and network and not _is_worse(loss, network.valid, top.valid, valid.y):
            chosen.append((trial, other))
    return chosen


def _is_worse(loss: Loss, outputs: Tensor, best: Tensor, y: Tensor) -> bool:
    """Whether the rows' losses are higher than the best network's beyond doubt."""
    row_loss = torch.func.vmap(lambda one, truth: loss(one.unsqueeze(0), truth.unsqueeze(0)))
    more = (row_loss(outputs, y) - row_loss(best, y)).double()
    return bool(more.mean() > DOUBT * more.std() / math.sqrt(len(more)))


def train_members(
    bench: SearchContext,
    seats: Sequence[EnsembleMember],
    shelf: ModelCache,
    callbacks: Sequence[Callback],
    stopped: Callable[[], bool],
) -> None:
    """Train the networks that are not kept yet, in turn, until `stopped` turns true."""
    for seat in seats:
        if stopped():
            return
        if shelf.get(seat.shelf_key) is None:
            attempt = train_trial(bench, seat.config.model_copy(update={"seed": seat.seed}), (), callbacks, stopped)
            if attempt.trained.stopped != "interrupted" and attempt.trained.state.best_epoch:
                shelf.put(seat.shelf_key, network_of(attempt))


def form_ensemble(bench: SearchContext, seats: Sequence[EnsembleMember], shelf: ModelCache) -> TrainedEnsemble | None:
    """All networks that are kept, together; None where there is none."""
    found = [(seat, shelf.get(seat.shelf_key)) for seat in seats]
    members = tuple((seat, network) for seat, network in found if network is not None)
    if not members:
        return None
    config = members[0][0].config
    inputs, (_, valid) = bench.inputs_for(config)
    outputs = combine_outputs(torch.stack([network.valid for _, network in members]), output_of(inputs.task))
    scores = score_outputs(config, inputs.task, outputs, valid.y)
    if bench.metric not in scores:
        scores[bench.metric] = measure_outputs(inputs.task, outputs, valid.y, bench.metric)
    return TrainedEnsemble(members, scores, outputs)


def score_outputs(config: Config, task: FittedTask, outputs: Tensor, y: Tensor) -> dict[str, float]:
    """Loss and metrics of raw outputs (n, n_outputs) against encoded targets, as after an epoch."""
    loss = build_loss(config.loss, task, y.device)
    scorer = build_scorer(task, watched_metrics(config).values())
    return {"loss": loss(outputs, y).item(), **scorer(outputs, y)}


def save_ensemble_bundle(bench: SearchContext, team: TrainedEnsemble) -> Run:
    """A run of its own with the team as its model; its history is that of the best member."""
    seat, first = team.members[0]
    config = seat.config
    inputs, (train, valid) = bench.inputs_for(config)
    networks = [build_network(seat.config, network, inputs) for seat, network in team.members]
    ensemble = Ensemble(networks, output_of(inputs.task)).eval()
    task = tune_threshold(inputs.task, config.evaluation, lambda: team.valid, valid.y)
    train_scores = score_outputs(config, task, member_outputs(ensemble, train), train.y)
    valid_scores = score_outputs(config, task, team.valid, valid.y)
    facts = bundle_facts(inputs, first.best_epoch, train_scores, valid_scores)
    manifest = replace(
        manifest_of(make_context(config, inputs, (train, valid)), inputs),
        status="finished",
        members=len(networks),
        n_parameters=sum(parameter.numel() for parameter in ensemble.parameters()),
    )
    run = create_run(config.name, dump_config(config), manifest)
    with run.lock():
        MetricsLog(run.metrics).rewrite(first.history)
        members = tuple(seat.config.model for seat, _ in team.members)
        Bundle(config, inputs.features, task, ensemble, facts, members).save(run.model)
    return run


def build_network(config: Config, kept: CachedNetwork, inputs: Inputs) -> Mlp:
    """A kept network with its weights, on the CPU."""
    layout = inputs.features.layout
    network = Mlp(config.model, layout.n_numeric, layout.cardinalities, inputs.task.n_outputs)
    network.load_state_dict(kept.state)
    return network.eval()


@torch.inference_mode()
def member_outputs(model: Ensemble, rows: TensorDataset) -> Tensor:
    """The raw outputs for all rows, float32 (n, n_outputs)."""
    return torch.cat([model(part) for part in torch.split(rows.x, SCORING_BATCH)])
