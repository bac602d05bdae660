"""Evidence that is written down: curves of losses, and the results of probes."""

from dataclasses import replace

import numpy as np

from mlcli.diagnosis.diagnose import diagnose
from mlcli.diagnosis.evidence import ForestFacts, NetworkFacts, ProbeResults, TrainingEvidence
from mlcli.diagnosis.experiment import ChanceBaseline
from mlcli.training.state import EpochRecord

FLAT = [1.0, 0.8] + [0.6] * 28
LEARNED = [1.0, 0.5, 0.3, 0.2] + [0.1] * 26
MEMORISED = [1.0, 0.5, 0.3, 0.2] + [0.1 - 0.001 * epoch for epoch in range(26)]
RISING = [1.0, 0.5, 0.3] + [0.3 + 0.01 * epoch for epoch in range(27)]


def make_evidence(config, train_losses, valid_losses=(), **changes):
    """Evidence from losses as shares of the chance loss; the best epoch's are the scores."""
    valid_losses = list(valid_losses) or list(train_losses)
    history = [
        EpochRecord(epoch, epoch, 0.1, train, valid, {})
        for epoch, (train, valid) in enumerate(zip(train_losses, valid_losses, strict=True), start=1)
    ]
    best = min(range(len(history)), key=valid_losses.__getitem__) if history else None
    scores = ({}, {}) if best is None else ({"loss": train_losses[best]}, {"loss": valid_losses[best]})
    return replace(TrainingEvidence(config, history, *scores, ChanceBaseline(1.0, 1.0), n_valid=40), **changes)


NETWORK = NetworkFacts((0.1, 0.1), (), (), (), 0.8)


def forest_of(truth, predicted):
    number = np.arange(len(truth))
    return ForestFacts(number, np.asarray(truth, float), np.asarray(predicted, float), number)


NUMBERS = forest_of([[0.0], [1.0], [2.0]], [[0.1], [1.0], [1.9]])
BLIND = forest_of([[0.0], [1.0], [2.0]], [[1.0], [1.0], [1.0]])


def probed(config, train=LEARNED, valid=(), *, losses=None, **changes):
    """Evidence whose probes have no symptom but the given ones; losses: on the training and validation rows."""
    facts = {
        "rates": None, "untrained": NETWORK, "trained": NETWORK, "sizes": {"x": 1.0}, "skills": {"x": 0.1},
        "forest": NUMBERS, "labels": None, "curve": None, "valid_counts": (), "valid_deviation": 0.0,
    }  # fmt: skip
    other = {name: changes.pop(name) for name in ("counts", "classes", "n_valid") if name in changes}
    probes = ProbeResults(**{**facts, **changes})
    scores = {} if losses is None else dict(zip(("train", "valid"), ({"loss": loss} for loss in losses), strict=True))
    return replace(make_evidence(config, train, valid), probes=probes, **scores, **other)


def names(evidence):
    return [finding.name for finding in diagnose(evidence)]


LABELS = forest_of(np.eye(2)[[0, 1, 0, 1]], [[0.7, 0.3], [0.3, 0.7], [0.7, 0.3], [0.3, 0.7]])
