"""A run of several networks, each with validation rows of its own; its model is their mean."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import read_resolved
from mlcli.errors import DivergedError
from mlcli.evaluation.calibration import calibrate
from mlcli.evaluation.fit import TrainResult, binary_threshold, fit_run
from mlcli.evaluation.out_of_fold import MemberRows, member_config, score_outputs
from mlcli.evaluation.refit import announce
from mlcli.io.atomic import create_folder, remove_folder
from mlcli.io.json import encode_json, refuse_symlink
from mlcli.io.signals import Interruption
from mlcli.metrics.probabilities import describe_weighting
from mlcli.models.ensembles import Ensemble
from mlcli.models.inference import InferenceModel
from mlcli.models.task import Classification, output_of
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle, load_bundle
from mlcli.runs.checkpoint import load_checkpoint
from mlcli.runs.folder import CONFIG_FILE, MANIFEST_FILE, Run, is_run, open_run
from mlcli.runs.history import MetricsLog, read_metrics
from mlcli.runs.recorder import bundle_facts, manifest_of
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
    rows = MemberRows.of(read_resolved(run.config), inputs)
    started, count = time.perf_counter(), read_resolved(run.config).training.ensemble
    with interruption:
        for number in range(count):
            member = _member_run(run, number)
            if member is not None and member.read_manifest().status in ("finished", "early"):
                continue
            announce(reporter, "network", number + 1, count)
            try:
                result = _fit_member(run, member, number, rows, inputs, reporter, callbacks, interruption)
            except DivergedError:
                run.update_manifest(status="diverged")
                raise
            if result.stopped == "interrupted":
                run.update_manifest(status="interrupted", timings={"train": time.perf_counter() - started})
                return replace(result, run=run)
    return _save_mean(run, rows, inputs, time.perf_counter() - started)


def _member_run(run: Run, number: int) -> Run | None:
    folder = refuse_symlink(run.folder / FOLDER) / f"{number + 1:02d}"
    return open_run(folder) if is_run(folder) else None


def _fit_member(
    run: Run,
    member: Run | None,
    number: int,
    rows: MemberRows,
    inputs: Inputs,
    reporter: Reporter,
    callbacks: Sequence[Callback],
    interruption: Interruption,
) -> TrainResult:
    """Train a network from its last checkpoint on, or from the start."""
    config, threads = member_config(read_resolved(run.config), number), run.read_manifest().threads
    context = make_context(config, inputs, rows.of_member(number), threads)
    if member is None:
        manifest = asdict(manifest_of(context, inputs))
        files = {CONFIG_FILE: dump_config(config).encode(), MANIFEST_FILE: encode_json(manifest)}
        member = open_run(create_folder(run.folder / FOLDER, lambda: f"{number + 1:02d}", files))
    snapshot = load_checkpoint(member.checkpoints, reporter)
    state = new_state(context) if snapshot is None else restore_snapshot(context, snapshot)
    return fit_run(member, context, state, inputs, callbacks, interruption)


def _save_mean(run: Run, rows: MemberRows, inputs: Inputs, seconds: float) -> TrainResult:
    """The bundle of all networks; its validation scores are of each network's own rows, predicted by it alone."""
    config = read_resolved(run.config)
    members = [open_run(run.folder / FOLDER / f"{number + 1:02d}") for number in range(config.training.ensemble)]
    bundles = [load_bundle(member.model) for member in members]
    model = Ensemble([bundle.model for bundle in bundles], output_of(inputs.task)).eval()
    valid = rows.out_of_fold()
    outputs = rows.outputs_out_of_fold([bundle.model for bundle in bundles])
    whole = InferenceModel(model).outputs(rows.whole.x.float())[: len(rows.whole)]
    held_out, networks = rows.take(inputs.prepared), [bundle.model for bundle in bundles]
    task, validation = calibrate(inputs.task, config, *rows.decoding_rows(networks), held_out)
    train_scores = score_outputs(config, task, whole, rows.whole.y)
    valid_scores = score_outputs(config, task, outputs, valid.y) if len(valid) else {}
    first, histories = bundles[0], [read_metrics(member) for member in members]
    facts = bundle_facts(inputs, first.facts["best_epoch"], train_scores, valid_scores)
    MetricsLog(run.metrics).rewrite(histories[0])
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    Bundle(config, inputs.features, task, model, facts, (config.model,) * len(bundles), validation).save(run.model)
    stopped: Stopped = "early" if any(member.read_manifest().status == "early" for member in members) else "finished"
    run.update_manifest(status=stopped, timings={"train": seconds}, members=len(bundles), n_parameters=n_parameters)
    for member in members:
        remove_folder(member.checkpoints)
        remove_folder(member.model)
    return TrainResult(
        run=run,
        stopped=stopped,
        epochs=max(map(len, histories)),
        best_epoch=first.facts["best_epoch"],
        keep=config.training.keep,
        n_parameters=n_parameters,
        train=train_scores,
        valid=valid_scores,
        seconds=seconds,
        threshold=binary_threshold(task),
        temperature=task.temperature if isinstance(task, Classification) else None,
        stand_in_for=inputs.prepared.stand_in_for,
        weighting=describe_weighting(task, config.loss, lambda: task.decode(outputs), task.decode_targets(valid.y))
        if len(valid)
        else None,
        networks=len(bundles),
    )
