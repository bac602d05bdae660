"""Step 4: performance measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from mlcli.config.loading.load import read_resolved
from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared
from mlcli.data.quality.checks import obtain_findings
from mlcli.data.quality.sample import DataFinding
from mlcli.data.splitting import dependent_groups
from mlcli.data.tables.types import SPLITS, Dataset, SplitName
from mlcli.errors import ArtefactError, ConfigError, Problem, UsageError
from mlcli.evaluation.baselines import (
    CONSTANTS,
    Baseline,
    baseline_names,
    fingerprint_baselines,
    obtain_baselines,
    predict_baselines,
)
from mlcli.evaluation.certainty import NOTHING_ASKED, Certainty, cover, decide_threshold, with_evaluation
from mlcli.evaluation.effects import measure_effects
from mlcli.evaluation.evaluate import Evaluation, evaluate_predictions, find_misses, parse_bounds, write_evaluation
from mlcli.evaluation.held_out import (
    BYTES_PER_ROW,
    EVALUATION_FOLDS,
    LIBRARIES,
    held_out_rows,
    join_predictions,
    require_fold_memory,
)
from mlcli.evaluation.importance import PredictAt, measure_importance
from mlcli.features.far_values import find_far_values, tell_far_values
from mlcli.metrics.measure import measure
from mlcli.metrics.weighting import describe_weighting
from mlcli.models.predictions import Predictions
from mlcli.reporter import Reporter
from mlcli.reports.evaluation_page import gather_facts, render_report
from mlcli.reports.figures.style import svg_text
from mlcli.reports.gallery import EvaluatedModel, describe_weights, draw_gallery, shown_weights
from mlcli.runs.bundle import Bundle, note_scores
from mlcli.runs.folder import Run
from mlcli.runs.history import read_metrics
from mlcli.runs.manifest import RunManifest
from mlcli.runs.predictions import SavedPredictions, fingerprint_rows
from mlcli.runs.rows import prepare_data_of

if TYPE_CHECKING:
    from mlcli.evaluation.out_of_fold import MemberRows
    from mlcli.evaluation.repeated import FoldScores, SeedScores

# Keys of `evaluation` that training uses.
TRAINED_WITH = ("threshold", "positive", "calibration")


@dataclass(frozen=True)
class EvaluateResult:
    """What was measured, and where it is written."""

    run: Run
    evaluation: Evaluation
    misses: tuple[str, ...]
    findings: tuple[DataFinding, ...] = ()

    @property
    def serious(self) -> tuple[str, ...]:
        """Warnings that `--strict` refuses."""
        return tuple(str(finding) for finding in self.findings if finding.serious)

    def to_json(self) -> dict[str, Any]:
        """The document of `evaluate --json`."""
        return {
            "run": str(self.run),
            "folder": self.run.evaluation,
            "report": self.run.report,
            **self.evaluation.to_json(),
            "misses": self.misses,
            "findings": self.findings,
        }


def evaluate(
    run: Run,
    split: str,
    bounds: Sequence[str],
    sets: Sequence[str],
    reporter: Reporter,
    certainty: Certainty = NOTHING_ASKED,
) -> EvaluateResult:
    """Measure a run's model on one split, beside baselines; write metrics, figures and report."""
    config = evaluated_config(run, sets)
    manifest = run.read_manifest()
    require_trainable(run, manifest, config)
    bundle = decide_threshold(run, certainty, reporter)
    config = with_evaluation(config, threshold=bundle.config.evaluation.threshold)
    bundle = replace(bundle, config=bundle.config.model_copy(update={"evaluation": config.evaluation}))
    asked = parse_bounds(bundle.task, bounds)
    prepared = prepare_data_of(run, reporter)
    if config.evaluation.folds is not None:
        require_fold_memory(prepared, EVALUATION_FOLDS, BYTES_PER_ROW, LIBRARIES)
    out_of_fold = held_out_rows(config, prepared, bundle.task) is not None
    name, data = choose_split(prepared, split, reporter, out_of_fold=out_of_fold)
    rows = _member_rows(config, prepared, bundle) if out_of_fold and name == "valid" else None
    if rows is not None:
        if bundle.facts.get("held_out") != rows.fingerprint:
            raise ArtefactError(
                f"{run}: its networks have other validation rows than this version of mlcli gives them, so that they "
                "would be measured on rows that they were trained on; train it again, or evaluate it on test rows"
            )
        data = rows.take(prepared)
        reporter.say(f"Each of the {len(data):,} rows is predicted by the network that was not trained on it")
    for text in tell_far_values(find_far_values(bundle.features, data), f"{name} rows: "):
        reporter.warn(text)
    if (groups := dependent_groups(bundle.config.dataset.split, data)) is not None:
        reporter.say(f"Intervals resample whole groups: {len(np.unique(groups)):,} of them have the {len(data):,} rows")
    baselines = train_baselines(bundle, prepared, data, reporter, rows, name)
    looks = run.count_test_look() if name == "test" else manifest.test_looks
    predictions = bundle.predict(data) if rows is None else rows.predict(bundle)
    predict_at = (lambda data, _: bundle.predict(data)) if rows is None else rows.predictor(bundle)
    subject = measure_bundle(run, bundle, data, predictions, predict_at, baselines, name, looks)
    covered = cover(bundle, data, predictions, certainty.interval, name, reporter)
    seeds, folds = _repeat_training(config, bundle, prepared, data, reporter)  # last, as it leaves gaps in memory
    evaluation = replace(subject.evaluation, seeds=seeds, folds=folds, interval=certainty.interval, coverage=covered)
    subject = replace(subject, evaluation=evaluation)
    reporter.explain("scores", bundle.config, subject.evaluation)
    figures = {title: svg_text(figure) for title, figure in draw_gallery(subject).items()}
    findings = obtain_findings(prepared, bundle.config.dataset, reporter)
    facts = gather_facts(str(run), subject, bundle.config, manifest, prepared.profile, findings, figures)
    report = render_report(facts)
    write_evaluation(
        run.evaluation, subject.evaluation, saved_predictions(prepared, name, subject, groups), figures, report
    )
    if name == "test":
        values = {score.name: score.value for score in subject.evaluation.scores}
        if not note_scores(run, bundle, name, values):
            reporter.say(f"The model card of {run} is left as it is: another process trains the run")
    wanted, own = [metric for metric, _ in asked], data.row_weights
    scores = measure(bundle.task, subject.truth, subject.predictions, wanted, weights=own)
    return EvaluateResult(run, subject.evaluation, find_misses(asked, scores), findings)


# Trainings import torch, which takes longer than most evaluations need.
def _member_rows(config: Config, prepared: Prepared, bundle: Bundle) -> MemberRows:
    """The rows of each network of an ensemble."""
    from mlcli.evaluation.out_of_fold import MemberRows
    from mlcli.training.inputs import Inputs

    return MemberRows.of(config, Inputs(prepared, bundle.task, bundle.features))


def _repeat_training(
    config: Config, bundle: Bundle, prepared: Prepared, data: Dataset, reporter: Reporter
) -> tuple[SeedScores | None, FoldScores | None]:
    """Scores of other seeds and of cross-validation, where evaluation.seeds and evaluation.folds ask for them."""
    if config.evaluation.seeds == 1 and config.evaluation.folds is None:
        return None, None
    from mlcli.evaluation.cross_validation import measure_folds
    from mlcli.evaluation.refit import measure_seeds

    return measure_seeds(config, bundle, prepared, data, reporter), measure_folds(config, prepared, reporter)


def evaluated_config(run: Run, sets: Sequence[str]) -> Config:
    """The run's config with other keys of `evaluation`, except those that training uses. Raises ConfigError."""
    before = read_resolved(run.config)
    if not sets:
        return before
    after = read_resolved(run.config, sets)
    sections = [name for name in Config.model_fields if name != "evaluation"]
    changed = [name for name in sections if getattr(after, name) != getattr(before, name)]
    used = [name for name in TRAINED_WITH if getattr(after.evaluation, name) != getattr(before.evaluation, name)]
    changed += [f"evaluation.{name}" for name in used]
    if changed:
        text = "is fixed by training; evaluate only changes other keys of evaluation. Train again with: mlcli train"
        raise ConfigError([Problem(key, text, "--set") for key in changed])
    return after


def require_trainable(run: Run, manifest: RunManifest, config: Config) -> None:
    """Raise UsageError where the ensemble of a search would have to be trained again."""
    again = config.evaluation.seeds > 1 or config.evaluation.folds is not None
    if manifest.members > 1 and config.training.ensemble == 1 and again:
        raise UsageError(
            f"run {run} is an ensemble of {manifest.members} networks; evaluation.seeds and evaluation.folds train "
            "a single one again: evaluate a run of mlcli train"
        )
    if manifest.parent and again:
        raise UsageError(
            f"run {run} started from the weights of {manifest.parent}; evaluation.seeds and evaluation.folds train "
            "with new ones, which says nothing about it: leave them out"
        )


def choose_split(
    prepared: Prepared, split: str, reporter: Reporter, *, out_of_fold: bool = False
) -> tuple[SplitName, Dataset]:
    """The rows to measure on: those of the split or, where it is empty, of another, with a warning.

    out_of_fold : validation rows are predicted by networks that were not trained on them
    """
    if split not in SPLITS:
        raise UsageError(f"--split: must be one of {', '.join(SPLITS)}; got '{split}'")
    order: list[SplitName] = [name for name in SPLITS if name == split] + [n for n in ("valid", "train") if n != split]
    name = next(name for name in order if len(prepared.splits[name]))
    if name == "valid" != split and out_of_fold:
        reporter.say(f"There are no {split} rows (dataset.split): measuring on the validation rows of all networks")
    elif name != split:
        reporter.warn(
            f"there are no {split} rows (dataset.split); measuring on the {name} rows instead, "
            "which says little about new data"
        )
    return name, prepared.splits[name]


def train_baselines(
    bundle: Bundle,
    prepared: Prepared,
    data: Dataset,
    reporter: Reporter,
    rows: MemberRows | None = None,
    split: SplitName = "test",
) -> tuple[Baseline, ...]:
    """The baselines' predictions on the rows to measure, which are fitted on the network's training rows once.

    rows  : of each network, where these differ: the baselines are then fitted on each network's training rows
    split : of the rows to measure
    """
    names = baseline_names(bundle.task, bundle.config.evaluation.baselines)
    parts = [split] if rows is None else [sha256(own.tobytes()).hexdigest() for own in rows.held_out or ()]

    def fit() -> tuple[Baseline, ...]:
        if set(names) - set(CONSTANTS):
            reporter.say(f"Training the baselines: {', '.join(names)}")
        pairs = [(prepared.splits.train, data)] if rows is None else rows.splits(prepared)
        fitted = [
            predict_baselines(bundle.task, bundle.features, train, measured, names, bundle.config.seed)
            for train, measured in pairs
        ]
        return tuple(
            replace(own[0], predictions=join_predictions([one.predictions for one in own]))
            for own in zip(*fitted, strict=True)
        )

    if not set(names) - set(CONSTANTS):
        return fit()
    identity = (prepared.fingerprint, *parts)
    key = fingerprint_baselines(bundle.task, bundle.features, identity, names, bundle.config.seed)
    folder = prepared.folder.with_name(f"{prepared.folder.name}-baselines-{key}")
    return obtain_baselines(folder, bundle.task, names, fit, reporter)


def measure_bundle(
    run: Run,
    bundle: Bundle,
    data: Dataset,
    predictions: Predictions,
    predict_at: PredictAt,
    baselines: Sequence[Baseline],
    split: SplitName,
    looks: int,
) -> EvaluatedModel:
    """Measure the predictions for the rows; the result has all that the figures need.

    predict_at : what predicted the rows, for other cells in their place
    """
    truth, groups = bundle.task.truth(data), dependent_groups(bundle.config.dataset.split, data)
    weights = bundle.weights()
    evaluation = evaluate_predictions(
        bundle.task,
        truth,
        predictions,
        bundle.config.evaluation,
        split=split,
        test_looks=looks,
        baselines=baselines,
        seed=bundle.config.seed,
        stand_in_for=bundle.facts.get("stand_in_for"),
        weights=None if weights is None else describe_weights(weights),
        weighting=describe_weighting(
            bundle.task,
            bundle.config.loss,
            lambda: predictions.mean_probabilities(data.row_weights),
            truth,
            data.row_weights,
        ),
        groups=groups,
        row_weights=data.row_weights,
        weighted_by=bundle.config.dataset.weight_name,
    )
    headline, seed = evaluation.scores[evaluation.headline], bundle.config.seed
    importances = measure_importance(bundle.task, data, truth, predictions, predict_at, headline, seed, groups)
    effects = measure_effects(bundle.task, data, bundle.predict, importances, seed)
    return EvaluatedModel(
        task=bundle.task,
        data=data,
        truth=truth,
        predictions=predictions,
        evaluation=replace(evaluation, importances=importances, effects=effects),
        history=read_metrics(run),
        best_epoch=bundle.facts.get("best_epoch", 0),
        predict=bundle.predict,
        **shown_weights(bundle),
    )


def saved_predictions(
    prepared: Prepared, split: SplitName, subject: EvaluatedModel, groups: np.ndarray | None
) -> SavedPredictions:
    """The predictions row by row, with the fingerprint of the rows."""
    rows = fingerprint_rows(prepared.rows_fingerprint, split, subject.task, subject.truth)
    weights = subject.data.row_weights
    return SavedPredictions(split, rows, subject.task, subject.truth, subject.predictions, groups, weights)
