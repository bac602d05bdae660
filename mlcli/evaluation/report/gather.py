"""What the report tells, from the run's account, the data's profile and the measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from mlcli.checks.finding import Finding
from mlcli.config.dump import dump_config
from mlcli.config.model import ModelConfig
from mlcli.config.schema import Config
from mlcli.data.notes import profile_notes
from mlcli.data.profile import Profile
from mlcli.data.types import Images
from mlcli.evaluation.columns import column_facts
from mlcli.evaluation.gallery import Subject
from mlcli.evaluation.mistakes import find_mistakes
from mlcli.evaluation.report.facts import ReportFacts
from mlcli.evaluation.show import show_seconds
from mlcli.run.manifest import RunManifest
from mlcli.task import Classification, FittedTask

SPLIT_NAMES = {"train": "training rows", "valid": "validation rows", "test": "test rows"}


def gather_facts(
    name: str,
    subject: Subject,
    config: Config,
    manifest: RunManifest,
    profile: Profile,
    findings: Sequence[Finding],
    figures: Mapping[str, str],
) -> ReportFacts:
    """The report of a run called `name`; figures are SVG documents by name."""
    importances = subject.importances
    weighty = [] if importances is None else [column.name for column in importances.columns]
    features = [column["name"] for column in profile["columns"] if column["role"] == "feature"]
    return ReportFacts(
        name=name,
        summary=describe_run(subject, config, manifest),
        account=_account(subject, manifest, profile),
        evaluation=subject.evaluation,
        figures=figures,
        rows=manifest.rows,
        columns=tuple(map(column_facts, profile["columns"])),
        classes=profile["classes"],
        config=dump_config(config),
        config_name=config.name or "config",
        environment=_environment(manifest),
        warnings=tuple(finding.text for finding in findings if finding.serious),
        notes=(*(finding.text for finding in findings if not finding.serious), *profile_notes(profile)),
        importances=importances,
        mistakes=find_mistakes(subject.task, subject.data, subject.truth, subject.predictions, weighty or features),
    )


def describe_run(subject: Subject, config: Config, manifest: RunManifest) -> str:
    """What was trained to do what from what, in a sentence."""
    stand_in = f", standing in for {manifest.stand_in_for}" if manifest.stand_in_for else ""
    inputs = f"{_inputs(subject)} of {_source(config, manifest)}{stand_in}"
    return f"{_network(config.model)} that {_aim(subject.task)} {inputs}."


def _network(model: ModelConfig) -> str:
    if not model.hidden:
        return "A linear model"
    *first, last = map(str, model.hidden)
    widths = f"{', '.join(first)} and {last}" if first else last
    layers = "hidden layers" if first else "a hidden layer"
    return f"A multilayer perceptron with {layers} of {widths} {model.activation} units"


def _aim(task: FittedTask) -> str:
    if not isinstance(task, Classification):
        return f"predicts {_listed(task.targets)} from"
    if len(task.classes) <= 3:
        return f"tells {' and '.join(f'‘{name}’' for name in task.classes)} apart by"
    return f"tells {len(task.classes)} classes apart by"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _inputs(subject: Subject) -> str:
    if isinstance(subject.data, Images):
        return f"pictures of {' × '.join(map(str, subject.data.pixels.shape[1:]))} pixels"
    n = len(subject.data.features)
    return f"{n:,} column{'' if n == 1 else 's'}"


def _source(config: Config, manifest: RunManifest) -> str:
    """The file's name, without the folder, or the dataset's."""
    path = getattr(config.dataset, "path", None)
    return PurePath(path).name if path and not manifest.stand_in_for else manifest.dataset


def _account(subject: Subject, manifest: RunManifest, profile: Profile) -> dict[str, str]:
    account = {SPLIT_NAMES[split]: f"{n:,}" for split, n in manifest.rows.items() if n}
    if profile["columns"]:
        account["input columns"] = f"{sum(column['role'] == 'feature' for column in profile['columns']):,}"
    account["parameters"] = f"{manifest.n_parameters:,}"
    account["epochs"] = f"{len(subject.history):,}, kept: {subject.best_epoch:,}"
    if seconds := manifest.timings.get("train"):
        account["training time"] = show_seconds(seconds)
    return account


def _environment(manifest: RunManifest) -> dict[str, str]:
    return {
        **{name: str(value) for name, value in manifest.environment.items()},
        "seed": str(manifest.seed),
        "made": f"{manifest.created[:16].replace('T', ' ')} UTC",
        "data": manifest.data_fingerprint[:12],
    }
