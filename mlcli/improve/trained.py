"""A run as the diagnosis sees it: its history, its scores, and its network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mlcli.bundle import load_bundle
from mlcli.config.load import load_config
from mlcli.errors import ArtefactError, ConfigError
from mlcli.improve.case import Case, untrained_case
from mlcli.improve.trial import Bench
from mlcli.inputs import make_job
from mlcli.run import Run, read_metrics
from mlcli.training.job import TrainingJob
from mlcli.training.losses import build_loss
from mlcli.typed_json import from_json

# Sections that decide what a training does; a run that differs in one says nothing about the configuration.
TRAINED_BY = ("seed", "dataset", "features", "model", "loss", "optimizer", "training")
ENDED = ("finished", "early", "diverged")


def case_of_run(run: Run, bench: Bench, look_closer: Callable[[Case, TrainingJob], Case]) -> Case | None:
    """A run as a diagnosis sees it; None where it was not trained like the start, or not to its end."""
    try:
        manifest, trained = run.read_manifest(), load_config(run.config)
        same = all(getattr(trained, section) == getattr(bench.start, section) for section in TRAINED_BY)
        whole = manifest.status in ENDED and manifest.members == 1  # an ensemble has no one history
        if not (same and whole) or manifest.data_fingerprint != bench.inputs.prepared.fingerprint:
            return None
        bundle = load_bundle(run.model) if run.model.exists() else None
        facts = bundle.facts if bundle is not None else {}
        train, valid = (from_json(dict[str, float], facts.get(split, {}), run.model) for split in ("train", "valid"))
        history = read_metrics(run)
    except (ArtefactError, ConfigError):
        return None
    diverged = manifest.status == "diverged"
    case = replace(blank_case(bench), history=history, train=train, valid=valid, diverged=diverged)
    job = make_job(bench.start, bench.inputs, bench.arrays)
    if bundle is not None:
        job.model.load_state_dict(bundle.model.state_dict())
    return look_closer(case, job)


def blank_case(bench: Bench) -> Case:
    """The start before its training."""
    task, y = bench.inputs.task, bench.arrays[0].y
    loss = build_loss(bench.start.loss, task, y.device)
    return untrained_case(bench.start, task, loss, y, len(bench.arrays[1]))
