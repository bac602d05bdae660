"""What the evaluation report shows, from the run's manifest, the data's profile and the measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from mlcli.config.loading.dump import dump_config
from mlcli.config.sections.config import Config
from mlcli.config.sections.model import ModelConfig
from mlcli.data.notes import ColumnSummary, profile_notes, summarise_column
from mlcli.data.profile import Profile
from mlcli.data.quality.sample import DataFinding
from mlcli.data.tables.types import Images, SplitName
from mlcli.evaluation.evaluate import Evaluation
from mlcli.evaluation.importance import Importances
from mlcli.evaluation.mistakes import Mistakes, find_mistakes
from mlcli.io.text import show_seconds
from mlcli.models.task import Classification, FittedTask
from mlcli.reports.gallery import GallerySubject
from mlcli.runs.manifest import RunManifest


@dataclass(frozen=True)
class ReportFacts:
    """What the report tells.

    name        : of the run, such as iris/003
    summary     : what was trained on what, in a sentence or two
    account     : the same in figures, such as {"parameters": "1,234"}
    figures     : SVG documents by name, as `svg_text` gives them
    rows        : rows of each split
    columns     : columns of the data; empty for pictures
    classes     : rows of each class in each split; None for regression
    warnings    : what in the data may make the scores say less than they seem to, one line each
    notes       : what was found and done while preparing, one line each
    config      : the resolved configuration as YAML
    environment : what the run was made with, such as {"torch": "2.13.0"}
    config_name : of the file that the configuration is to be saved as
    """

    name: str
    summary: str
    evaluation: Evaluation
    figures: Mapping[str, str]
    rows: Mapping[str, int]
    columns: tuple[ColumnSummary, ...]
    config: str
    environment: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[SplitName, Mapping[str, int]] | None = None
    importances: Importances | None = None
    mistakes: Mistakes | None = None
    config_name: str = "config"


SPLIT_NAMES = {"train": "training rows", "valid": "validation rows", "test": "test rows"}


def gather_facts(
    name: str,
    subject: GallerySubject,
    config: Config,
    manifest: RunManifest,
    profile: Profile,
    findings: Sequence[DataFinding],
    figures: Mapping[str, str],
) -> ReportFacts:
    """The report of a run called `name`; figures are SVG documents by name."""
    importances = subject.importances
    weighty = [] if importances is None else [column.name for column in importances.columns]
    features = [column["name"] for column in profile["columns"] if column["role"] == "feature"]
    return ReportFacts(
        name=name,
        summary=describe_training(subject, config, manifest),
        account=_account(subject, manifest, profile),
        evaluation=subject.evaluation,
        figures=figures,
        rows=manifest.rows,
        columns=tuple(map(summarise_column, profile["columns"])),
        classes=profile["classes"],
        config=dump_config(config),
        config_name=config.name or "config",
        environment=_environment(manifest),
        warnings=tuple(finding.text for finding in findings if finding.serious),
        notes=(*(finding.text for finding in findings if not finding.serious), *profile_notes(profile)),
        importances=importances,
        mistakes=find_mistakes(subject.task, subject.data, subject.truth, subject.predictions, weighty or features),
    )


def describe_training(subject: GallerySubject, config: Config, manifest: RunManifest) -> str:
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


def _inputs(subject: GallerySubject) -> str:
    if isinstance(subject.data, Images):
        return f"pictures of {' × '.join(map(str, subject.data.pixels.shape[1:]))} pixels"
    n = len(subject.data.features)
    return f"{n:,} column{'' if n == 1 else 's'}"


def _source(config: Config, manifest: RunManifest) -> str:
    """The file's name, without the folder, or the dataset's."""
    path = getattr(config.dataset, "path", None)
    return PurePath(path).name if path and not manifest.stand_in_for else manifest.dataset


def _account(subject: GallerySubject, manifest: RunManifest, profile: Profile) -> dict[str, str]:
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
