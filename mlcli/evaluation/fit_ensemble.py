"""A run of several networks, each with validation rows of its own; its model is their mean."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import read_resolved
from mlcli.config.sections.config import Config
from mlcli.config.sections.model import ModelConfig
from mlcli.errors import DivergedError
from mlcli.evaluation.calibration import calibrate
from mlcli.evaluation.fit import TrainResult, fit_run
from mlcli.evaluation.out_of_fold import MemberRows, member_config, outputs_alone, score_outputs
from mlcli.evaluation.refit import announce
from mlcli.io.atomic import create_folder, remove_folder
from mlcli.io.json import encode_json, refuse_symlink
from mlcli.io.signals import Interruption
from mlcli.metrics.weighting import describe_weighting
from mlcli.models.inference import FittedEnsemble, FittedNetwork
from mlcli.models.task import Classification, binary_threshold, output_of
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle, load_bundle
from mlcli.runs.checkpoint import load_checkpoint
from mlcli.runs.folder import CONFIG_FILE, MANIFEST_FILE, Run, is_run, open_run
from mlcli.runs.history import MetricsLog, read_metrics
from mlcli.runs.recorder import bundle_facts, manifest_of
from mlcli.runs.tracking import tracked
from mlcli.training.callbacks import Callback
from mlcli.training.inputs import Inputs, make_context
from mlcli.training.loop import new_state
from mlcli.training.snapshot import restore_snapshot
from mlcli.training.state import Stopped

FOLDER = "members"


def fit_ensemble(
    run: Run, inputs: Inputs, reporter: Reporter, callbacks: Sequence[Callback], interruption: Interruption
) -> TrainResult:
    """Train the networks of training.ensemble that have not been trained yet; then save their mean as the run's bundle.

    Each is a run in the folder `members`; once all are trained, only their histories stay.
    Raises DivergedError.
    """
    config, on_disk = read_resolved(run.config), run.read_manifest().on_disk
    rows = MemberRows.of(config, inputs, inputs.training_rows(on_disk=on_disk, reporter=reporter))
    count, started = config.training.ensemble, time.perf_counter()
    with interruption:
        for number in range(count):
            member = _member_run(run, number)
            if member is not None and member.read_manifest().status in ("finished", "early"):
                continue
            announce(reporter, "network", number + 1, count)
            try:
                own = member_config(config, number)
                result = _fit_member(run, number, own, rows, inputs, reporter, callbacks, interruption)
            except DivergedError:
                run.update_manifest(status="diverged")
                raise
            if result.stopped == "interrupted":
                run.update_manifest(status="interrupted", timings={"train": time.perf_counter() - started})
                return replace(result, run=run)
    return _save_mean(run, config, rows, inputs, time.perf_counter() - started)


def _member_run(run: Run, number: int) -> Run | None:
    folder = refuse_symlink(run.folder / FOLDER) / _name(number)
    return open_run(folder) if is_run(folder) else None


def _name(number: int) -> str:
    return f"{number + 1:02d}"


def _fit_member(
    run: Run,
    number: int,
    config: Config,
    rows: MemberRows,
    inputs: Inputs,
    reporter: Reporter,
    callbacks: Sequence[Callback],
    interruption: Interruption,
) -> TrainResult:
    """Train a network from its last checkpoint on, or from the start."""
    arrays, valid = rows.of_member(number), rows.valid_rows(inputs.prepared, number)
    context, member = make_context(config, inputs, arrays, run.read_manifest().threads), _member_run(run, number)
    if member is None:
        manifest = asdict(manifest_of(context, inputs))
        files = {CONFIG_FILE: dump_config(config).encode(), MANIFEST_FILE: encode_json(manifest)}
        member = open_run(create_folder(run.folder / FOLDER, lambda: _name(number), files))
    snapshot = load_checkpoint(member.checkpoints, reporter)
    state = new_state(context) if snapshot is None else restore_snapshot(context, snapshot)
    callbacks = tracked(config, member, reporter, callbacks)
    return fit_run(member, context, state, inputs, callbacks, interruption, valid)


def ensemble_bundle(
    config: Config,
    inputs: Inputs,
    rows: MemberRows,
    networks: Sequence[FittedNetwork],
    members: Sequence[ModelConfig],
    best_epoch: int,
    watched: Sequence[str] = (),
) -> Bundle:
    """The mean of networks as a bundle; its validation scores are of rows predicted by networks that they are not of.

    members : the configuration of each network
    watched : metrics that are measured as well
    """
    alone, valid = len(networks) == 1, rows.out_of_fold()
    model = networks[0] if alone else FittedEnsemble(networks, output_of(inputs.task))
    out_of_fold, of_all = rows.outputs_out_of_fold(networks), outputs_alone(model, rows.whole.x)
    measured, of = (out_of_fold, valid) if len(valid) else (of_all, rows.whole)
    own = rows.valid_rows(inputs.prepared)
    task, validation = calibrate(inputs.task, config, lambda: measured, of.y, own, of.weights)
    train_scores = score_outputs(config, task, of_all, rows.whole)
    valid_scores = score_outputs(config, task, out_of_fold, valid, watched) if len(valid) else {}
    facts = bundle_facts(inputs, best_epoch, train_scores, valid_scores) | {"held_out": rows.fingerprint}
    return Bundle(config, inputs.features, task, model, facts, () if alone else tuple(members), validation)


def _save_mean(run: Run, config: Config, rows: MemberRows, inputs: Inputs, seconds: float) -> TrainResult:
    """Save the bundle of all networks, with the history of the first."""
    members = [open_run(run.folder / FOLDER / _name(number)) for number in range(config.training.ensemble)]
    bundles = [load_bundle(member.model) for member in members]
    networks = [bundle.model for bundle in bundles if isinstance(bundle.model, FittedNetwork)]
    best_epoch = bundles[0].facts["best_epoch"]
    bundle, valid = (
        ensemble_bundle(config, inputs, rows, networks, [config.model] * len(networks), best_epoch),
        rows.out_of_fold(),
    )
    task, histories = bundle.task, [read_metrics(member) for member in members]
    MetricsLog(run.metrics).rewrite(histories[0])
    bundle.save(run.model)
    n_parameters = bundle.model.n_parameters
    weights = None if valid.weights is None else valid.weights.numpy()
    stopped: Stopped = "early" if any(member.read_manifest().status == "early" for member in members) else "finished"
    run.update_manifest(status=stopped, timings={"train": seconds}, members=len(bundles), n_parameters=n_parameters)
    for member in members:
        remove_folder(member.checkpoints)
        remove_folder(member.model)
    return TrainResult(
        run=run,
        stopped=stopped,
        epochs=max(map(len, histories)),
        best_epoch=best_epoch,
        keep=config.training.keep,
        n_parameters=n_parameters,
        train=bundle.facts["train"],
        valid=bundle.facts["valid"],
        seconds=seconds,
        threshold=binary_threshold(task),
        temperature=task.temperature if isinstance(task, Classification) else None,
        stand_in_for=inputs.prepared.stand_in_for,
        weighting=describe_weighting(
            task,
            config.loss,
            lambda: rows.predict(bundle).mean_probabilities(weights),
            task.decode_targets(valid.y),
            weights,
        )
        if len(valid)
        else None,
        networks=len(bundles),
    )
