"""The evaluation of a run as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from mlcli.config.loading.dump import dump_config
from mlcli.config.sections.config import Config
from mlcli.config.sections.model import ModelConfig, TabmConfig
from mlcli.data.notes import ColumnSummary, profile_notes, summarise_column
from mlcli.data.profile import Profile
from mlcli.data.quality.sample import DataFinding
from mlcli.data.tables.types import Images, SplitName
from mlcli.evaluation.evaluate import Evaluation
from mlcli.evaluation.mistakes import Mistakes, find_mistakes
from mlcli.io.text import counted, show_seconds
from mlcli.metrics.weighting import describe_correction
from mlcli.models.task import Classification, FittedTask
from mlcli.reports.gallery import EvaluatedModel
from mlcli.reports.html import render
from mlcli.reports.scores import coverage_table, describe_coverage, view_scores
from mlcli.runs.manifest import RunManifest

SPLIT_NAMES = {"train": "training", "valid": "validation", "test": "test"}
# Longer tables are folded.
MAX_OPEN_ROWS = 20
# The section of the page that a figure belongs to; all others belong to `answers`.
SECTIONS = {
    **dict.fromkeys(("learning_curve", "metric_curve", "fold_curves", "learning_rate"), "training"),
    "importance": "importance",
    **dict.fromkeys(("line_fit", "heat_map", "decision_boundary", "weights", "first_layer"), "learned"),
}


@dataclass(frozen=True)
class ReportFacts:
    """The content of the report.

    name        : of the run, such as iris/003
    summary     : the model and its data, in a sentence
    numbers     : the same in numbers, such as {"parameters": "1,234"}
    figures     : SVG documents by name, as `svg_text` gives them
    rows        : rows of each split
    columns     : columns of the data; empty for images
    classes     : rows of each class in each split; None for regression
    warnings    : findings in the data that may make the scores misleading, one line each
    notes       : other findings and what preparation did, one line each
    config      : the resolved configuration as YAML
    environment : versions, seed and date of the run, such as {"torch": "2.13.0"}
    config_name : stem of the file that the configuration is to be saved as
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
    numbers: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[SplitName, Mapping[str, int]] | None = None
    mistakes: Mistakes | None = None
    config_name: str = "config"


def render_report(facts: ReportFacts) -> str:
    """The page, which loads nothing and runs nothing; all text from the data is escaped."""
    figures: dict[str, dict[str, str]] = {
        part: {} for part in ("training", "answers", "importance", "effect", "learned")
    }
    for name, svg in facts.figures.items():
        part = "effect" if name.startswith("effect_") else SECTIONS.get(name, "answers")
        figures[part][name] = svg
    return render(
        "evaluation.html.j2",
        facts=facts,
        evaluation=facts.evaluation,
        split=SPLIT_NAMES[facts.evaluation.split],
        view=view_scores(facts.evaluation),
        coverage_title=describe_coverage(facts.evaluation),
        coverage=coverage_table(facts.evaluation),
        figures=figures,
        max_open_rows=MAX_OPEN_ROWS,
    )


def gather_facts(
    name: str,
    subject: EvaluatedModel,
    config: Config,
    manifest: RunManifest,
    profile: Profile,
    findings: Sequence[DataFinding],
    figures: Mapping[str, str],
) -> ReportFacts:
    """The report of a run called `name`; figures are SVG documents by name."""
    importances = subject.evaluation.importances
    important = [name for own in importances.columns for name in own.columns] if importances else []
    features = [column["name"] for column in profile["columns"] if column["role"] == "feature"]
    return ReportFacts(
        name=name,
        summary=describe_training(subject, config, manifest),
        numbers=_numbers(subject, manifest, profile),
        evaluation=subject.evaluation,
        figures=figures,
        rows=manifest.rows,
        columns=tuple(map(summarise_column, profile["columns"])),
        classes=profile["classes"],
        config=dump_config(config),
        config_name=config.name or "config",
        environment={
            **{name: str(value) for name, value in manifest.environment.items()},
            "seed": str(manifest.seed),
            "created": f"{manifest.created[:16].replace('T', ' ')} UTC",
            "data": manifest.data_fingerprint[:12],
        },
        warnings=tuple(finding.text for finding in findings if finding.serious),
        notes=(
            *filter(None, [describe_correction(subject.task)]),
            *(finding.text for finding in findings if not finding.serious),
            *profile_notes(profile),
        ),
        mistakes=find_mistakes(subject.task, subject.data, subject.truth, subject.predictions, important or features),
    )


def describe_training(subject: EvaluatedModel, config: Config, manifest: RunManifest) -> str:
    """The model, its task and its data, in a sentence."""
    stand_in = f", used in place of {manifest.stand_in_for}" if manifest.stand_in_for else ""
    path = getattr(config.dataset, "path", None)
    source = PurePath(path).name if path and not manifest.stand_in_for else manifest.dataset
    if isinstance(subject.data, Images):
        inputs = f"images of {' × '.join(map(str, subject.data.pixels.shape[1:]))} pixels"
    else:
        n = len(subject.data.features)
        inputs = counted(n, "column")
    return f"{_network(config.model)} that {_aim(subject.task)} from {inputs} of {source}{stand_in}."


def _network(model: ModelConfig) -> str:
    if not model.hidden and model.name == "mlp" and model.embedding.name == "none":
        return "A linear model"
    kind = f"A TabM of {model.members} members" if isinstance(model, TabmConfig) else "A multilayer perceptron"
    if not model.hidden:
        return f"{kind} without hidden layers"
    *first, last = map(str, model.hidden)
    widths = f"{', '.join(first)} and {last}" if first else last
    layers = "hidden layers" if first else "a hidden layer"
    return f"{kind} with {layers} of {widths} {model.activation} units"


def _aim(task: FittedTask) -> str:
    if not isinstance(task, Classification):
        more = f" and {len(task.targets) - 3} more" if len(task.targets) > 3 else ""
        quantile = "" if task.q is None else f"the {task.q:g} quantile of "
        return f"predicts {quantile}{', '.join(task.targets[:3])}{more}"
    if len(task.classes) == 2:
        return f"classifies ‘{task.classes[0]}’ and ‘{task.classes[1]}’"
    return f"predicts one of {len(task.classes)} classes"


def _numbers(subject: EvaluatedModel, manifest: RunManifest, profile: Profile) -> dict[str, str]:
    numbers = {f"{SPLIT_NAMES[split]} rows": f"{n:,}" for split, n in manifest.rows.items() if n}
    if profile["columns"]:
        numbers["input columns"] = f"{sum(column['role'] == 'feature' for column in profile['columns']):,}"
    numbers["parameters"] = f"{manifest.n_parameters:,}"
    numbers["epochs"] = f"{len(subject.history):,}, best: {subject.best_epoch:,}"
    if seconds := manifest.timings.get("train"):
        numbers["training time"] = show_seconds(seconds)
    return numbers
