"""The evidence of a diagnosis: a training's history and scores, and the results of probes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mlcli.config.loading.load import read_resolved
from mlcli.config.sections.config import Config
from mlcli.diagnosis.experiment import ChanceBaseline, measure_chance, skill_of
from mlcli.diagnosis.range_test import RateRange
from mlcli.errors import ArtefactError, ConfigError
from mlcli.io.json import from_json
from mlcli.models.inference import FittedNetwork
from mlcli.models.task import Classification, FittedTask
from mlcli.runs.bundle import load_bundle
from mlcli.runs.folder import Run
from mlcli.runs.history import read_metrics
from mlcli.training.context import TrainingContext
from mlcli.training.datasets import Rows
from mlcli.training.inputs import Inputs, make_context
from mlcli.training.loop import TrainedModel, best_scores
from mlcli.training.state import EpochRecord

# Sections that decide what a training does; a run that differs in one says nothing about the configuration.
TRAINED_BY = ("seed", "dataset", "features", "model", "loss", "optimizer", "training")


@dataclass(frozen=True)
class TrainingEvidence:
    """One training: its history, its scores and the results of probes.

    train, valid : loss and metrics of the best weights; empty without such weights, or without rows
    n_valid      : validation rows
    counts       : training rows of each class; empty for regression
    classes      : their names
    diverged     : it ended at a loss that is not a finite number
    probes       : None where none were run
    """

    config: Config
    history: Sequence[EpochRecord]
    train: Mapping[str, float]
    valid: Mapping[str, float]
    chance: ChanceBaseline
    n_valid: int
    counts: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    diverged: bool = False
    probes: ProbeResults | None = None

    @cached_property
    def losses(self) -> list[float]:
        """Training loss of each epoch as a share of the chance loss; empty where that is 0."""
        chance = self.chance.uniform_loss
        return [record.train_loss / chance for record in self.history] if chance > 0 else []

    @cached_property
    def valid_losses(self) -> list[float]:
        """Validation loss of each epoch as a share of the chance loss; empty without validation rows."""
        losses = [record.valid_loss for record in self.history if record.valid_loss is not None]
        return [loss / self.chance.uniform_loss for loss in losses] if self.chance.uniform_loss > 0 else []

    @property
    def rates(self) -> RateRange | None:
        """The range test; None where none was made."""
        return self.probes.rates if self.probes is not None else None

    def fall(self, share: float) -> float:
        """By how much the training loss fell over the last `share` of the epochs, as a share of the chance loss."""
        return self.losses[-1 - max(1, round(share * len(self.losses)))] - self.losses[-1]

    def skill(self, scores: Mapping[str, float]) -> float:
        """1 − loss / chance loss, or the same of errors where the chance loss is 0: 0 is chance and 1 perfect."""
        if self.chance.prior_loss > 0:
            return 1 - scores["loss"] / self.chance.prior_loss
        if not self.counts:
            return 1.0  # a constant target
        majority = max(self.counts) / sum(self.counts)
        return (scores.get("accuracy", majority) - majority) / (1 - majority)


@dataclass(frozen=True)
class ForestFacts:
    """Out-of-bag predictions of training rows.

    rows      : (n,) their positions among the training rows, from 0
    truth     : (n, K) classes as ones and zeros, or (n, n_targets) standardised targets
    predicted : as truth, with probabilities for classes
    alike     : (n,) the same number for rows with the same inputs
    weights   : (n,), how much each row counts; None where all count alike
    """

    rows: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    alike: np.ndarray
    weights: np.ndarray | None = None

    @property
    def skill(self) -> float:
        """0 is chance and 1 perfect."""
        return skill_of(self.truth, self.predicted, self.weights)

    def ranking(self, rare: int) -> tuple[float, float]:
        """ROC AUC of a class against the others, and its standard error where ranks are random (Mann and Whitney).

        (0.5, 0.5) where the rows are of one side only.
        """
        from sklearn.metrics import roc_auc_score

        positive = self.truth[:, rare] > 0
        n, n_rare = len(positive), int(positive.sum())
        if n_rare in (0, n):
            return 0.5, 0.5
        deviation = math.sqrt((n + 1) / (12 * n_rare * (n - n_rare)))
        return float(roc_auc_score(positive, self.predicted[:, rare])), deviation


@dataclass(frozen=True)
class LabelFacts:
    """Labels that contradict out-of-bag predictions.

    error_rate  : of the most confident quarter of the predictions
    n_confident : rows of that quarter
    n_distinct  : of them, rows with different inputs
    all_errors  : error rate of all predictions
    suspects    : their row numbers in the file, the most confident prediction first
    files       : the same as files of folders of images; empty for other sources
    """

    error_rate: float
    n_confident: int
    n_distinct: int
    all_errors: float
    suspects: tuple[int, ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class NetworkFacts:
    """A network with its present weights, on a sample of the training rows.

    gradients : root mean square of the gradient of each layer's weights, the first layer's first
    dead      : share of units of each hidden layer that output 0 for every row; empty for other units than ReLU
    saturated : share of outputs of each hidden layer in the flat ends; empty for activations without
    predicted : rows that the network predicts for each class; empty for regression
    skill     : on the same rows: 0 is chance and 1 perfect
    """

    gradients: tuple[float, ...]
    dead: tuple[float, ...]
    saturated: tuple[float, ...]
    predicted: tuple[int, ...]
    skill: float


@dataclass(frozen=True)
class RowCurve:
    """The lowest validation loss of trainings on different numbers of rows."""

    rows: tuple[int, ...]
    losses: tuple[float, ...]

    @property
    def gain(self) -> float:
        """By how much twice the rows would lower the loss, by a least-squares line of the loss over log₂(rows)."""
        slope, _ = np.polyfit(np.log2(self.rows), self.losses, 1)
        return -float(slope)


@dataclass(frozen=True)
class ProbeResults:
    """The results of all probes.

    untrained, trained : the network with its initial weights, and with its best ones
    sizes              : root mean square of each numeric input on a sample of the training rows, by its name
    skills             : of each column before encoding, used alone, on rows held out: 0 is chance and 1 perfect
    labels             : None for regression
    curve              : None where training and validation loss are close, or where it would take too long
    valid_counts       : validation rows of each class; empty for regression
    valid_deviation    : standard error of the loss on the validation rows; 0 where there are fewer than two
    worst_share        : share of the loss in the worst hundredth of the training rows, and of the validation rows
    linear, network    : skill on the validation rows of ridge regression and of the network
    regularised        : validation loss of a training with what is recommended against overfitting; None where training
                         and validation loss are close, or where it would take too long
    """

    rates: RateRange | None
    untrained: NetworkFacts
    trained: NetworkFacts
    sizes: dict[str, float]
    skills: dict[str, float]
    forest: ForestFacts
    labels: LabelFacts | None
    curve: RowCurve | None
    valid_counts: tuple[int, ...]
    valid_deviation: float
    worst_share: tuple[float, float] = (0.0, 0.0)
    linear: float = 0.0
    network: float = 0.0
    regularised: float | None = None


def untrained_evidence(context: TrainingContext, task: FittedTask) -> TrainingEvidence:
    """What is known before the first epoch."""
    counts, classes = (task.counts, task.classes) if isinstance(task, Classification) else ((), ())
    chance = measure_chance(context.cost, task, context.train.y, context.train.weights)
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
    run: Run, config: Config, inputs: Inputs, arrays: tuple[Rows, Rows]
) -> tuple[TrainingEvidence, TrainingContext] | None:
    """A run's training, and its network's best weights in a context.

    None where it was not trained with this configuration and these rows, or not to its end.
    """
    try:
        manifest, trained = run.read_manifest(), read_resolved(run.config)
        same = all(getattr(trained, section) == getattr(config, section) for section in TRAINED_BY)
        ended = manifest.status in ("finished", "early", "diverged")
        complete = ended and manifest.members == 1  # an ensemble has no single history
        if not (same and complete) or manifest.data_fingerprint != inputs.prepared.fingerprint:
            return None
        bundle = load_bundle(run.model) if run.model.exists() else None
        facts = bundle.facts if bundle is not None else {}
        train, valid = (from_json(dict[str, float], facts.get(split, {}), run.model) for split in ("train", "valid"))
        history = read_metrics(run)
    except (ArtefactError, ConfigError):
        return None
    context = make_context(config, inputs, arrays)
    if bundle is not None and isinstance(bundle.model, FittedNetwork):
        context.model.load(bundle.model)
    evidence = untrained_evidence(context, inputs.task)
    diverged = manifest.status == "diverged"
    return replace(evidence, history=history, train=train, valid=valid, diverged=diverged), context
