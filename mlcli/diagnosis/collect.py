"""Collects the evidence of a training: its history and scores, and what short experiments on it show."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import stdev

from mlcli.config.loading.load import read_resolved
from mlcli.config.sections.config import Config
from mlcli.diagnosis.chance import measure_chance
from mlcli.diagnosis.evidence import ProbeResults, RateRange, TrainingEvidence
from mlcli.diagnosis.experiment import Experiment
from mlcli.diagnosis.probes import grow_forest, measure_rows, probe_columns, probe_network, suspect_labels
from mlcli.errors import ArtefactError, ConfigError
from mlcli.io.json import from_json
from mlcli.models.task import Classification, FittedTask
from mlcli.runs.bundle import load_bundle
from mlcli.runs.folder import Run
from mlcli.runs.history import read_metrics
from mlcli.training.context import TensorDataset, TrainingContext
from mlcli.training.inputs import Inputs, make_context
from mlcli.training.loop import TrainedModel, best_scores, outputs_of

# Sections that decide what a training does; a run that differs in one says nothing about the configuration.
TRAINED_BY = ("seed", "dataset", "features", "model", "loss", "optimizer", "training")
ENDED = ("finished", "early", "diverged")
# Validation loss above training loss, as a share of the chance loss, from which more rows may help.
GAP = 0.05
# Validation rows whose losses are measured one by one.
SAMPLE = 500


def untrained_evidence(context: TrainingContext, task: FittedTask) -> TrainingEvidence:
    """What is known before the first epoch."""
    counts, classes = (task.counts, task.classes) if isinstance(task, Classification) else ((), ())
    chance = measure_chance(context.cost, task, context.train.y)
    return TrainingEvidence(context.config, (), {}, {}, chance, len(context.valid), counts, classes)


def training_evidence(context: TrainingContext, task: FittedTask, trained: TrainedModel) -> TrainingEvidence:
    """A training that has just ended; its best weights are in the context's network."""
    return replace(
        untrained_evidence(context, task),
        history=trained.state.history,
        train=best_scores(context, trained.state, context.train),
        valid=best_scores(context, trained.state, context.valid),
        diverged=trained.stopped == "diverged",
    )


def run_evidence(
    run: Run, config: Config, inputs: Inputs, arrays: tuple[TensorDataset, TensorDataset]
) -> tuple[TrainingEvidence, TrainingContext] | None:
    """A run's training, and its network's best weights in a context.

    None where it was not trained with this configuration and these rows, or not to its end.
    """
    try:
        manifest, trained = run.read_manifest(), read_resolved(run.config)
        same = all(getattr(trained, section) == getattr(config, section) for section in TRAINED_BY)
        complete = manifest.status in ENDED and manifest.members == 1  # an ensemble has no single history
        if not (same and complete) or manifest.data_fingerprint != inputs.prepared.fingerprint:
            return None
        bundle = load_bundle(run.model) if run.model.exists() else None
        facts = bundle.facts if bundle is not None else {}
        train, valid = (from_json(dict[str, float], facts.get(split, {}), run.model) for split in ("train", "valid"))
        history = read_metrics(run)
    except (ArtefactError, ConfigError):
        return None
    context = make_context(config, inputs, arrays)
    if bundle is not None:
        context.model.load_state_dict(bundle.model.state_dict())
    evidence = untrained_evidence(context, inputs.task)
    diverged = manifest.status == "diverged"
    return replace(evidence, history=history, train=train, valid=valid, diverged=diverged), context


def run_probes(
    experiment: Experiment, rates: RateRange | None, evidence: TrainingEvidence, context: TrainingContext
) -> TrainingEvidence:
    """The evidence with the results of all probes.

    rates   : of the experiment's range test
    context : of the training, with the best weights in its network
    """
    forest = grow_forest(experiment)
    probes = ProbeResults(
        rates=rates,
        untrained=probe_network(experiment, experiment.context()),
        trained=probe_network(experiment, context),
        columns=probe_columns(experiment),
        forest=forest,
        labels=suspect_labels(forest) if experiment.n_classes else None,
        curve=measure_rows(experiment, evidence.history[-1].step) if _has_gap(evidence) else None,
        valid_counts=experiment.count_classes(experiment.valid),
        valid_deviation=_standard_error(context, experiment.draw(context.valid, SAMPLE)),
    )
    return replace(evidence, probes=probes)


def _has_gap(evidence: TrainingEvidence) -> bool:
    if not (evidence.train and evidence.valid):
        return False
    return evidence.valid["loss"] - evidence.train["loss"] > GAP * evidence.chance.uniform_loss


def _standard_error(context: TrainingContext, rows: TensorDataset) -> float:
    """Of the mean of the rows' losses."""
    if len(rows) < 2:
        return 0.0
    outputs = outputs_of(context, rows.x)
    losses = [context.cost(outputs[at : at + 1], rows.y[at : at + 1]).item() for at in range(len(rows))]
    return stdev(losses) / math.sqrt(len(context.valid)) if all(map(math.isfinite, losses)) else 0.0
